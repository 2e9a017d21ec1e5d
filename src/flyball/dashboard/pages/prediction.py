"""Prediction: one answer by its id, its features against what the model was trained on, and the way back to the data; and the newest."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from flyball.core.errors import NotFoundError
from flyball.core.record import record
from flyball.core.window import Window, from_micros
from flyball.dashboard.pages.prediction_features import features
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.journal.events import Entry
from flyball.loop.past.lineage import Chain, chain_of
from flyball.loop.past.stretches import champions

NEWEST = 25
_FAR = timedelta(days=3650)
_LONGEST = 200


@record
class Row:
    """A prediction in the list. `score` is that of the answer where there are several; `actual` None: not known yet."""

    prediction_id: str
    at: datetime
    version: int
    variant: str
    label: object
    score: float
    actual: object


def page(ask: Ask) -> Page:
    """The prediction whose id was given, or the newest ones."""
    wanted = ask.query.get("id", "").strip()[:_LONGEST]
    parts = [Part(key="form", body=filled("prediction_form.html", ask, wanted=wanted))]
    if wanted:
        try:
            chain = found(ask, wanted)
        except NotFoundError as error:
            parts.append(Part(key="answer", body=filled("prediction_unknown.html", ask, wanted=wanted, hint=error.hint)))
        else:
            parts += _one(ask, chain)
            return Page(title=ask.t("prediction.title_one"), parts=parts)
    parts.append(guarded(ask, "newest", lambda: _newest(ask), every=5))
    return Page(title=ask.t("prediction.title"), parts=parts)


def found(ask: Ask, wanted: str) -> Chain:
    """The chain behind an answer of this model, as soon as its server has taken it in: looking writes nothing."""
    world = ask.world
    chain = chain_of(wanted, world.predictions, world.journal, world.bundles)
    if chain.prediction.model != ask.model:  # several models can share a store
        raise NotFoundError(f"there is no prediction {wanted!r} of {ask.model}", hint=ask.t("prediction.other_model"))
    return chain


def rows_of(ask: Ask, entries: Sequence[Entry], version: int) -> list[Row]:
    """The newest answers: of one version, or (0) of those in production. Read from the end of the log by time, never more than a few."""
    current = ask.world.deployments.current(ask.model)
    named = () if current is None else (current.champion, current.challenger, current.previous)
    versions = [version] if version else list(dict.fromkeys(one for one in named if one is not None))
    ends = {one.version: one.end for one in champions(entries, ask.now + _FAR)}
    start, late = from_micros(0), ask.now + _FAR
    made: list[Row] = []
    for one in versions:
        # What scored in shadow after it was replaced answered nobody: the list of a former champion ends where it was replaced.
        end = ends.get(one, late) if version else late
        if end <= start:
            continue
        logged = ask.world.predictions.rows(ask.model, one, Window(start=start, end=end), newest=NEWEST, arms=True)
        variants = logged.variant if logged.variant is not None else [""] * len(logged.at)
        for number in range(len(logged.at)):
            if variants[number] != "shadow":
                score = logged.score[number]
                made.append(
                    Row(
                        prediction_id=str(logged.prediction_id[number]),
                        at=from_micros(int(logged.at[number])),
                        version=one,
                        variant=str(variants[number]),
                        label=logged.label[number],
                        score=float(score.max() if getattr(score, "ndim", 0) else score),
                        actual=logged.actual[number],
                    )
                )
    return sorted(made, key=lambda row: row.at, reverse=True)[:NEWEST]


def _newest(ask: Ask) -> Markup:
    entries = ask.world.journal.read(ask.model)
    text = ask.query.get("version", "").strip().removeprefix("@")
    version = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    rows = rows_of(ask, entries, version)
    return filled("prediction_newest.html", ask, rows=rows, version=version, regression=ask.project.spec().model.task == "regression")


def _one(ask: Ask, chain: Chain) -> list[Part]:
    return [
        Part(key="answer", body=_answer(ask, chain)),
        guarded(ask, "features", lambda: features(ask, chain)),
        Part(key="back", body=_back(ask, chain)),
    ]


def _answer(ask: Ask, chain: Chain) -> Markup:
    p, outcome = chain.prediction, chain.outcome
    right = None
    if outcome is not None and ask.project.spec().model.task != "regression":
        right = str(outcome.actual) == str(p.label)
    scores = list(p.score) if isinstance(p.score, tuple) else [p.score]
    return filled("prediction_answer.html", ask, chain=chain, p=p, outcome=outcome, right=right, scores=scores)


def _back(ask: Ask, chain: Chain) -> Markup:
    return filled("prediction_back.html", ask, chain=chain, made=chain.registered, lineage=chain.lineage, mlflow=ask.links.mlflow)
