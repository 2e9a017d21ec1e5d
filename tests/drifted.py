"""A project of many features that was looked at every day for more than a year, as its store holds it: two versions, no predictions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from flyball.adapters.local.bundles import LocalBundles
from flyball.core.reason import because
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.core.window import Window, to_micros
from flyball.data.profile import Reference, build_reference, reference_digest, reference_to_json
from flyball.data.season import Season
from flyball.evaluation.records import Decision
from flyball.journal.events import Event, Promoted, Registered
from flyball.loop.evidence.monitor import shortened
from flyball.loop.world import World
from flyball.monitoring.counts import Counter
from flyball.monitoring.drift import drift
from flyball.monitoring.records import ColumnDrift, DatasetDrift, MonitorReport, QualityFinding
from flyball.monitoring.slots import CountKey, Slot, Step
from flyball.monitoring.tally import tally_of
from flyball.registry.bundle import write_bundle
from flyball.registry.signing import load_key
from flyball.serving.records import Place
from flyball.wiring import open_dashboard
from served import manifest

NOW = datetime(2026, 3, 29, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MODEL = "wide"
SPEC = '[model]\nname = "wide"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "pipeline:train"\n'
EXAMPLE = "01a22e2dfb8170a600000ed9607808d4"


class Wide(NamedTuple):
    """What the features are, and how many rows a day has."""

    schema: Schema
    rows: int


def drifted(folder: Path, names: Sequence[str], *, days: int = 400, season: Season = "none", rows: int = 600) -> Path:
    """The project. From 20 days before the end on the first feature moves, and the second is missing in half of the rows; the third is a
    category with a new name, and of the last feature there are too few rows to say.
    """
    folder.mkdir(parents=True)
    (folder / "flyball.toml").write_text(SPEC)
    (folder / ".flyball").mkdir()
    (folder / ".flyball" / "key").write_text("5a" * 32)
    (folder / ".flyball" / "key").chmod(0o600)
    world = open_dashboard([folder]).projects[0].world()
    bundles = LocalBundles(folder / ".flyball" / "bundles", folder / ".flyball" / "key")
    schema = Schema(
        columns=tuple(Column(name=name, kind="category" if at % 3 == 2 else "number", nullable=True) for at, name in enumerate(names))
    )
    known = Wide(schema, rows)
    half = NOW - days * DAY / 2
    events: list[Event] = []
    for version in (1, 2):
        reference = _reference(schema, version, season)
        fresh = folder / "made" / f"v{version}"
        write_bundle(
            fresh,
            manifest(model=MODEL, schema=schema),
            {"reference.json": reference_to_json(reference)},
            load_key(folder / ".flyball" / "key"),
        )
        events += _came(version, bundles.put(fresh))
        ends = [NOW - number * DAY for number in reversed(range(days)) if (NOW - number * DAY < half) == (version == 1)]
        _looked(world, known, reference, version, ends)
    world.journal.append(MODEL, events, expected=0, actor="test", at=NOW - days * DAY)
    return folder


def _rows(schema: Schema, rows: int, *, seed: int, shift: float = 0.0, last: bool = False) -> tuple[Table, dict[str, np.ndarray]]:
    chance = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {}
    numbers, texts = chance.normal(50, 10, rows), chance.choice(np.array(["basic", "pro", "team"], dtype=object), rows)
    for at, column in enumerate(schema.columns):
        columns[column.name] = np.roll(texts if column.kind == "category" else numbers, at)
    if last:
        first, second, third = (column.name for column in schema.columns[:3])
        columns[first] = columns[first] + shift
        columns[second] = np.where(chance.random(rows) < 0.5, np.nan, columns[second])
        columns[third] = np.where(chance.random(rows) < 0.2, "brand new", columns[third]).astype(object)
    return Table(columns), {"score": chance.random(rows)}


def _reference(schema: Schema, version: int, season: Season) -> Reference:
    table, scores = _rows(schema, 3000, seed=version)
    if season == "none":
        return build_reference(table, schema, scores)
    times = to_micros(NOW - 500 * DAY) + np.arange(3000, dtype=np.int64) * 1_200_000_000
    return build_reference(table, schema, scores, times, score_times=times, season=season)


def _came(version: int, bundle: str) -> list[Event]:
    nothing: dict[str, float] = {}
    registered = Registered(
        version=version, run_id="r", bundle=bundle, snapshot="s", identity=f"i{version}", engine="onnx", metrics=nothing, lower=nothing,
        upper=nothing, gate=Decision(verdict=Verdict.PASS, checks=()), cause="manual", action="", rows=3000, trained_from=None,
        trained_until=None, seconds=nothing,
    )  # fmt: skip
    why = because("promote.first", version=version)
    return [registered, Promoted(version=version, replaced=version - 1 or None, reason=why, forced=False, watch_until=None)]


def _looked(world: World, known: Wide, reference: Reference, version: int, ends: Sequence[datetime]) -> None:
    """A look at each of these times, and the counts of the days it needs, in slots as fine as a loop keeps them."""
    counter = Counter(reference)
    calm, late = (_judged(known, reference, counter, last=last) for last in (False, True))
    ledger = CountKey(version=version, against=version, reference=reference_digest(reference))
    slots: list[Slot] = []
    for end in ends:
        moved = NOW - end < 20 * DAY
        window = Window(start=end - DAY, end=end)
        world.reports.save(MODEL, _report(late if moved else calm, window, version))
        if NOW - end < 30 * DAY or abs(NOW - end - 364 * DAY) < 10 * DAY:
            slots += _slots(known, counter, end, moved)
    world.counts.add(MODEL, [Step(ledger=ledger, after=None, place=Place(), slots=tuple(slots))])


def _judged(known: Wide, reference: Reference, counter: Counter, *, last: bool) -> dict[str, ColumnDrift]:
    table, scores = _rows(known.schema, known.rows, seed=7, shift=15.0, last=last)
    found = drift(reference, counter.count(table, scores), looks=100)
    few = known.schema.columns[-1].name
    found[few] = replace(found[few], state="insufficient data", rows=12, reason=because("drift.few_rows", column=few, rows=12, needed=500))
    return found


def _report(columns: dict[str, ColumnDrift], window: Window, version: int) -> MonitorReport:
    moved = tuple(name for name, one in columns.items() if one.state == "drift")
    second = list(columns)[1]
    told = because(
        "drift.dataset_moved",
        watched=len(columns),
        found=len(moved),
        share=len(moved) / len(columns),
        rate=0.05,
        names=", ".join(moved[:3]),
    )
    finding = QualityFinding(
        severity="warning", column=second, reason=because("drift.all_new", column=second), rows=300, examples=(EXAMPLE,)
    )
    columns = {name: replace(one, span=window) for name, one in columns.items()}
    report = MonitorReport(
        window=window, version=version, rows=600, columns=columns, performance=None, quality=(finding,),
        dataset=DatasetDrift(discoveries=moved, watched=len(columns), share=len(moved) / len(columns), rate=0.05, reason=told),
    )  # fmt: skip
    return shortened(report, set())


def _slots(known: Wide, counter: Counter, end: datetime, moved: bool) -> list[Slot]:
    """The counts of a day: in one slot, in quarters of an hour if it is younger than two days, in minutes in the last three hours."""
    size = timedelta(minutes=15) if NOW - end < 2 * DAY else DAY
    rows = known.rows
    table, scores = _rows(known.schema, rows, seed=end.toordinal(), shift=15.0, last=moved)
    places = counter.places(table, scores, rows)
    at = to_micros(end - DAY) + (np.arange(rows, dtype=np.int64) * 86_400_000_000) // rows
    lengths = np.full(rows, size // timedelta(microseconds=1))
    lengths[at >= to_micros(NOW - 3 * HOUR)] = 60_000_000
    starts = at // lengths * lengths
    found = []
    for start in np.unique(starts).tolist():
        here = starts == start
        tally = tally_of(places[here].ravel(), at[here], counter.size)
        found.append(Slot(start=start, length=int(lengths[here][0]), variant="champion", tally=tally))
    return found
