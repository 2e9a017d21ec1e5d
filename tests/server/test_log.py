"""The record log: nothing is lost that can be kept, and what is lost is counted."""

import asyncio
import errno
import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.serving.segments import SegmentWriter, read, segments
from served import MODEL, Served, Site, linear

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}


class Disk:
    """Makes the log's writer fail like a full disk, for as long as it is full."""

    def __init__(self, served: Served) -> None:
        self.full = False
        writer: SegmentWriter = served.app.log._writer
        write = writer.write

        def refuse(frames: bytes, *, now: int, durable: bool = False) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(frames, now=now, durable=durable)

        writer.write = refuse  # type: ignore[method-assign]  # the disk itself cannot be filled here


def test_a_row_is_on_its_way_within_the_time_promised_without_anybody_asking(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        await served.post("/predict", {"features": ROW})
        for _ in range(100):
            if segments(made.settings().segments):
                break
            await asyncio.sleep(0.01)
        (path,) = segments(made.settings().segments)
        assert len(read(path).batches[0].prediction_id) == 1

    play(story)


def test_while_the_disk_refuses_answers_go_on_and_nothing_is_lost_that_fits(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        disk = Disk(served)
        disk.full = True
        for _ in range(5):
            assert (await served.post("/predict", {"features": ROW})).status_code == 200
        await served.app.log.flush()
        health = (await served.get("/health")).json()
        assert health["log"]["pending"] == 5 and "No space" in health["log"]["error"] and health["status"] == "healthy"
        disk.full = False
        assert await served.logged() == 5

    play(story)


def test_what_no_longer_fits_is_counted_as_lost(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        disk = Disk(served)
        disk.full = True
        for _ in range(8):
            assert (await served.post("/predict", {"features": ROW})).status_code == 200
        assert 'flyball_log_rows_total{state="lost"} 3' in (await served.get("/metrics")).text
        disk.full = False
        assert await served.logged() == 5
        page = (await served.get("/metrics")).text
        assert 'flyball_log_rows_total{state="logged"} 5' in page and "flyball_log_pending_rows 0" in page

    play(story, max_buffered_rows=5)


def test_a_required_log_answers_only_what_is_on_the_disk(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        disk = Disk(served)
        answer = (await served.post("/predict", {"features": ROW})).json()
        assert read(segments(made.settings().segments)[0]).batches[0].prediction_id == [answer["prediction_id"]]
        disk.full = True
        refused = await served.post("/predict", {"features": ROW, "prediction_id": "mine"})
        assert refused.status_code == 503 and "No space" in refused.json()["error"]
        counted = f'model_predictions_total{{model="{MODEL}",version="1",variant="champion"}} '
        assert counted + "1" in (await served.get("/metrics")).text.splitlines()  # not the one that was refused
        disk.full = False
        assert (await served.post("/predict", {"features": ROW, "prediction_id": "mine"})).status_code == 200
        assert counted + "2" in (await served.get("/metrics")).text.splitlines()
        assert await served.logged() == 2

    play(story, log="required")


def test_a_required_log_fails_requests_whose_rows_it_cannot_hold(play: Play, made: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(served: Served) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("flyball.server.log.encode", unencodable)
            refused = await served.post("/predict", {"features": ROW})
        assert refused.status_code == 503 and "no log can hold" in refused.json()["error"]
        assert 'flyball_log_rows_total{state="lost"} 1' in (await served.get("/metrics")).text
        assert (await served.post("/predict", {"features": ROW})).status_code == 200
        assert await served.logged() == 1

    play(story, log="required")


def unencodable(batch: object) -> bytes:
    raise OverflowError("an integer beyond 64 bits")


def test_whatever_the_writer_meets_those_who_wait_for_it_are_told(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        writer = served.app.log._writer
        write = writer.write

        def refuse(frames: bytes, *, now: int, durable: bool = False) -> None:
            raise MemoryError

        writer.write = refuse  # type: ignore[method-assign]  # memory cannot be filled here
        refused = await asyncio.wait_for(served.post("/predict", {"features": ROW}), 10)
        assert refused.status_code == 503 and "MemoryError" in refused.json()["error"]
        writer.write = write  # type: ignore[method-assign]  # as above
        assert (await served.post("/predict", {"features": ROW})).status_code == 200

    play(story, log="required")


def test_requests_that_wait_for_the_disk_share_its_turns(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        answers = await asyncio.gather(*(served.post("/predict", {"features": ROW}) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        batches = read(segments(made.settings().segments)[0]).batches
        assert sum(len(batch.prediction_id) for batch in batches) == 50 and len(batches) < 50

    play(story, log="required")


def test_a_deployment_that_serves_no_more_is_not_kept_in_memory(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, 0.0, 1.0], 0.0))

    async def story(served: Served) -> None:
        await served.post("/predict", {"features": ROW})
        assert served.app.reloader.live is not None
        before = weakref.ref(served.app.reloader.live.champion)
        made.deploy(2)
        await served.look()
        await served.logged()
        gc.collect()
        assert before() is None

    play(story)


def test_a_stop_writes_what_is_left(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        for _ in range(3):
            await served.post("/predict", {"features": ROW})

    play(story, flush_every=3600.0)
    assert made.ports.predictions.ingest() == 3
    assert segments(made.settings().segments) == []


def test_rows_of_two_deployments_are_logged_under_their_own_names(play: Play, made: Site, tmp_path: Path) -> None:
    from served import MIXED, mixed

    async def story(served: Served) -> None:
        await served.post("/predict", {"features": ROW})
        made.add(2, mixed(1.0, {"AA": 1.0}), schema=MIXED)
        made.deploy(2)
        await served.look()
        answer = (await served.post("/predict", {"features": {"hour": 1, "carrier": "AA", "temp": None}})).json()
        assert await served.logged() == 2
        found = made.ports.predictions.find(answer["prediction_id"])
        assert found is not None and found[0].features == {"hour": 1, "carrier": "AA", "temp": None}

    play(story, flush_every=3600.0)


@pytest.mark.parametrize("rows", [1, 12_000])
def test_large_requests_are_logged_whole(play: Play, made: Site, rows: int) -> None:
    async def story(served: Served) -> None:
        answer = await served.post("/predict", {"features": [list(ROW.values())] * rows})
        assert answer.status_code == 200 and len(answer.json()["prediction"]) == rows
        assert await served.logged() == rows

    play(story, max_rows=20_000)


def test_a_shadow_that_takes_its_time_does_not_hold_up_the_log(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.deploy(1, shadow=(2,))
    go = threading.Event()

    async def story(served: Served) -> None:
        (shadow,) = served.app.reloader.live.shadows  # type: ignore[union-attr]  # it serves
        real = shadow.live.engine.score_rows

        def slow(rows: Any) -> Any:
            assert go.wait(10)
            return real(rows)

        shadow.live.engine.score_rows = slow  # type: ignore[method-assign]  # a model that is slow
        for number in range(3):
            await served.post("/predict", {"features": [[3, 1.0, True]] * 2})
            await served.app.log.flush()
            assert served.app.log.rows == 0 and made.ports.predictions.ingest() == 2, number
        go.set()
        assert await served.logged() == 6
        assert 'model_shadow_predictions_total{version="2"} 6' in (await served.get("/metrics")).text

    play(story)


def test_what_a_shadow_does_not_keep_up_with_is_counted(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.deploy(1, shadow=(2,))

    async def story(served: Served) -> None:
        served.app.log._shadows._most = 3
        await served.post("/predict", {"features": [[3, 1.0, True]] * 4})
        assert await served.logged() == 4
        assert 'model_shadow_errors_total{version="2"} 4' in (await served.get("/metrics")).text

    play(story)
