"""Kept counts in SQLite: what every store promises, and each row counted once by many at once and under sudden death."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flyball.adapters.sqlite import arrivals
from flyball.adapters.sqlite import counts as module
from flyball.adapters.sqlite.counts import SqliteCounts
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.monitoring.slots import CountKey
from flyball.serving.records import Place
from flyball.testing.counts import DAY, HOUR, MINUTE, OWN, CountStoreSuite, held, slot, step
from flyball.testing.predictions import DAY as TODAY
from flyball.testing.samples import NOON, predictions
from older import answer_then, older, shadow_then

# Stands for a process that counts: each row is one row in cell `number % 5` of its minute. Says how many rows it counted.
_COUNTER = """
import sys
from pathlib import Path
import numpy as np
from flyball.adapters.sqlite.counts import SqliteCounts
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.monitoring.slots import CountKey, Slot, Step
from flyball.monitoring.tally import tally_of
from flyball.serving.records import Place
folder = Path(sys.argv[1])
own = CountKey(version=1, against=1, reference="a")
with Database(folder / "flyball.db") as database:
    log, store = SqlitePredictionLog(database, folder / "log"), SqliteCounts(database)
    print("ready", flush=True)
    sys.stdin.readline()
    counted = 0
    while True:
        after = store.places("churn").get(own)
        arrived = log.arrived("churn", 1, after or Place(), limit=7)
        if not len(arrived.at):
            break
        minutes = arrived.at // 60_000_000
        slots = []
        for minute in sorted(set(minutes.tolist())):
            mine = minutes == minute
            tally = tally_of(minutes[mine] % 5, arrived.at[mine], 5)
            slots.append(Slot(start=minute * 60_000_000, length=60_000_000, variant="champion", tally=tally))
        if store.add("churn", [Step(ledger=own, after=after, place=arrived.place, slots=tuple(slots))]):
            counted += len(arrived.at)
    print(counted, flush=True)
"""


@pytest.fixture
def store(database: Database) -> SqliteCounts:
    return SqliteCounts(database)


class TestSqliteCounts(CountStoreSuite):
    pass


def _process(folder: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen([sys.executable, "-c", _COUNTER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def _start(child: "subprocess.Popen[str]") -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def _fill(log: SqlitePredictionLog, rows: int) -> None:
    log.add(predictions([f"p{number}" for number in range(rows)], at=[NOON + MINUTE * (number % 11) for number in range(rows)]))


def _minutes(store: SqliteCounts) -> list[tuple[float, int]]:
    return [(at, rows) for at, _, rows, _ in held(store, CountKey(version=1, against=1, reference="a"))]


def test_two_processes_that_count_at_once_count_each_row_once(log: SqlitePredictionLog, store: SqliteCounts, tmp_path: Path) -> None:
    _fill(log, 1100)
    children = [_process(tmp_path) for _ in range(3)]
    for child in children:
        _start(child)
    said = []
    for child in children:
        assert child.stdout is not None and child.stdin is not None
        said.append(int(child.stdout.readline()))
        child.stdin.close()
        child.stdout.close()
        assert child.wait(timeout=30) == 0
    assert sum(said) == 1100
    assert _minutes(store) == [(float(minute), 100) for minute in range(11)]


def test_a_process_killed_at_any_moment_leaves_each_row_counted_once_or_still_to_be_counted(
    log: SqlitePredictionLog, store: SqliteCounts, tmp_path: Path
) -> None:
    _fill(log, 2200)
    killed = 0
    for number in range(12):
        child = _process(tmp_path)
        assert child.stdout is not None and child.stdin is not None
        _start(child)
        time.sleep(0.004 * number)  # another moment each round: before, within and between transactions
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        child.stdin.close()
        child.stdout.close()
        (place,) = store.places("churn").values() or (Place(),)
        assert sum(rows for _, rows in _minutes(store)) == place.answered, "the counts and the place are of one transaction"
    assert killed
    child = _process(tmp_path)
    assert child.stdin is not None and child.stdout is not None
    child.communicate("go\n", timeout=60)
    assert _minutes(store) == [(float(minute), 200) for minute in range(11)]


def test_much_is_added_up_in_several_transactions(store: SqliteCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    store.add("churn", [step(OWN, None, 1, *(slot(MINUTE * number, 1, number % 3) for number in range(-90, 0)))])
    assert store.compact("churn", [(15 * MINUTE, NOON), (HOUR, NOON - HOUR)]) == 90
    assert [(at, rows) for at, _, rows, _ in held(store)] == [(-120.0, 30), (-60.0, 15), (-45.0, 15), (-30.0, 15), (-15.0, 15)]


def test_slots_are_found_by_an_index(database: Database) -> None:
    with database.read() as connection:
        for query, values in ((module._TOUCHING, (1, 60, 0, 9)), (module._SHORTER, (60, 1, 1, 0, 9, 9)), (module._HELD, (1, 60, 0, "x"))):
            plan = [line[3] for line in connection.execute("EXPLAIN QUERY PLAN " + query, values).fetchall()]
            assert all("USING INDEX" in line for line in plan), plan


def test_arrivals_are_read_by_an_index_in_order_without_sorting(database: Database) -> None:
    with database.read() as connection:
        for query, table in ((arrivals._ANSWERED, "predictions"), (arrivals._SHADOWS, "shadows")):
            text = "EXPLAIN QUERY PLAN " + query.format(index=f"{table}_by_arrival", window="")
            plan = [line[3] for line in connection.execute(text, (1, 0, 9)).fetchall()]
            assert not any("TEMP B-TREE" in line or line.startswith("SCAN") for line in plan), plan


def test_the_shadows_of_an_older_database_are_kept_in_the_order_of_their_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with older(tmp_path / "old.db", 2, monkeypatch) as database:
        answer_then(database, {"a": NOON, "b": NOON + MINUTE})
        shadow_then(database, {"b": NOON + MINUTE, "a": NOON, "z": NOON - HOUR}, version=2, score=0.75)
    with Database(tmp_path / "old.db") as database:
        log = SqlitePredictionLog(database, tmp_path / "log")
        after = log.rows("churn", 2, TODAY, features=True)
        assert after.prediction_id.tolist() == ["z", "a", "b"]
        arrived = log.arrived("churn", 2, Place(), limit=10)
        assert arrived.known.tolist() == [False, True, True]
        assert arrived.score.tolist() == [0.75] * 3
        again = predictions(["b", "c"], at=NOON + MINUTE, version=2, shadow=True, features=None)
        assert log.add(again) == 1, "what was there is still known"
        assert len(log.arrived("churn", 2, arrived.place, limit=10).at) == 1


def test_a_day_of_two_lengths_is_kept_apart_until_it_is_added_up(store: SqliteCounts) -> None:
    store.add("churn", [step(OWN, None, 1, slot(-HOUR, 1, 1, length=HOUR), slot(-HOUR, 2, 1))])
    assert sorted(rows for _, _, rows, _ in held(store)) == [1, 2]
    store.compact("churn", [(HOUR, NOON), (DAY, NOON - DAY)])
    assert [rows for _, _, rows, _ in held(store)] == [3]
