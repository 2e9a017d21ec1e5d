"""Counting what was predicted: each row once, in any order and any pieces, and the same report however it came about."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.core.errors import FlyballError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.data.profile import Reference, build_reference
from flyball.loop import counting
from flyball.loop.counting import count_rows, live, rebuild, score_arrays
from flyball.loop.evidence.drift import window_drift, window_spans
from flyball.loop.memory import Memory
from flyball.loop.spans import Wanted, counted
from flyball.monitoring.counts import Counts
from flyball.monitoring.slots import CountKey
from flyball.serving.records import Place
from flyball.testing.samples import NOON
from served import manifest
from watched import MODEL, SCHEMA, Watched, reference, rows

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = NOON + timedelta(minutes=34, seconds=56)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path).register(1, reference()).promote(1)


def everything(watched: Watched, now: Any = NOW, *, version: int = 1, back: timedelta = 400 * DAY) -> Counts:
    """All that is kept of a version on its own reference."""
    kept = counted(watched.world, watched.state, version, watched.memory, now=now, back=back, beside=None)[0]
    return kept.make(Wanted(since=(back,))).since[0].counts


def plain(counts: Counts) -> tuple[int, dict[str, list[int]]]:
    return counts.rows, {name: cells.tolist() for name, cells in counts.columns.items()}


def seen(watched: Watched, now: Any = NOW) -> Any:
    """Everything a look is made of: every window, the newest rows, the pieces of the past, and their hours."""
    (kept,) = counted(watched.world, watched.state, 1, watched.memory, now=now, back=28 * DAY, beside=None)
    lengths = (5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY, 4 * DAY, 14 * DAY, 28 * DAY)
    made = kept.make(Wanted(since=lengths, latest=20, between=(kept.past(),)))
    spans = [*made.since, *made.between[0]]
    return [(span.window, dict(span.hours), plain(span.counts)) for span in spans], made.latest and (
        dict(made.latest.hours),
        plain(made.latest.counts),
    )


AGES = st.one_of(st.integers(-120, 200), st.integers(0, 3 * 3600), st.integers(0, 3 * 86_400), st.integers(0, 40 * 86_400))


@QUICK
@given(ages=st.lists(AGES, min_size=1, max_size=60), data=st.data())
def test_any_order_any_pieces_late_rows_compaction_and_rebuilding_give_the_same_report(
    tmp_path_factory: pytest.TempPathFactory, ages: list[int], data: st.DataObject
) -> None:
    watched = Watched(tmp_path_factory.mktemp("w")).register(1, reference()).promote(1)
    times = [NOW - timedelta(seconds=age) for age in ages]
    # pieces arrive at some time after or before their event time, and are counted then or later
    cuts = sorted(data.draw(st.lists(st.integers(0, len(times)), max_size=5)))
    looks = sorted(data.draw(st.lists(st.integers(0, 20 * 86_400), min_size=len(cuts) + 1, max_size=len(cuts) + 1)), reverse=True)
    for (first, last), back in zip(pairwise([0, *cuts, len(times)]), looks, strict=True):
        batch = rows(f"{first}-", times[first:last], seed=first, odd=True)
        if last > first:
            watched.world.predictions.add(batch)
        if data.draw(st.booleans()):
            watched.count(NOW - timedelta(seconds=back))
    watched.count(NOW)
    before = seen(watched), watched.report(NOW)
    at_once = Watched(tmp_path_factory.mktemp("o")).register(1, reference()).promote(1)
    at_once.world = replace(at_once.world, predictions=watched.world.predictions)
    assert at_once.count(NOW) == len(times)
    assert seen(at_once) == before[0]
    assert rebuild(watched.world, watched.spec, watched.state, watched.memory, now=NOW) == len(times)
    assert (seen(watched), watched.report(NOW)) == before
    # a look at the past, for which too much was added up already, and one that nothing was added up for
    past = NOW - timedelta(seconds=data.draw(st.integers(0, 20 * 86_400)))
    at_once.world.counts.forget(MODEL, tuple(at_once.world.counts.places(MODEL)))
    at_once.count(past)
    assert seen(at_once, past) == seen(watched, past)


@QUICK
@given(workers=st.lists(st.integers(0, 4), min_size=1, max_size=80))
def test_any_split_over_workers_gives_identical_counts(tmp_path_factory: pytest.TempPathFactory, workers: list[int]) -> None:
    batch = rows("p", [NOW - MINUTE * number for number in range(len(workers))], odd=True)
    whole = Watched(tmp_path_factory.mktemp("w")).register(1, reference()).promote(1)
    whole.world.predictions.add(batch)
    whole.count(NOW)
    split = Watched(tmp_path_factory.mktemp("s")).register(1, reference()).promote(1)
    for worker in sorted(set(workers), reverse=True):
        mine = [number for number, one in enumerate(workers) if one == worker]
        split.world.predictions.add(take(batch, mine, worker=f"w{worker}"))
        split.count(NOW)
    assert plain(everything(split)) == plain(everything(whole))


def take(batch: Any, numbers: list[int], **changes: Any) -> Any:
    """Some rows of a batch."""
    fixed = {"model", "worker", "schema_id", "feature_names"}
    given = {name: getattr(batch, name) for name in type(batch).__annotations__ if name not in fixed}
    columns = {name: [values[number] for number in numbers] if values else values for name, values in given.items()}
    return replace(batch, **columns, **changes)


def test_a_look_at_the_past_sees_what_it_would_have_seen_then(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - 13 * MINUTE * number for number in range(1500)], odd=True))
    watched.count(NOW + 40 * DAY)  # by then all of it is kept in slots of a day
    fresh = Watched(watched.folder / "made")
    fresh.register(1, reference()).promote(1)
    fresh.world = replace(fresh.world, predictions=watched.world.predictions)
    for back in (timedelta(0), 17 * MINUTE, 5 * HOUR, 2 * DAY, 3 * DAY + 7 * MINUTE, 12 * DAY):
        fresh.world.counts.forget(MODEL, tuple(fresh.world.counts.places(MODEL)))
        fresh.count(NOW - back)
        assert seen(watched, NOW - back) == seen(fresh, NOW - back)
    assert len({str(seen(watched, NOW - back)[0][:4]) for back in (timedelta(0), 5 * HOUR, 2 * DAY)}) == 3


def test_a_row_is_counted_once_however_often_it_is_counted(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 7))
    assert [watched.count(NOW) for _ in range(3)] == [7, 0, 0]
    assert everything(watched).rows == 7


def test_many_rows_are_read_in_pieces(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_FEWEST", 1)
    monkeypatch.setattr(counting, "_VALUES", 10)
    watched.world.predictions.add(rows("p", [NOW - MINUTE * number for number in range(23)]))
    heard: list[int] = []
    assert count_rows(watched.world, watched.state, watched.memory, now=NOW, progress=heard.append) == 23
    assert heard == [5, 10, 15, 20, 23]
    assert everything(watched).rows == 23


def test_rows_from_the_future_are_counted_now_and_seen_when_their_time_has_come(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE, NOW + 10 * MINUTE]))
    assert watched.count(NOW) == 2
    assert everything(watched, NOW).rows == 1
    assert everything(watched, NOW + 11 * MINUTE).rows == 2


def test_rows_of_another_version_or_model_are_not_counted_with_it(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 3))
    watched.world.predictions.add(rows("q", [NOW - MINUTE] * 4, version=2))
    watched.world.predictions.add(rows("r", [NOW - MINUTE] * 5, model="fraud"))
    assert watched.count(NOW) == 3


def test_a_version_without_a_reference_is_left_uncounted(tmp_path: Path) -> None:
    watched = Watched(tmp_path).register(1, Reference(schema_version=1, rows=0, columns={})).promote(1)
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 3))
    assert watched.count(NOW) == 0
    report = watched.report(NOW)
    assert (report.rows, report.columns) == (3, {})
    assert window_spans(watched.world, watched.spec, watched.state, 1, watched.memory, now=NOW)[:2] == (None, [])


def test_variants_are_kept_apart_and_a_look_adds_them(watched: Watched) -> None:
    watched.world.predictions.add(
        rows("p", [NOW - MINUTE] * 6, variant=["champion", "champion", "challenger", "pinned", "unassigned", "champion"])
    )
    watched.world.predictions.add(rows("q", [NOW - MINUTE] * 2, worker="elsewhere-8000"))
    watched.world.predictions.add(rows("s", [NOW - MINUTE] * 3, version=2))
    watched.world.predictions.add(rows("s", [NOW - MINUTE] * 3, shadow=True, features=None))
    watched.count(NOW)
    (ledger,) = watched.world.counts.places(MODEL)
    slots = watched.world.counts.slots(MODEL, ledger, Window(start=NOW - DAY, end=NOW))
    assert {slot.variant: slot.tally().rows for slot in slots} == {
        "champion": 3, "challenger": 1, "pinned": 1, "unassigned": 1, "elsewhere": 2, "shadow": 3,
    }  # fmt: skip
    assert everything(watched).rows == 11


def test_drift_can_be_looked_at_by_the_role_of_the_rows(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 900, shift=2.0, variant=["challenger"] * 900))
    watched.world.predictions.add(rows("q", [NOW - MINUTE] * 900, seed=1))
    watched.count(NOW)
    found = {}
    for variant in ("champion", "challenger", "pinned", None):
        look = window_drift(watched.world, watched.spec, watched.state, 1, watched.memory, now=NOW, variant=variant)
        assert look is not None
        found[variant] = look.rows, look.columns["x"].state if look.columns else ""
    assert found == {"champion": (900, "ok"), "challenger": (900, "drift"), "pinned": (0, ""), None: (1800, "drift")}


def test_a_shadow_is_counted_with_the_features_of_the_row_that_was_answered(watched: Watched) -> None:
    watched.world.predictions.add(rows("s", [NOW - MINUTE] * 3, version=2, features=[[5.0, "pro"]] * 3))
    watched.world.predictions.add(rows("s", [NOW - MINUTE] * 3, shadow=True, features=None))
    watched.count(NOW)
    counts = everything(watched)
    assert counts.columns["plan"].sum() == counts.columns["x"].sum() == 3
    assert counts.columns["x"][-2] == counts.columns["plan"][-1] == 0, "none is missing"


def test_of_rows_without_features_only_the_score_is_counted(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 4, features=[None, [1.0, "pro"], None, [None, None]]))
    watched.world.predictions.add(rows("orphan", [NOW - MINUTE] * 2, shadow=True, features=None))
    watched.count(NOW)
    counts = everything(watched)
    assert (counts.rows, counts.columns["score"].sum(), counts.columns["x"].sum(), counts.columns["plan"].sum()) == (6, 6, 2, 2)
    assert counts.columns["x"][-2] == 1, "a value that is missing is another thing than a row of which nothing was logged"


def test_the_champion_is_counted_on_the_first_and_the_previous_reference_too(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for version, shift in ((1, 0.0), (2, 0.4), (3, 0.8)):
        watched.register(version, reference(shift)).promote(version)
    watched.world.predictions.add(rows("p", [NOW - MINUTE * number for number in range(600)], shift=0.8, version=3))
    column = watched.report(NOW).columns["x"]
    assert {(ledger.version, ledger.against) for ledger in watched.world.counts.places(MODEL)} == {(3, 3), (3, 1), (3, 2)}
    assert column.first is not None and column.previous is not None
    assert column.distance < 0.06 < column.previous < column.first, "slow drift over several trainings does not hide"
    assert column.first == pytest.approx(0.311, abs=0.05), "the distance of two normals that are .8 apart"


def test_the_first_version_is_its_own_first_and_has_none_before_it(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE * number for number in range(600)], shift=1.0))
    column = watched.report(NOW).columns["x"]
    assert column.first == pytest.approx(column.distance)
    assert column.previous is None


def test_a_column_that_a_newer_version_no_longer_reads_is_not_missing_and_one_that_is_new_has_no_first(tmp_path: Path) -> None:
    newer = Schema(columns=(SCHEMA.columns[0], Column(name="extra", kind="number", nullable=True)))
    watched = Watched(tmp_path).register(1, reference()).promote(1).register(2, reference(schema=newer), schema=newer).promote(2)
    features = [[float(number % 7), 0.5] for number in range(600)]
    batch = rows("p", [NOW - MINUTE * number for number in range(600)], version=2, features=features, feature_names=["x", "extra"])
    watched.world.predictions.add(batch)
    columns = watched.report(NOW).columns
    assert set(columns) == {"x", "extra", "score"}
    assert columns["x"].first is not None and columns["x"].first == columns["x"].previous
    assert columns["extra"].first is None and columns["extra"].previous is None


def test_a_column_of_another_kind_is_not_compared_with_what_it_was(tmp_path: Path) -> None:
    newer = Schema(columns=(SCHEMA.columns[0], Column(name="plan", kind="number", nullable=True)))
    watched = Watched(tmp_path).register(1, reference()).promote(1).register(2, reference(schema=newer), schema=newer).promote(2)
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 600, version=2, features=[[0.1, 2.0]] * 600))
    assert watched.report(NOW).columns["plan"].first is None


def test_a_first_reference_that_is_not_here_any_more_hinders_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path).register(1, reference()).promote(1).register(2, reference(0.5)).promote(2)
    gone = watched.world.bundles.path(watched.state.versions[1].registered.bundle)
    gone.rename(gone.with_name("elsewhere"))
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 600, version=2))
    column = watched.report(NOW).columns["x"]
    assert (column.rows, column.first, column.previous) == (600, None, None)


def test_a_champion_whose_bundle_is_gone_is_told_and_other_versions_are_not_in_its_way(tmp_path: Path) -> None:
    watched = Watched(tmp_path).register(1, reference()).promote(1).register(2, reference(0.5)).promote(2)
    gone = watched.world.bundles.path(watched.state.versions[2].registered.bundle)
    gone.rename(gone.with_name("elsewhere"))
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 5))
    with pytest.raises(FlyballError, match="not in"):
        watched.count(NOW)
    assert count_rows(watched.world, watched.state, Memory(), now=NOW, version=1) == 0, "it was counted before"


def test_a_version_that_gets_another_reference_is_counted_anew_from_the_log(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE * number for number in range(5)]))
    assert watched.count(NOW) == 5
    (before,) = watched.world.counts.places(MODEL)
    watched.register(1, reference(3.0), name="again")
    assert watched.count(NOW) == 5
    (after,) = watched.world.counts.places(MODEL)
    assert (before.version, before.against) == (after.version, after.against) == (1, 1)
    assert before.reference != after.reference == everything(watched).reference


def test_a_champion_that_comes_back_is_counted_on_from_where_it_was(tmp_path: Path) -> None:
    watched = Watched(tmp_path).register(1, reference()).promote(1).register(2, reference(0.5)).promote(2)
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 5, version=2))
    watched.count(NOW)
    watched.register(3, reference(1.0)).promote(3)
    watched.world.predictions.add(rows("q", [NOW - MINUTE] * 4, version=2, shadow=True, features=None))
    watched.count(NOW)
    watched.roll_back(3, to=2)
    watched.count(NOW)
    places = {(ledger.version, ledger.against): place for ledger, place in watched.world.counts.places(MODEL).items()}
    assert places[2, 2] == places[2, 1]


def test_what_a_retired_version_was_compared_with_is_forgotten_and_its_own_counts_stay(tmp_path: Path) -> None:
    watched = Watched(tmp_path).register(1, reference()).promote(1)
    for version in (2, 3, 4):
        watched.register(version, reference(version / 10)).promote(version)
        watched.world.predictions.add(rows(f"{version}/", [NOW - MINUTE] * 5, version=version))
        watched.count(NOW)
    assert live(watched.state) == (3, 4)
    assert {(ledger.version, ledger.against) for ledger in watched.world.counts.places(MODEL)} == {
        (2, 2), (3, 3), (3, 1), (3, 2), (4, 4), (4, 1), (4, 3),
    }  # fmt: skip


def test_rebuilding_that_was_interrupted_goes_on_at_the_next_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_FEWEST", 1)
    monkeypatch.setattr(counting, "_VALUES", 10)
    watched.world.predictions.add(rows("p", [NOW - MINUTE * number for number in range(23)]))
    watched.count(NOW)
    before = plain(everything(watched))

    def stop(counted: int) -> None:
        if counted >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(watched.world, watched.spec, watched.state, watched.memory, now=NOW, progress=stop)
    assert everything(watched).rows == 10
    assert watched.count(NOW) == 13
    assert plain(everything(watched)) == before


def test_a_million_categories_and_a_column_that_changes_type_take_no_more_room_than_their_cells(watched: Watched) -> None:
    features: list[list[Any]] = [[f"text {number}", f"name {number}"] for number in range(20_000)]
    watched.world.predictions.add(rows("p", [NOW - MINUTE] * 20_000, features=features))
    watched.count(NOW)
    counts = everything(watched)
    assert counts.columns["x"][-1] == 20_000, "unparsable"
    assert counts.columns["plan"].tolist() == [0, 0, 20_000, 0], "all of them are other"
    (ledger,) = watched.world.counts.places(MODEL)
    (slot,) = watched.world.counts.slots(MODEL, ledger, Window(start=NOW - DAY, end=NOW))
    assert len(slot.content) < 2000


def test_a_number_is_the_same_category_however_it_was_written_and_whatever_came_with_it(tmp_path: Path) -> None:
    schema = Schema(columns=(Column(name="plan", kind="category", nullable=True),))
    rng = np.random.default_rng(0)
    known = build_reference(Table({"plan": rng.choice(np.array(["1", "2"], dtype=object), 500)}), schema, {})
    found: list[list[int]] = []
    for features in ([[1], [2]], [[1.0], [2]], [[True], ["2"]], [["1"], [2.0]]):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        watched = Watched(folder).register(1, known, schema=schema).promote(1)
        watched.world.predictions.add(rows("p", [NOW - MINUTE] * 2, features=features, feature_names=["plan"]))
        watched.count(NOW)
        found.append(sorted(everything(watched).columns["plan"].tolist()))
    assert found == [[0, 0, 1, 1]] * 4


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Watched]:
    schema = Schema(columns=tuple(Column(name=f"f{number}", kind="number", nullable=True) for number in range(10_000)))
    yield Watched(tmp_path).register(1, reference(schema=schema, rows=30), schema=schema).promote(1)


def test_ten_thousand_features_are_counted(wide: Watched) -> None:
    names = [f"f{number}" for number in range(10_000)]
    times = [NOW - MINUTE * number for number in range(60)]
    wide.world.predictions.add(rows("p", times, feature_names=names, features=[[float(number)] * 10_000 for number in range(60)]))
    assert wide.count(NOW) == 60
    counts = everything(wide)
    assert all(counts.columns[name].sum() == 60 for name in names)


def test_scores_of_another_form_than_the_version_gives_count_as_missing(watched: Watched) -> None:
    three = manifest(task="multiclass", classes=("a", "b", "c"))
    watched.world.predictions.add(rows("p", [NOW] * 4, score=[0.5, [0.2, 0.3, 0.5], [0.5, 0.5], [0.1, 0.1, 0.8]]))
    mixed = watched.world.predictions.arrived(MODEL, 1, Place(), limit=9)
    many = score_arrays(mixed, three)
    assert set(many) == {"score_a", "score_b", "score_c", "answer"}
    assert all(np.isfinite(many[f"score_{name}"]).tolist() == [False, True, False, True] for name in three.classes)
    assert np.isfinite(score_arrays(mixed, manifest())["score"]).tolist() == [True, False, False, False]
    watched.world.predictions.add(rows("q", [NOW] * 2, version=7, score=[0.5, 0.25]))
    single = watched.world.predictions.arrived(MODEL, 7, Place(), limit=9)
    assert all(np.isnan(values).all() for name, values in score_arrays(single, three).items() if name != "answer")
    assert score_arrays(single, manifest())["score"].tolist() == [0.5, 0.25]
    assert set(score_arrays(mixed, manifest(task="regression", classes=(), outputs=("lat", "lon", "z")))) == {
        "score_lat",
        "score_lon",
        "score_z",
    }


def test_a_picture_has_the_counts_of_the_window_and_of_each_day(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - HOUR, NOW - DAY, NOW - DAY, NOW - 3 * DAY, NOW - 50 * DAY]))
    watched.count(NOW)
    newest, days, known = window_spans(watched.world, watched.spec, watched.state, 1, watched.memory, now=NOW)
    assert known == reference()
    assert newest is not None and newest.rows == 3
    assert [(span.window.start.day, span.counts.rows) for span in days] == [(28, 1), (30, 2), (1, 1)]
    assert days[-1].window.end == NOW


def test_a_loop_that_trains_for_years_does_not_keep_every_lookup(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for version in range(1, 17):
        watched.register(version, reference(version / 100)).promote(version)
        watched.count(NOW)
    assert len(watched.memory._counters) == 12
    bundle = watched.state.versions[16].registered.bundle
    assert watched.memory.counter(watched.world.bundles, bundle, bundle) is watched.memory.counter(watched.world.bundles, bundle, bundle)
    found = watched.memory.yardstick(watched.world.bundles, bundle, ())
    assert watched.memory.yardstick(watched.world.bundles, bundle, ()) is found, "it costs more than a look"
    assert watched.memory.yardstick(watched.world.bundles, bundle, ("x",)).names == tuple(name for name in found.names if name != "x")
    for number in range(5):
        watched.memory.yardstick(watched.world.bundles, bundle, (f"other {number}",))
    assert watched.memory.yardstick(watched.world.bundles, bundle, ()) is not found, "those used long ago are forgotten"


def test_the_newest_rows_come_with_their_hours(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE * number for number in range(600)]))
    watched.count(NOW)
    (kept,) = counted(watched.world, watched.state, 1, watched.memory, now=NOW, back=DAY, beside=None)
    latest = kept.make(Wanted(latest=100)).latest
    assert latest is not None
    assert latest.counts.rows == sum(latest.hours.values()) >= 100
    assert latest.window.length < 2 * HOUR, "the newest, not all of them"
    assert max(latest.hours) - min(latest.hours) <= 2


def test_counting_says_which_ledgers_there_are(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOW - MINUTE]))
    watched.count(NOW)
    assert list(watched.world.counts.places(MODEL)) == [CountKey(version=1, against=1, reference=everything(watched).reference)]
