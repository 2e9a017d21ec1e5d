"""What a look says of performance beside the metric of the floor, on a real project with a real log."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import quarter
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.core.codec import from_json, to_json
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.journal.events import RetrainStarted
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.engine import tick
from flyball.loop.evidence.monitor import monitor
from flyball.loop.evidence.performance import estimated_floored
from flyball.loop.extras import Extras, Wish
from flyball.loop.memory import Memory
from flyball.monitoring.estimation import FILE, estimation_from_json, estimation_to_json
from flyball.monitoring.records import MonitorReport, PerformanceDetails
from flyball.registry.bundle import read_manifest, write_bundle
from flyball.registry.signing import load_key
from flyball.serving.records import Outcome
from flyball.testing.samples import NOON, predictions
from flyball.words.sentences import sentence
from quarter import DAY, MODEL, SPEC, Town, people

TEXT = SPEC.replace('metrics = ["roc_auc", "brier"]', 'metrics = ["roc_auc", "brier", "accuracy"]\nsplit = { by = "time", test = "10d" }')
TEXT = TEXT.replace("[monitor]", '[monitor]\nslices = ["price", "shop", "nobody"]')


class Shops(Town):
    """The town, whose requests say in which shop they were made. `flat` days are those on which nobody differs from anybody."""

    flat: bool = False

    def ask(self, *, lag: timedelta | None = None) -> None:
        """One day of predictions and, unless told otherwise, their outcomes within the day."""
        rows = people(self.day, self.seed, changed=self.day >= self.changes_on)
        if self.flat:
            rows[["price", "calls"]] *= 0.05
        deployment = self.world.deployments.current(MODEL)
        assert deployment is not None and deployment.champion is not None
        engine, schema = self._engine(deployment.bundles[deployment.champion])
        score = engine.score(Table({name: rows[name].to_numpy() for name in schema.names}))
        batch = quarter._batch(rows, deployment.champion, score, schema, shadow=False)
        self.world.predictions.add(replace(batch, context=[{"shop": "north" if row % 3 else "south"} for row in range(len(rows))]))
        self.day += 1
        known = rows["known_at"] if lag is None else rows["seen_at"] + lag
        self.tell(rows, known)

    def tell(self, rows: pd.DataFrame, known: "pd.Series[pd.Timestamp]") -> None:
        outcomes = [
            Outcome(actual=int(left), at=at.to_pydatetime(), entity=name)
            for name, left, at in zip(rows["customer"], rows["left"], known, strict=True)
        ]
        self.world.outcomes.take(MODEL, outcomes, within=timedelta(days=365))

    def state(self) -> State:
        return fold(MODEL, self.world.journal.read(MODEL))

    def look(self, state: State | None = None, *, memory: Memory | None = None) -> MonitorReport:
        state = self.state() if state is None else state
        assert state.champion is not None
        return monitor(self.world, self.spec, state, state.champion, memory or self.memory, now=self.now)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    lived = Shops(tmp_path_factory.mktemp("details") / "town", text=TEXT)
    lived.begin()
    for _ in range(9):
        lived.ask()
    yield lived
    lived.close()


def details(report: MonitorReport) -> PerformanceDetails:
    assert report.details is not None
    return report.details


def test_every_metric_of_the_spec_is_told_that_of_the_floor_first(town: Shops) -> None:
    report = town.look()
    found = details(report)
    assert [one.metric for one in found.metrics] == ["brier", "roc_auc", "accuracy"]
    assert found.metrics[0] == report.performance
    for one in found.metrics:
        assert one.value is not None and one.lower is not None and one.upper is not None
        assert one.lower < one.value < one.upper
        assert (one.blocks, one.matured, one.labelled) == (7, 1750, 1750)


def test_coverage_says_what_was_predicted_what_is_old_enough_and_how_long_outcomes_take(town: Shops) -> None:
    found = details(town.look()).coverage
    assert (found.predicted, found.matured, found.labelled) == (2000, 1750, 1750)
    assert found.lag_median is not None and found.lag_90 is not None
    assert 0.45 * 86_400 < found.lag_median < 0.55 * 86_400 < 0.8 * 86_400 < found.lag_90 < 86_400


def test_estimates_stand_beside_what_was_realised_and_hold_it(town: Shops) -> None:
    found = details(town.look())
    for real in found.metrics:
        past, newest = (one for one in found.estimated if one.metric == real.metric)
        assert past.value is not None and past.lower is not None and past.upper is not None and real.value is not None
        assert past.lower <= real.value <= past.upper
        assert past.window == Window(start=town.now - 8 * DAY, end=town.now - DAY)
        assert newest.window == Window(start=town.now - DAY, end=town.now)
        assert (past.rows, newest.rows) == (1750, 250)


def test_slices_are_columns_or_keys_of_the_context_and_what_is_neither_is_said(town: Shops) -> None:
    found = details(town.look())
    by_column = {name: [one.value for one in found.slices if one.column == name] for name in ("price", "shop", "nobody")}
    assert len(by_column["price"]) == 4
    assert by_column["shop"] == ["north", "south"]
    assert by_column["nobody"] == []
    assert [sentence(note) for note in found.notes if note.code == "slice.unknown"] == [
        "slice 'nobody': no column the model reads, and no request had it in its context."
    ]
    assert sum(one.performance.matured for one in found.slices if one.column == "shop") == 1750


def test_scores_of_a_good_model_lie_near_the_shares(town: Shops) -> None:
    found = details(town.look())
    assert sum(one.rows for one in found.calibration) == 1750
    assert found.calibration_error is not None and found.calibration_error < 0.05
    assert any(note.code == "calibration.error" for note in found.notes)


def test_a_look_with_an_empty_memory_says_the_same_and_survives_its_store(town: Shops) -> None:
    report = town.look()
    assert details(town.look(memory=Memory())) == details(report)
    assert from_json(to_json(report), MonitorReport) == report


def test_of_very_many_rows_some_of_each_day_are_looked_at_and_that_is_said(town: Shops, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = details(town.look())
    monkeypatch.setattr("flyball.loop.evidence.details.MOST_ROWS", 1200)
    report = town.look(memory=Memory())
    found = details(report)
    assert found.notes[0].code == "coverage.sampled" and "one in 2 of those" in sentence(found.notes[0])
    assert (found.coverage.predicted, found.coverage.matured, found.coverage.labelled) == (
        whole.coverage.predicted,
        whole.coverage.matured,
        whole.coverage.labelled,
    )
    assert found.metrics[0] == report.performance  # the floor is about all rows
    assert found.metrics[1].labelled == pytest.approx(whole.metrics[1].labelled / 2, rel=0.1)
    assert found.metrics[1].blocks == whole.metrics[1].blocks
    assert {one.value for one in found.slices} >= {"north", "south"}


def test_details_come_with_the_reports_that_are_kept_and_the_floor_at_every_tick(town: Shops) -> None:
    first = tick(town.world, town.spec, town.memory, now=town.now).evidence
    again = tick(town.world, town.spec, town.memory, now=town.now + timedelta(minutes=1)).evidence
    assert first is not None and again is not None
    assert first.estimated_floor is not None and first.floor is not None
    assert again.estimated_floor is None and again.floor is not None
    kept = town.world.reports.latest(MODEL)
    assert kept is not None and kept.details is not None


@pytest.mark.parametrize("newer", [False, True])
def test_a_bundle_of_before_estimates_or_of_a_newer_flyball_has_none_and_says_why(town: Shops, newer: bool) -> None:
    state = town.state()
    registered = state.versions[1].registered
    folder = town.world.bundles.path(registered.bundle)
    manifest = read_manifest(folder, registered.bundle)
    assert FILE in manifest.files
    files: dict[str, Path | bytes] = {name: folder / name for name in manifest.files if name != FILE}
    if newer:
        files[FILE] = estimation_to_json(replace(estimation_from_json((folder / FILE).read_bytes()), format=99))
    bundle = town.folder / f"other-{newer}"
    write_bundle(bundle, manifest, files, load_key(town.folder / ".flyball" / "key"))
    digest = town.world.bundles.put(bundle)
    known = replace(state.versions[1], registered=replace(registered, bundle=digest))
    report = town.look(replace(state, versions={**state.versions, 1: known}), memory=Memory())
    found = details(report)
    assert [one.value for one in found.metrics] == [one.value for one in details(town.look()).metrics]
    assert {one.reason.code for one in found.estimated} == {"estimated.not_available"}
    assert all(one.value is None for one in found.estimated)
    floor = estimated_floored(town.spec, state, report)
    assert floor is not None and floor.verdict.value == "undecided"


def test_concept_drift_is_in_the_realised_value_and_not_in_the_estimate(tmp_path: Path) -> None:
    town = Shops(tmp_path / "town", text=TEXT, changes_on=0)
    town.begin()
    for _ in range(9):
        town.ask()
    found = details(town.look())
    real, past = found.metrics[0], found.estimated[0]
    assert real.value is not None and past.value is not None and past.upper is not None
    assert real.value > past.upper + 0.1
    town.close()


def test_outcomes_that_come_too_late_do_not_count_and_are_counted(tmp_path: Path) -> None:
    town = Shops(tmp_path / "town", text=TEXT)
    town.begin()
    for day in range(9):
        town.ask(lag=timedelta(hours=30) if day % 2 else None)
    found = details(town.look())
    assert found.coverage.matured == 1750
    assert found.coverage.labelled == found.metrics[0].labelled == 750
    late = [note for note in found.notes if note.code == "coverage.late"]
    assert len(late) == 1 and 900 <= int(str(late[0].values["late"])) <= 1000
    town.close()


def test_before_labels_come_scores_and_drift_together_ask_for_a_training(tmp_path: Path) -> None:
    """Outcomes take a week. Customers who cannot be told apart make the scores say themselves that they are worth little."""
    text = (
        TEXT.replace('matures = "1d"', 'matures = "7d"')
        .replace("min_outcomes = 500", "min_outcomes = 1")
        .replace('window = "21d"', 'window = "60d"')
    )
    text = text.replace('on = ["performance", "schedule"]\nevery = "28d"', 'on = ["performance"]')
    town = Shops(tmp_path / "town", text=text)
    town.begin()
    started: list[RetrainStarted] = []
    for _ in range(13):
        town.flat = town.day >= 6
        town.ask(lag=timedelta(days=6))
        entries = tick(town.world, town.spec, town.memory, now=town.now).entries
        started += [entry.event for entry in entries if isinstance(entry.event, RetrainStarted)]
        if started:
            break
    assert started and 6 < town.day <= 12
    assert (started[0].cause, started[0].reason.code) == ("performance", "retrain.estimated")
    assert "before its labels are known, brier" in sentence(started[0].reason)
    assert "price" in str(started[0].reason.values["columns"])
    town.close()


WISH = Wish(model="churn", version=1, features=("plan",), context=("shop",), forecast=None)
ALL = Window(start=NOON - timedelta(days=3), end=NOON + timedelta(days=3))


def test_a_day_that_got_more_rows_is_read_again() -> None:
    log, extras = MemoryPredictionLog(), Extras()
    log.add(predictions(["a", "b"], at=[NOON, NOON + timedelta(hours=1)], context=[{"shop": "x"}, None]))
    first = extras.of(log, WISH, log.rows("churn", 1, ALL))
    assert first.columns["shop"].tolist() == ["x", None]
    assert first.columns["plan"].tolist() == ["basic", "basic"]
    log.add(predictions(["c", "d"], at=[NOON + timedelta(minutes=30), NOON + timedelta(days=1)], context=[{"shop": "y"}, {"shop": "z"}]))
    again = extras.of(log, WISH, log.rows("churn", 1, ALL))
    assert again.columns["shop"].tolist() == ["x", "y", None, "z"]


def test_a_window_may_begin_in_the_middle_of_a_day_that_is_remembered() -> None:
    log, extras = MemoryPredictionLog(), Extras()
    times = [NOON + timedelta(minutes=minute) for minute in range(50)]
    log.add(predictions([str(n) for n in range(50)], at=times, context=[{"shop": str(n)} for n in range(50)]))
    extras.of(log, WISH, log.rows("churn", 1, ALL))
    later = log.rows("churn", 1, Window(start=times[20], end=times[30]))
    assert extras.of(log, WISH, later).columns["shop"].tolist() == [str(n) for n in range(20, 30)]
    extras.forget(int(later.day[0]) + 1)
    assert extras.of(log, WISH, later).columns["shop"].tolist() == [str(n) for n in range(20, 30)]


def test_nothing_is_read_where_nothing_is_wished_for() -> None:
    rows = MemoryPredictionLog().rows("churn", 1, ALL)
    empty = Extras().of(MemoryPredictionLog(), WISH, rows)
    assert len(empty.columns["plan"]) == 0 and len(empty.columns["shop"]) == 0
    wish = replace(WISH, features=(), context=())
    assert wish.nothing and not Extras().of(MemoryPredictionLog(), wish, rows).columns.columns
