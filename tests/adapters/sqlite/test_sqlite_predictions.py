"""The prediction log in SQLite: what every log promises, and segments taken in exactly once under concurrency and sudden death."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.core.errors import StoreError
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import SegmentWriter, encode, segments
from flyball.testing.arms import ArmsSuite
from flyball.testing.arrivals import ArrivalsSuite
from flyball.testing.predictions import DAY, PredictionLogSuite
from flyball.testing.samples import predictions

Flush = Callable[[PredictionBatch], None]

_INGESTER = """
import sys
from pathlib import Path
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.adapters.sqlite import ingest
ingest._CHUNK = 2000
with Database(Path(sys.argv[1]) / "flyball.db") as database:
    log = SqlitePredictionLog(database, Path(sys.argv[1]) / "log")
    print("ready", flush=True)
    print(log.ingest(), flush=True)
"""


class TestSqlitePredictionLog(PredictionLogSuite, ArrivalsSuite, ArmsSuite):
    pass


def test_a_segment_that_is_still_written_stays_and_is_read_on(
    log: SqlitePredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1"]))
    assert log.ingest() == 1
    assert len(segments(tmp_path / "log")) == 1
    flush(predictions(["p2"]))
    writer.close()
    assert log.ingest() == 1
    assert segments(tmp_path / "log") == []


def test_the_place_read_up_to_is_kept_until_the_segment_is_deleted(
    log: SqlitePredictionLog, database: Database, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    with database.write() as connection:  # what an ingester leaves that died right after it had deleted a segment
        connection.execute("INSERT INTO ingested (segment, position) VALUES ('0000000000000001-w9.seg', 77)")
    flush(predictions(["p1"]))
    log.ingest()
    (path,) = segments(tmp_path / "log")
    assert _places(database)[path.name] == path.stat().st_size
    writer.close()
    log.ingest()
    assert _places(database) == {}


def test_no_folder_of_segments_is_no_error(log: SqlitePredictionLog) -> None:
    assert log.ingest() == 0


def test_a_torn_tail_is_skipped_and_counted_and_what_stands_before_it_is_kept(
    log: SqlitePredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1", "p2"]))
    writer.close()
    (path,) = segments(tmp_path / "log")
    with path.open("ab") as file:
        file.write(encode(predictions(["p3"]))[:-5])
    assert log.ingest() == 2
    assert log.counters() == {"duplicates": 0, "torn": 1, "refused": 0}
    assert list((tmp_path / "log").iterdir()) == []


def test_a_segment_damaged_in_the_middle_is_set_aside_as_evidence(
    log: SqlitePredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    for name in ("p1", "p2", "p3"):
        flush(predictions([name]))
    writer.close()
    (path,) = segments(tmp_path / "log")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert log.ingest() == 1
    assert log.counters()["torn"] == 1
    assert [left.suffix for left in (tmp_path / "log").iterdir()] == [".damaged"]


def test_rows_written_where_a_half_frame_was_taken_back_are_not_lost(
    log: SqlitePredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1"]))
    flush(predictions(["p2"]))
    assert log.ingest() == 2
    (path,) = segments(tmp_path / "log")
    size = path.stat().st_size
    os.truncate(path, size - len(encode(predictions(["p2"]))))
    flush(predictions(["p2", "p3", "p4"]))
    writer.close()
    assert log.ingest() == 2
    assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p2", "p3", "p4"]


def test_a_batch_that_cannot_be_stored_is_counted_and_holds_up_nothing(log: SqlitePredictionLog, flush: Flush) -> None:
    flush(predictions(["p1"]))
    flush(predictions(["x1", "x2"], score=[0.5]))
    flush(predictions(["p2"]))
    assert log.ingest() == 2
    assert log.counters() == {"duplicates": 0, "torn": 0, "refused": 2}
    assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p2"]


def test_a_file_that_is_no_segment_is_reported_and_the_others_are_ingested(log: SqlitePredictionLog, flush: Flush, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "0000000000000000-w9.seg").write_bytes(b"something else entirely")
    flush(predictions(["p1"]))
    with pytest.raises(StoreError, match=r"0000000000000000-w9\.seg"):
        log.ingest()
    assert log.count("churn", DAY) == {1: 1}


def test_duplicates_are_counted(log: SqlitePredictionLog, flush: Flush) -> None:
    flush(predictions(["p1", "p2"], client_id="order-1"))
    flush(predictions(["p3"], client_id="order-1"))
    assert log.ingest() == 1
    assert log.counters()["duplicates"] == 2


def test_several_ingesters_at_once_take_every_row_once(
    log: SqlitePredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    _write(flush, 60)
    writer.close()
    ingesters = [subprocess.Popen([sys.executable, "-c", _INGESTER, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    moved = [int(ingester.communicate()[0].split()[1]) for ingester in ingesters]
    assert sum(moved) + log.ingest() == 600
    assert log.count("churn", DAY) == {1: 600}
    assert segments(tmp_path / "log") == []


def test_an_ingester_killed_at_any_moment_loses_no_row_and_doubles_none(log: SqlitePredictionLog, tmp_path: Path) -> None:
    expected = 0
    for number in range(20):
        writer = SegmentWriter(tmp_path / "log", f"w{number}")
        _write(lambda batch, to=writer: to.append([batch], now=1_700_000_000_000_000), 60, prefix=f"{number}/")  # type: ignore[misc]
        if number % 3:
            writer.close()
        expected += 600
        ingester = subprocess.Popen([sys.executable, "-c", _INGESTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert ingester.stdout is not None
        ingester.stdout.readline()
        time.sleep(0.001 * number)  # another moment each round: within a transaction, between two, before or after a file is deleted
        ingester.send_signal(signal.SIGKILL)
        ingester.wait()
        ingester.stdout.close()
        writer.close()
    log.ingest()
    rows = log.rows("churn", 1, DAY)
    assert len(rows.at) == len(set(rows.prediction_id)) == expected
    assert segments(tmp_path / "log") == []
    assert log.counters() == {"duplicates": 0, "torn": 0, "refused": 0}


def test_rows_are_read_by_an_index_in_order_without_sorting(database: Database) -> None:
    from flyball.adapters.sqlite import predictions as module

    with database.read() as connection:
        joined = "LEFT JOIN predictions p ON p.id = s.answered"
        for query in (
            module._ANSWERED.format(more="", compared="", sampled="", newest=""),
            module._ANSWERED.format(more="", compared="", sampled="", newest=" DESC LIMIT 9"),
            module._ANSWERED.format(more="", compared=module._COMPARED, sampled="", newest=""),
            module._SHADOWS.format(more="", join="", compared="", sampled="", newest=""),
            module._SHADOWS.format(more="", join="", compared="", sampled="", newest=" DESC LIMIT 9"),
            module._SHADOWS.format(more="", join=joined, compared=module._SHADOWS_COMPARED, sampled="", newest=""),
        ):
            plan = [step[3] for step in connection.execute("EXPLAIN QUERY PLAN " + query, (1, 0, 9, 9)).fetchall()]
            assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in plan), plan


def _places(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return dict(connection.execute("SELECT segment, position FROM ingested").fetchall())


def _write(flush: Flush, batches: int, *, prefix: str = "") -> None:
    for number in range(batches):
        flush(predictions([f"{prefix}{number}.{row}" for row in range(10)]))


def test_what_is_set_while_much_is_written_is_set_back(tmp_path: Path) -> None:
    def settings() -> list[int]:
        with database.read() as connection:
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("cache_size", "wal_autocheckpoint")]

    with Database(tmp_path / "flyball.db") as database:
        before = settings()
        log = SqlitePredictionLog(database, tmp_path / "log")
        with pytest.raises(StoreError, match="stopped"), database.bulk():
            assert log.add(predictions(["p1", "p2"])) == 2
            assert settings() != before
            raise StoreError("stopped")
        assert settings() == before == [-4096, 1000]
