"""What a candidate has to show before it may answer anybody, beside the gate's own lines: on logged requests, and on untouched rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.reason import because
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.core.window import Window, to_micros
from flyball.data.snapshot import WEIGHT, known_at, micros
from flyball.data.split import blocks_of
from flyball.data.untouched import untouched_rows, untouched_rule
from flyball.evaluation.records import Check
from flyball.evaluation.replay import ask, compare_answers
from flyball.evaluation.replay_gate import NAME, replay_checks
from flyball.evaluation.turned import LABELS, UNTOUCHED, inverted, still_knows
from flyball.loop.making.judge import Judgement, Rival
from flyball.loop.making.requested import requested
from flyball.loop.making.scorers import Score, scorer
from flyball.loop.making.workshop import Workshop
from flyball.loop.replaying.latency import by_table, latency
from flyball.loop.replaying.rows import answerable, logged_requests, readable
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Manifest
from flyball.spec.records import Spec

_LATELY = timedelta(days=7)
_REPLAYED = timedelta(days=30)
_ROWS = 2_000  # requests whose columns are looked at where none are replayed
_TIMED = 100


@record
class Made:
    """A candidate: its verified bundle, the rows of its snapshot, and the numbers of those it was judged on."""

    bundle: Path
    digest: str
    rows: Table
    test: NDArray[np.int64]


def before_traffic(
    judgement: Judgement,
    spec: Spec,
    workshop: Workshop,
    rival: Rival | None,
    made: Made,
    *,
    folder: Path,
    now: datetime,
) -> Judgement:
    """The judgement with what the newest logged requests and the untouched rows say of the candidate.

    Without a champion there is nobody to hold it against. What keeps a
    check from being made is undecided: it is told, and never taken for a pass.
    """
    if rival is None:
        return judgement
    try:
        champion, old = rival.open()
    except FlyballError:  # a champion that cannot be opened was evidence for nothing already
        return judgement
    candidate = read_manifest(made.bundle, made.digest)
    new = scorer(made.bundle, made.digest, candidate, workshop, folder)
    sides = (champion, old), (candidate, new)
    checks = _attempt(NAME, lambda: _on_requests(spec, workshop, rival.version, sides, now))
    checks += _attempt(UNTOUCHED, lambda: _on_untouched(spec, made, sides))
    checks += _attempt(LABELS, lambda: _on_labels(spec, made.rows, champion, old))
    return replace(judgement, decision=judgement.decision.joined_by(checks))


_Side = tuple[Manifest, Score]


def _attempt(name: str, make: Callable[[], list[Check]]) -> list[Check]:
    try:
        return make()
    except FlyballError as error:
        reason = because("gate.check_failed", check=name, error=error.message)
        return [Check(metric=name, verdict=Verdict.UNDECIDED, reason=reason)]


def _on_requests(spec: Spec, workshop: Workshop, version: int, sides: tuple[_Side, _Side], now: datetime) -> list[Check]:
    """Whether requests of late bring its columns, and whether it answers them."""
    (champion, old), (candidate, new) = sides
    limits = spec.evaluate.replay
    workshop.predictions.ingest()
    window = Window(start=now - _REPLAYED, end=now)
    logged = logged_requests(workshop.predictions, spec.model.name, window, limits.rows or _ROWS)
    lately = logged.features.take(logged.at >= to_micros(now - _LATELY)) if len(logged.ids) else Table({})
    checks = requested(lately, champion.schema, candidate.schema) if lately.rows else []
    if not limits.rows:
        return checks
    requests, left_out = answerable(logged, champion, candidate, spec.data, now=now)
    calls = 60 if candidate.engine == "native" else 400
    said = [
        ask(
            score,
            readable(requests.features, made.schema),
            version=number,
            task=made.task,
            classes=made.classes,
            threshold=made.threshold,
            calls=calls,
        )
        for number, (made, score) in ((version, (champion, old)), (0, (candidate, new)))
    ]
    report = compare_answers(spec.model.name, requests, said[0], said[1], left_out=left_out, places=False)
    if limits.latency is not None and "native" not in (champion.engine, candidate.engine):
        fine = requests.features.take(np.flatnonzero(~(said[0].failed | said[1].failed))[:_TIMED])
        asks = [by_table(score, readable(fine, made.schema)) for made, score in sides]
        report = replace(report, latency=latency(asks[0], asks[1], fine.rows))
    return checks + replay_checks(report, limits)


def _on_untouched(spec: Spec, made: Made, sides: tuple[_Side, _Side]) -> list[Check]:
    """Whether the candidate still knows what the champion knows of rows that neither learned from, labelled before that was made."""
    (champion, _), (candidate, _) = sides
    rows = made.rows
    rule = untouched_rule(spec.evaluate, spec.data, rows.rows)
    if not rule:
        return []
    if champion.untouched != rule or candidate.untouched != rule or champion.classes != candidate.classes:
        reason = because("untouched.not_kept", rule=rule)
        return [Check(metric=UNTOUCHED, verdict=Verdict.NOT_APPLICABLE, reason=reason)]
    if spec.evaluate.split.by == "time":
        chosen = untouched_rows(rows, spec.data, spec.evaluate)
    else:
        chosen = np.zeros(rows.rows, dtype=np.bool_)
        chosen[made.test] = True
    known = known_at(rows, spec.data)
    if known is not None:
        chosen &= known < to_micros(champion.created_at)
    table = rows.take(chosen)
    if not table.rows:
        empty = np.empty(0)
        return [_compared(spec, table, champion, empty, empty)]
    scores = [score(table.select(side.schema.names)) for side, score in sides]
    return [_compared(spec, table, champion, scores[1], scores[0])]


def _compared(spec: Spec, table: Table, made: Manifest, candidate: NDArray[np.float64], champion: NDArray[np.float64]) -> Check:
    return still_knows(
        table[spec.data.target],
        candidate,
        champion,
        task=spec.model.task,
        classes=made.classes,
        blocks=blocks_of(table, spec.data),
        weight=np.asarray(table[WEIGHT], dtype=np.float64) if WEIGHT in table else None,
        seed=spec.evaluate.split.seed,
    )


def _on_labels(spec: Spec, rows: Table, champion: Manifest, old: Score) -> list[Check]:
    """Whether labels that are new to the champion say the opposite of what it says.

    Where answers change their own outcomes, those of the rows it would act on may do so rightly: whom an offer reaches does not leave.
    There only the others are looked at.
    """
    shaped = spec.model.influences_outcome
    if not spec.evaluate.untouched or spec.data.time is None or champion.trained_until is None or (shaped and spec.model.task != "binary"):
        return []
    times = micros(rows[spec.data.time])
    new = times > to_micros(champion.trained_until)
    table, when = rows.take(new), times[new]
    if not table.rows:
        return []
    said = old(table.select(champion.schema.names))
    if shaped:
        alone = said < champion.threshold
        table, when, said = table.take(alone), when[alone], said[alone]
    found = inverted(table[spec.data.target], said, when, task=spec.model.task, classes=champion.classes)
    if found is None:
        return []
    first, last, auc, count = found
    begin, end = (str(np.datetime64(at, "us").astype("datetime64[m]")) + "Z" for at in (first, last))
    reason = because("labels.inverted", begin=begin, end=end, auc=auc, rows=count)
    return [Check(metric=LABELS, verdict=Verdict.FAIL, reason=reason)]
