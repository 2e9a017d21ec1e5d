"""Leaving: everything a project knows of its model goes into tables, through the ports alone, so from any store."""

from collections.abc import Callable, Sequence
from datetime import datetime

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.known import Known, State
from flyball.journal.state import fold
from flyball.loop.leaving.records import Left, Tables, Version
from flyball.loop.leaving.rows import Cell, cells_of, counted, happened, logged, reported, requests
from flyball.loop.memory import Memory
from flyball.monitoring.slots import CountKey
from flyball.ports.history import Journal, PredictionLog
from flyball.ports.serving import BundleStore
from flyball.ports.watching import TRAFFIC_KEPT, CountStore, Reports, Traffic

MOST = 20_000
"""Predictions of which something is in memory at once."""


@record
class History:
    """The ports that know what happened."""

    journal: Journal
    predictions: PredictionLog
    counts: CountStore
    traffic: Traffic
    reports: Reports
    bundles: BundleStore


def leave(
    history: History,
    model: str,
    window: Window,
    tables: Tables,
    *,
    now: datetime,
    most: int = MOST,
    progress: Callable[[str, int], None] = lambda table, rows: None,
) -> Left:
    """Write what falls into a window: predictions by event time with their outcomes, counts, requests, reports and journal by their own.

    `progress` hears the table and how many of its rows there are so far.
    """
    history.predictions.ingest()
    state = fold(model, history.journal.read(model))
    versions = sorted(state.versions.keys() | history.predictions.count(model, window).keys())
    rows = 0
    for rows, (prediction, outcome) in enumerate(logged(history.predictions, model, versions, window, most=most), 1):
        tables.add("predictions", prediction)
        if outcome is not None:
            tables.add("outcomes", outcome)
        if rows % 1000 == 0:
            progress("predictions", rows)
    progress("predictions", rows)
    _counts(history, state, window, tables, progress)
    for one in requests(history.traffic, model, window, now=now, kept=TRAFFIC_KEPT):
        tables.add("requests", one)
    for one in reported(history.reports, model, window):
        tables.add("reports", one)
    for one in happened(history.journal.links(model), window):
        tables.add("journal", one)
    return Left(
        tables=tables.done(),
        versions={version: _version(history.bundles, known) for version, known in sorted(state.versions.items())},
        unreadable=len(history.reports.passed_over(model)),
    )


def _counts(history: History, state: State, window: Window, tables: Tables, progress: Callable[[str, int], None]) -> None:
    memory, rows = Memory(), 0
    for ledger in history.counts.places(state.model):
        for found, hours in counted(history.counts, state.model, ledger, _cells(history.bundles, state, memory, ledger), window):
            for one in found:
                tables.add("counts", one)
            for one in hours:
                tables.add("hours", one)
            rows += len(found)
            progress("counts", rows)


def _cells(bundles: BundleStore, state: State, memory: Memory, ledger: CountKey) -> Sequence[Cell]:
    """The cells of a ledger's reference; none where a bundle is not here, or has another reference by now."""
    try:
        own, against = (state.versions[version].registered.bundle for version in (ledger.version, ledger.against))
        counter = memory.counter(bundles, own, against)
        if counter.reference != ledger.reference:
            return ()
        return cells_of(memory.bundle(bundles, against)[1], counter.columns)
    except (FlyballError, KeyError):
        return ()


def _version(bundles: BundleStore, known: Known) -> Version:
    registered = known.registered
    try:
        manifest, _ = Memory().bundle(bundles, registered.bundle)
        classes = tuple(str(one) for one in manifest.classes)
    except FlyballError:
        classes = ()
    return Version(run_id=registered.run_id, bundle=registered.bundle, snapshot=registered.snapshot, created_at=known.at, classes=classes)
