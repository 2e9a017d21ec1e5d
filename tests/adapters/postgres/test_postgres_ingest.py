"""Segments into the shared database: each row once, from several machines, wherever the connection or the server is cut."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.adapters.postgres import ingest
from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.core.errors import StoreError
from flyball.serving.records import Place, PredictionBatch
from flyball.serving.segments import SegmentWriter, encode, segments
from flyball.testing.predictions import DAY
from flyball.testing.samples import predictions
from postgresql import Postgres, running_postgres

Flush = Callable[[PredictionBatch], None]

_INGESTER = """
import sys
from pathlib import Path
from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.adapters.postgres import ingest
ingest._CHUNK = 2000
with Database(sys.argv[1]) as database:
    log = PostgresPredictionLog(database, Path(sys.argv[2]) / "log")
    print("ready", flush=True)
    print(log.ingest(), flush=True)
"""


def _write(flush: Flush, batches: int, *, prefix: str = "") -> None:
    for number in range(batches):
        flush(predictions([f"{prefix}{number}.{row}" for row in range(10)]))


def _places(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {segment: position for segment, position in connection.execute("SELECT segment, position FROM ingested").fetchall()}


def test_a_segment_that_is_still_written_stays_and_is_read_on(
    log: PostgresPredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1"]))
    assert log.ingest() == 1
    assert len(segments(tmp_path / "log")) == 1
    flush(predictions(["p2"]))
    writer.close()
    assert log.ingest() == 1
    assert segments(tmp_path / "log") == []


def test_the_place_read_up_to_is_kept_until_the_segment_is_deleted(
    log: PostgresPredictionLog, database: Database, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1"]))
    log.ingest()
    (path,) = segments(tmp_path / "log")
    assert _places(database)[path.name] == path.stat().st_size
    writer.close()
    log.ingest()
    assert _places(database) == {}


def test_a_torn_tail_is_skipped_and_counted_and_what_stands_before_it_is_kept(
    log: PostgresPredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1", "p2"]))
    writer.close()
    (path,) = segments(tmp_path / "log")
    with path.open("ab") as file:
        file.write(encode(predictions(["p3"]))[:-5])
    assert log.ingest() == 2
    assert log.counters() == {"duplicates": 0, "torn": 1, "refused": 0}
    assert segments(tmp_path / "log") == []


def test_a_segment_damaged_in_the_middle_is_set_aside_as_evidence(
    log: PostgresPredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
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
    assert path.with_suffix(".damaged").exists()


def test_rows_written_where_a_half_frame_was_taken_back_are_not_lost(
    log: PostgresPredictionLog, writer: SegmentWriter, flush: Flush, tmp_path: Path
) -> None:
    flush(predictions(["p1"]))
    flush(predictions(["p2"]))
    assert log.ingest() == 2
    (path,) = segments(tmp_path / "log")
    os.truncate(path, path.stat().st_size - len(encode(predictions(["p2"]))))
    flush(predictions(["p2", "p3", "p4"]))
    writer.close()
    assert log.ingest() == 2
    assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p2", "p3", "p4"]


@pytest.mark.parametrize(
    "bad",
    [
        predictions(["x1", "x2"], score=[0.5]),
        predictions(["x1", "x2"], features=[[1.0, "basic"], [2.0]]),
    ],
    ids=["ragged", "too narrow"],
)
def test_a_batch_that_cannot_be_stored_is_counted_and_holds_up_nothing(
    log: PostgresPredictionLog, flush: Flush, bad: PredictionBatch
) -> None:
    flush(predictions(["p1"]))
    flush(bad)
    flush(predictions(["p2"]))
    assert log.ingest() == 2
    assert log.counters() == {"duplicates": 0, "torn": 0, "refused": 2}
    assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p2"]


def test_a_text_with_a_character_that_postgresql_has_no_place_for_comes_back_as_it_was(log: PostgresPredictionLog, flush: Flush) -> None:
    texts = ["a\x00b", "\x1b0", "\x1b\x00\x1b1", "plain"]
    flush(predictions(texts, unit=texts, entity=texts, client_id=[f"c{one}" for one in texts], label=list(texts)))
    assert log.ingest() == 4
    rows = log.rows("churn", 1, DAY)
    for column in (rows.prediction_id, rows.unit, rows.entity, rows.label):
        assert sorted(column.tolist()) == sorted(texts)
    found = log.find("c\x1b\x00\x1b1")
    assert found is not None
    assert (found[0].unit, found[0].client_id) == ("\x1b\x00\x1b1", "c\x1b\x00\x1b1")


def test_numbers_that_json_has_no_word_for_come_back_as_they_were(log: PostgresPredictionLog) -> None:
    log.add(predictions(["a", "b", "c"], label=[float("inf"), float("-inf"), 1e300], score=[float("inf"), float("nan"), 0.1]))
    rows = log.rows("churn", 1, DAY)
    assert rows.label.tolist() == [float("inf"), float("-inf"), 1e300]
    assert rows.score[0] == float("inf") and rows.score[1] != rows.score[1]


def test_segments_of_the_same_name_on_two_machines_are_two(database: Database, tmp_path: Path) -> None:
    for number, machine in enumerate(("one", "two")):
        writer = SegmentWriter(tmp_path / machine, "8000-w0")
        writer.append([predictions([f"{machine}.{row}" for row in range(10 - number)])], now=1_700_000_000_000_000)
        assert PostgresPredictionLog(database, tmp_path / machine).ingest() == 10 - number
        writer.append([predictions([f"{machine}.later"])], now=1_700_000_000_000_000)
        writer.close()
    names = [path.name for machine in ("one", "two") for path in segments(tmp_path / machine)]
    assert len(names) == 2 and len(set(names)) == 1
    assert [PostgresPredictionLog(database, tmp_path / machine).ingest() for machine in ("one", "two")] == [1, 1]
    assert len(log_rows(database, tmp_path)) == 21


def log_rows(database: Database, tmp_path: Path) -> list[str]:
    rows: list[str] = PostgresPredictionLog(database, tmp_path / "log").rows("churn", 1, DAY).prediction_id.tolist()
    return rows


def test_several_ingesters_of_two_machines_at_once_take_every_row_once_and_in_an_order_that_a_reader_can_follow(
    database: Database, shared: str, tmp_path: Path
) -> None:
    for machine in ("one", "two"):
        writer = SegmentWriter(tmp_path / machine / "log", "8000-w0")
        _write(lambda batch, to=writer: to.append([batch], now=1_700_000_000_000_000), 60, prefix=f"{machine}/")  # type: ignore[misc]
        writer.close()
    command = [sys.executable, "-c", _INGESTER, shared]
    ingesters = [
        subprocess.Popen([*command, str(tmp_path / machine)], stdout=subprocess.PIPE, text=True) for machine in ("one", "one", "two", "two")
    ]
    reader, seen, place = PostgresPredictionLog(database, tmp_path / "log"), list[float](), Place()
    while any(one.poll() is None for one in ingesters):
        arrived = reader.arrived("churn", 1, place, limit=100)
        place, seen = arrived.place, [*seen, *arrived.at.tolist()]
    moved = [int(one.communicate()[0].split()[1]) for one in ingesters]
    while len((arrived := reader.arrived("churn", 1, place, limit=100)).at):
        place, seen = arrived.place, [*seen, *arrived.at.tolist()]
    assert sum(moved) == 1200
    assert len(seen) == 1200, "whoever reads on from a place misses no row that was committed late"
    assert reader.count("churn", DAY) == {1: 1200}
    assert segments(tmp_path / "one" / "log") == segments(tmp_path / "two" / "log") == []


def test_an_ingester_killed_at_any_moment_loses_no_row_and_doubles_none(log: PostgresPredictionLog, shared: str, tmp_path: Path) -> None:
    expected = 0
    for number in range(8):
        writer = SegmentWriter(tmp_path / "log", f"w{number}")
        _write(lambda batch, to=writer: to.append([batch], now=1_700_000_000_000_000), 30, prefix=f"{number}/")  # type: ignore[misc]
        if number % 3:
            writer.close()
        expected += 300
        ingester = subprocess.Popen([sys.executable, "-c", _INGESTER, shared, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert ingester.stdout is not None
        ingester.stdout.readline()
        time.sleep(0.006 * number)  # another moment each round: within a transaction, between two, before or after a file is deleted
        ingester.send_signal(signal.SIGKILL)
        ingester.wait()
        ingester.stdout.close()
        writer.close()
    log.ingest()
    rows = log.rows("churn", 1, DAY)
    assert len(rows.at) == len(set(rows.prediction_id)) == expected
    assert segments(tmp_path / "log") == []
    assert log.counters() == {"duplicates": 0, "torn": 0, "refused": 0}


class Cutter:
    """Stands between a client and the server, and cuts the line for good once so many bytes have gone to the server."""

    def __init__(self, port: int, allowed: int) -> None:
        self._port, self.left = port, allowed
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.left = -1
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [client, server]
                threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while content := source.recv(512 if counted else 65536):
                if counted:
                    self.left -= len(content)
                    if self.left < 0:
                        break
                target.sendall(content)
        self._cut()

    def _cut(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@given(allowed=st.integers(0, 40_000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_the_connection_is_cut_nothing_comes_twice_and_nothing_is_lost(
    log: PostgresPredictionLog, postgres: Postgres, shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    monkeypatch.setattr(ingest, "_CHUNK", 4000)
    prefix = f"{time.monotonic_ns()}/"  # examples share one database
    writer = SegmentWriter(tmp_path / "log", "w0")
    _write(lambda batch: writer.append([batch], now=1_700_000_000_000_000), 20, prefix=prefix)
    writer.close()
    before = log.count("churn", DAY).get(1, 0)
    cutter = Cutter(postgres.port, allowed)
    moved = 0
    with Database(shared.replace(f":{postgres.port}/", f":{cutter.port}/")) as database, suppress(StoreError):
        moved = PostgresPredictionLog(database, tmp_path / "log").ingest()
    cutter.close()
    here = log.count("churn", DAY).get(1, 0) - before
    assert here >= moved, "what was told is there"
    log.ingest()
    rows = [name for name in log.rows("churn", 1, DAY).prediction_id.tolist() if name.startswith(prefix)]
    assert len(rows) == len(set(rows)) == 200
    assert segments(tmp_path / "log") == []
    assert log.counters() == {"duplicates": 0, "torn": 0, "refused": 0}


@pytest.fixture(scope="module")
def fragile() -> Iterator[Postgres]:
    """A server that the tests of this file let die."""
    with running_postgres() as server:
        yield server


@pytest.mark.parametrize("how", ["backend ended", "server crashed", "server stopped"])
def test_a_server_that_dies_in_the_middle_of_a_copy_leaves_nothing_half_taken_in(
    fragile: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    address = fragile.fresh()
    writer = SegmentWriter(tmp_path / "log", "w0")
    _write(lambda batch: writer.append([batch], now=1_700_000_000_000_000), 50)
    writer.close()
    real, done = psycopg.Copy.write_row, [False]

    def dies(copy: "psycopg.Copy", row: object) -> None:
        if not done[0] and isinstance(row, tuple) and row[0] == 250:
            done[0] = True
            if how == "backend ended":
                with psycopg.connect(fragile.address("postgres")) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", (copy.connection.info.backend_pid,))
            elif how == "server crashed":
                fragile.crash()
            else:
                fragile.stop()
        real(copy, row)  # type: ignore[arg-type]  # a tuple

    monkeypatch.setattr(psycopg.Copy, "write_row", dies)
    with Database(address) as database:
        log = PostgresPredictionLog(database, tmp_path / "log")
        with pytest.raises(StoreError) as caught:
            log.ingest()
        assert caught.value.hint
        if how != "backend ended":
            with pytest.raises(StoreError, match="failed"):
                log.ingest()
            fragile.start()
        assert done == [True]
        assert log.count("churn", DAY) == {}
        assert log.ingest() == 500
        assert log.count("churn", DAY) == {1: 500}
        assert segments(tmp_path / "log") == []
