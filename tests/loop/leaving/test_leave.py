"""What leaves is what was there: from every store, through the ports alone, read back from both kinds of file."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flyball.adapters.arrow.tables import FileTables, Format
from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.memory.counts import MemoryCounts
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.outcomes import MemoryOutcomeLog
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.adapters.memory.reports import MemoryReports
from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.core.digest import sha256_json
from flyball.core.window import Window, from_micros, to_micros
from flyball.journal.events import Event, Registered
from flyball.loop.leaving.leave import History, leave
from flyball.loop.leaving.records import Left
from flyball.loop.leaving.rows import pieces
from flyball.loop.leaving.tables import TABLES
from flyball.ports.history import OutcomeLog
from flyball.serving.records import Answers, Outcome, Prediction
from flyball.settings import Settings
from flyball.spec.delivery import StoresSpec
from flyball.stores import open_stores
from flyball.testing.counts import OWN, slot, step
from flyball.testing.samples import NOON, one_event_of_each_kind, predictions
from reported import full_report

ALWAYS = Window(start=datetime(1, 1, 2, tzinfo=UTC), end=datetime(9999, 12, 30, tzinfo=UTC))
MINUTE = timedelta(minutes=1)
NOW = NOON + timedelta(days=2)
FIRST, *OTHERS = one_event_of_each_kind()
assert isinstance(FIRST, Registered)
EVENTS: list[Event] = [FIRST, replace(FIRST, version=3), *OTHERS]  # the third version only ever scored in shadow


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[History, OutcomeLog]]:
    """A store of each kind, empty."""
    bundles = LocalBundles(tmp_path / "bundles", tmp_path / "key")
    if request.param == "memory":
        log = MemoryPredictionLog()
        history = History(
            journal=MemoryJournal(),
            predictions=log,
            counts=MemoryCounts(),
            traffic=MemoryTraffic(),
            reports=MemoryReports(),
            bundles=bundles,
        )
        yield history, MemoryOutcomeLog(log)
        return
    address = request.getfixturevalue("shared") if request.param == "postgres" else ""
    settings = Settings(folder=tmp_path, tracking_uri=None, language="en", actor="test", stores=StoresSpec(database=address))
    stores = open_stores(settings)
    history = History(
        journal=stores.journal,
        predictions=stores.predictions,
        counts=stores.counts,
        traffic=stores.traffic,
        reports=stores.reports,
        bundles=bundles,
    )
    yield history, stores.outcomes
    stores.database.close()


def fill(history: History, outcomes: OutcomeLog) -> None:
    """Everything that can stand in a history, oddities included."""
    log = history.predictions
    minutes = [NOON + n * MINUTE for n in range(6)]
    log.add(
        predictions(
            [f"p{n}" for n in range(6)],
            at=minutes,
            made_at=[at + MINUTE for at in minutes],
            unit=["u1", None, "u3", "=cmd()", "u5", "u6"],
            entity=["e1", None, None, None, None, None],
            client_id=["c1", None, None, None, None, None],
            label=["yes", "no", "yes", "温度\n", "no", "no"],
            score=[0.1, 0.25, 1 / 3, 0.9, 1e-300, 1.0],
            variant=["champion", "challenger", "holdback", "champion", "pinned", "champion"],
            propensity=[0.5, None, 0.02, 0.5, None, 0.5],
            feature_names=["age", "plan", "odd.name", "wild"],
            features=[
                [1.5, "a", 1, 7],
                [None, None, 2**60, True],
                [3.0, "=2+2", 3, "x"],
                None,
                [math.inf, "", -5, None],
                [0.0, "e", 0, 0.5],
            ],
            context=[{"page": "home", "n": 1}, {}, None, {"page": None}, {"n": 2.5}, {"page": "x"}],
        )
    )
    log.add(
        predictions(
            ["q0", "q1"], at=minutes[0], version=2, label=[1, 2], score=[[0.2, 0.8], [0.6, 0.4]], schema_id="two", worker="elsewhere"
        )
    )
    shadows = predictions(["p0", "p2"], at=[minutes[0], minutes[2]], version=3, shadow=True, label="yes", score=[0.7, 0.8], context=None)
    log.add(replace(shadows, features=[None, None]))
    log.add(predictions(["other"], model="fraud"))
    told = [
        Outcome(actual="yes", at=NOON + timedelta(hours=3), prediction_id="p0", value=12.5),
        Outcome(actual="no", at=NOON + timedelta(hours=3), prediction_id="p2"),
        Outcome(actual=2, at=NOON + timedelta(hours=4), prediction_id="q1"),
    ]
    assert outcomes.take("churn", told, within=timedelta(0)).accepted == 3
    history.journal.append("churn", EVENTS, expected=0, actor="ann", at=NOON)
    history.journal.append("churn", EVENTS[-1:], expected=len(EVENTS), actor="bob", at=NOW)
    history.counts.add("churn", [step(OWN, None, 5, slot(timedelta(0), 2, 1, 4), slot(MINUTE, 3, 4, variant="shadow"))])
    history.traffic.add("churn", [Answers(minute=NOON, status=200, requests=7), Answers(minute=NOON, status=422, requests=1)])
    history.reports.save("churn", full_report(NOON, features=["age", "plan"]))


def left(
    history: History, folder: Path, window: Window = ALWAYS, *, most: int = 2, formats: tuple[Format, ...] = ("parquet", "jsonl")
) -> Left:
    folder.mkdir()
    with FileTables(folder, TABLES, formats) as tables:
        return leave(history, "churn", window, tables, now=NOW, most=most)


def lines(folder: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def parquet(folder: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"{table}.parquet").to_pylist()
    return found


def test_every_prediction_reads_back_as_the_log_knows_it(kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "out")
    answered = {row["prediction_id"]: row for row in lines(tmp_path / "out", "predictions") if row["variant"] != "shadow"}
    assert answered.keys() == {*(f"p{n}" for n in range(6)), "q0", "q1"}
    for name, row in answered.items():
        found = history.predictions.find(name)
        assert found is not None
        assert read(row) == found[0]
    told = {row["prediction_id"]: row for row in lines(tmp_path / "out", "outcomes")}
    assert told.keys() == {"p0", "p2", "q1"}
    assert (told["p0"]["actual"], told["p0"]["value"], told["q1"]["actual"], told["q1"]["value"]) == ("yes", 12.5, 2, None)
    assert datetime.fromisoformat(told["q1"]["at"]) == NOON + timedelta(hours=4)


def read(row: Mapping[str, Any]) -> Prediction:
    """A line as the record it was."""
    infinite = {"Infinity": math.inf}
    score = row["score"]
    return Prediction(
        **{name: row[name] for name in ("prediction_id", "model", "version", "variant", "worker", "unit", "entity", "client_id", "label")},
        at=datetime.fromisoformat(row["at"]),
        made_at=datetime.fromisoformat(row["made_at"]),
        score=tuple(score) if isinstance(score, list) else score,
        features={name: infinite.get(value, value) for name, value in row["features"].items()},
        context=row["context"],
        propensity=row["propensity"],
    )


def test_what_shadows_said_leaves_too(kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "out")
    shadows = [row for row in lines(tmp_path / "out", "predictions") if row["variant"] == "shadow"]
    assert sorted((row["prediction_id"], row["version"], row["score"]) for row in shadows) == [("p0", 3, 0.7), ("p2", 3, 0.8)]
    assert all(row["features"] is None for row in shadows)


def test_parquet_says_what_the_lines_say_with_a_column_for_each_feature(kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    said = left(history, tmp_path / "out")
    for table in TABLES:
        ours, theirs = lines(tmp_path / "out", table), parquet(tmp_path / "out", table)
        assert len(ours) == len(theirs) == said.tables[table].rows
    rows = {(row["prediction_id"], row["version"]): row for row in parquet(tmp_path / "out", "predictions")}
    one = rows["p0", 1]
    assert (one["features.age"], one["features.plan"], one["features.odd.name"], one["context.page"]) == (1.5, "a", 1, "home")
    assert rows["p4", 1]["features.age"] == math.inf and rows["p1", 1]["features.odd.name"] == 2**60
    assert rows["p3", 1]["features.age"] is None and rows["p2", 1]["features.plan"] == "=2+2"
    types = said.tables["predictions"].types
    assert types["features.age"] == "double" and types["features.odd.name"] == "int64" and types["at"] == "timestamp[us, tz=UTC]"
    mixed = {name for name, kind in types.items() if kind == "JSON text of mixed values"}
    assert mixed == {"label", "score", "features.wild"}
    assert [json.loads(rows[name, 1]["features.wild"]) for name in ("p0", "p1", "p2")] == [7, True, "x"]
    assert json.loads(rows["q0", 2]["score"]) == [0.2, 0.8]
    assert rows["p0", 1]["at"] == NOON


def test_the_journal_leaves_whole_and_its_hashes_can_be_checked_without_flyball(kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "out")
    rows, before = lines(tmp_path / "out", "journal"), "0" * 64
    assert [row["seq"] for row in rows] == list(range(1, len(EVENTS) + 2))
    for row in rows:
        fields = {name: row[name] for name in ("model", "seq", "format", "actor", "kind", "event", "prev_hash")}
        assert row["prev_hash"] == before
        before = row["hash"]
        assert before == sha256_json({**fields, "at": to_micros(datetime.fromisoformat(row["at"]))})
    assert [json.loads(row["event"]) for row in parquet(tmp_path / "out", "journal")] == [row["event"] for row in rows]


def test_counts_requests_and_reports_leave_too(kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "out")
    counts = [(row["variant"], row["number"], row["count"], row["column"]) for row in lines(tmp_path / "out", "counts")]
    assert sorted(counts) == [("champion", 1, 2, None), ("champion", 4, 2, None), ("shadow", 4, 3, None)]
    spans = {(row["start"], row["end"]) for row in lines(tmp_path / "out", "counts") if row["variant"] == "champion"}
    assert spans == {("2024-05-01T12:00:00Z", "2024-05-01T12:01:00Z")}
    assert [(row["variant"], row["rows"]) for row in lines(tmp_path / "out", "hours")] == [("champion", 2), ("shadow", 3)]
    assert [(row["status"], row["requests"]) for row in lines(tmp_path / "out", "requests")] == [(200, 7), (422, 1)]
    (report,) = lines(tmp_path / "out", "reports")
    assert report["report"]["columns"]["plan"]["state"] == "drift" and report["rows"] == report["report"]["rows"]


def test_a_span_has_what_is_of_its_time_and_no_more(kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "late", Window(start=NOON + 2 * MINUTE, end=NOON + 4 * MINUTE))
    rows = {(row["prediction_id"], row["version"]) for row in lines(tmp_path / "late", "predictions")}
    assert rows == {("p2", 1), ("p3", 1), ("p2", 3)}
    assert [row["prediction_id"] for row in lines(tmp_path / "late", "outcomes")] == ["p2"]
    assert lines(tmp_path / "late", "journal") == lines(tmp_path / "late", "requests") == lines(tmp_path / "late", "reports") == []
    left(history, tmp_path / "later", Window(start=NOW, end=ALWAYS.end))
    assert [row["actor"] for row in lines(tmp_path / "later", "journal")] == ["bob"]


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_it_does_not_matter_in_what_pieces_the_log_is_read(kept: tuple[History, OutcomeLog], tmp_path: Path, most: int) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "out", most=most)
    rows = [(row["prediction_id"], row["version"]) for row in lines(tmp_path / "out", "predictions")]
    assert len(rows) == len(set(rows)) == 10


def test_no_piece_is_longer_than_it_may_be_and_together_they_are_the_whole() -> None:
    log = MemoryPredictionLog()
    at = [NOON + timedelta(seconds=n * n) for n in range(100)]
    log.add(predictions([f"p{n}" for n in range(100)], at=at))
    found = list(pieces(log, "churn", ALWAYS, most=7))
    assert all(sum(log.count("churn", piece).values()) <= 7 for piece in found)
    assert (found[0].start, found[-1].end) == (ALWAYS.start, ALWAYS.end)
    assert all(one.end == other.start for one, other in pairwise(found))


def test_rows_of_one_instant_cannot_be_cut() -> None:
    log = MemoryPredictionLog()
    log.add(predictions([f"p{n}" for n in range(10)]))
    found = list(pieces(log, "churn", ALWAYS, most=3))
    assert max(sum(log.count("churn", piece).values()) for piece in found) == 10
    assert from_micros(to_micros(NOON)) == NOON


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_one_kind_of_file_leaves_none_of_the_other(form: Format, kept: tuple[History, OutcomeLog], tmp_path: Path) -> None:
    history, outcomes = kept
    fill(history, outcomes)
    left(history, tmp_path / "out", formats=(form,))
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {f".{form}"}
