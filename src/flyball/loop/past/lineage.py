"""The chain behind one answer: from the prediction to what was in production, to the version, its run, its code and its data."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flyball.core.errors import FlyballError, NotFoundError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.slug import slug
from flyball.journal.events import Entry, Registered
from flyball.journal.explain import registered
from flyball.journal.known import State
from flyball.loop.batch.part import WORKER as BATCH
from flyball.loop.past.history import Production, production, state_at
from flyball.ports.history import Journal, PredictionLog
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Lineage
from flyball.serving.records import Outcome, Prediction


@record
class Chain:
    """Everything behind one answer. Of a version that was never registered here (a prediction made elsewhere) nothing more is known.

    `lag`: how long after the prediction's event time the outcome was known. `bundle`: what the version answered from then; `lineage`
    None and `trouble` set: it is not on this machine. `production`: what was in production when it was answered; `part`: what this answer
    was part of. `snapshot_path`: where a snapshot lies in the project while it is the newest.
    """

    prediction: Prediction
    outcome: Outcome | None
    registered: Registered | None
    registered_at: datetime | None
    lineage: Lineage | None
    lag: timedelta | None = None
    bundle: str = ""
    model_sha256: str = ""
    snapshot_path: str = ""
    production: Production | None = None
    part: Reason | None = None
    trouble: str = ""


def chain_of(prediction_id: str, log: PredictionLog, journal: Journal, bundles: BundleStore) -> Chain:
    """The chain behind one prediction, by the server's id or the client's; NotFoundError if nobody made it."""
    found = log.find(prediction_id)
    if found is None:
        raise NotFoundError(
            f"there is no prediction {prediction_id!r}",
            hint="ids stand in the answers of /predict; an answer of this very moment may still be on its way to the log",
        )
    prediction, outcome = found
    lag = outcome.at - prediction.at if outcome is not None else None
    entries = journal.read(prediction.model)
    event = registered(entries, prediction.version)
    moment, then = _answered_at(prediction, entries)
    stood = production(then, moment) if entries else None
    part = part_of(prediction, stood) if stood is not None else None
    if event is None:
        return Chain(
            prediction=prediction,
            outcome=outcome,
            registered=None,
            registered_at=None,
            lineage=None,
            lag=lag,
            production=stood,
            part=part,
        )
    known = then.versions.get(prediction.version)
    bundle = known.registered.bundle if known is not None else event.bundle
    lineage, model_sha256, trouble = _opened(bundles, (bundle, event.bundle, *_later(entries, prediction.version)))
    return Chain(
        prediction=prediction,
        outcome=outcome,
        registered=event,
        registered_at=next(entry.at for entry in entries if entry.event is event),
        lineage=lineage,
        lag=lag,
        bundle=bundle,
        model_sha256=model_sha256,
        snapshot_path=f"snapshots/{slug(prediction.model)}.parquet",
        production=stood,
        part=part,
        trouble=trouble,
    )


_APART = ("unassigned", "override", "holdback")  # variants that take part in no comparison, whatever runs


def part_of(prediction: Prediction, stood: Production) -> Reason:
    """What an answer was part of: a rollout, a staged challenger, a version that was asked for, or just the champion's work."""
    values = {"version": prediction.version, "champion": stood.champion, "variant": prediction.variant}
    if prediction.worker.startswith("elsewhere"):
        return because("trace.elsewhere", **values)
    if prediction.variant == "pinned":
        return because("trace.pinned", **values)
    if prediction.variant in _APART:
        return because(f"trace.{prediction.variant}", **values)
    rollout = stood.rollout
    if rollout is not None:
        told = {**values, "challenger": rollout.version, "strategy": rollout.strategy, "metric": rollout.metric}
        share = stood.challenger_share
        if prediction.version == rollout.version:
            return because("trace.challenger", **told, share=share)
        if prediction.version == stood.champion and rollout.strategy == "shadow":
            return because("trace.shadowed", **told)
        if prediction.version == stood.champion and share > 0.0:
            return because("trace.control", **told, share=1.0 - share)
    if prediction.version == stood.challenger:
        return because("trace.staged", **values, share=stood.challenger_share)
    if prediction.version != stood.champion:
        return because("trace.not_champion", **values)
    if stood.watch is not None:
        return because("trace.watched", **values, previous=stood.watch.previous)
    return because("trace.champion", **values)


def _answered_at(prediction: Prediction, entries: Sequence[Entry]) -> tuple[datetime, State]:
    """The time of the answer on the journal's clock, and what was known then: the event time, unless only the server's time fits.

    A replay has a clock of its own, which the journal keeps too; a file of old rows is scored long after their event times.
    """
    stood = state_at(prediction.model, entries, prediction.at)
    named = (stood.champion, stood.challenger, stood.previous)
    if prediction.worker != BATCH and prediction.version in named:
        return prediction.at, stood
    return prediction.made_at, state_at(prediction.model, entries, prediction.made_at)


def _later(entries: Sequence[Entry], version: int) -> list[str]:
    """The bundles a version had after it was given other references: the same engine and lineage in each."""
    return [
        bundle for entry in entries if getattr(entry.event, "version", None) == version and (bundle := getattr(entry.event, "bundle", ""))
    ]


def _opened(bundles: BundleStore, digests: Sequence[str]) -> tuple[Lineage | None, str, str]:
    """Lineage and digest of the model from the first of these bundles that is here; else why the first one is not."""
    trouble = ""
    for digest in dict.fromkeys(digests):
        try:
            manifest = read_manifest(bundles.path(digest), digest)
        except FlyballError as error:
            trouble = trouble or error.message
        else:
            return manifest.lineage, manifest.model_sha256, ""
    return None, "", trouble
