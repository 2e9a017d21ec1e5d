"""The record log of one worker: a bounded buffer of rows, packed where they are made and written to segments by a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from flyball.core.errors import StoreError
from flyball.server.guard import Guard
from flyball.server.metrics import Cell, Metrics
from flyball.server.rows import Group, LogRow, Rows, batch_of
from flyball.server.shadow import Shadows
from flyball.server.tally import Tally
from flyball.serving.deployment import LiveModel
from flyball.serving.segments import SegmentWriter, encode

_LOGGED = (("state", "logged"),)
_LOST = (("state", "lost"),)
PINNED = "pinned"  # logged for rows that asked for a version: no shadow scores them
_PACK = 256  # rows that are packed at once: a tenth of a millisecond, while they are still in the processor's cache
_ROWS_PER_FRAME = 5_000
_LAST_SHADOWS = 2.0  # seconds a stop waits for them
_RETRY_AFTER = 1.0  # seconds until a disk that refused is asked again


class RecordLog:
    """Rows go in from the event loop, and are in a segment at most `flush_every` seconds later, one `os.write` per flush.

    Rows become bytes on the event loop, a few hundred at a time: a thread that did it would keep the loop from running for as long.
    With `required`, `add` gives a future that is done when the row is on the disk (all rows that wait share one fsync), or fails with
    StoreError. Otherwise rows wait in the buffer while the disk refuses, and what no longer fits is counted as lost.
    """

    def __init__(
        self,
        writer: SegmentWriter,
        metrics: Metrics,
        tally: Tally,
        *,
        required: bool,
        limit: int,
        flush_every: float,
        clock: Callable[[], int],
        guard: Guard | None = None,
    ) -> None:
        self._writer = writer
        self._tally = tally
        self._metrics = metrics
        self._required = required
        self._limit = limit
        self._flush_every = flush_every
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="record-log")
        self._live: LiveModel | None = None  # whose rows are in `_open`
        self._open: list[LogRow | tuple[Any, ...]] = []
        self._frames: list[bytes] = []
        self._shadowed: list[Group] = []  # rows that shadows are to score once they are written
        self._shadows = Shadows(metrics, writer.worker, most=limit, deliver=self._deliver, guard=guard)
        self._packed = 0  # rows in `_frames`
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flight: asyncio.Task[None] | None = None
        self._idle = True  # neither a timer nor a flight will look after new rows
        self._unpacked = False  # rows that requests wait for could not be packed
        self.rows = 0
        self.error = ""
        if tally.lost:
            metrics.add("flyball_log_rows_total", tally.lost, _LOST)

    @property
    def full(self) -> bool:
        """True while no further row fits."""
        return self.rows >= self._limit

    def take(self, live: LiveModel, row: "LogRow | tuple[Any, ...]") -> None:
        """Take one row (a LogRow or a tuple of its values) of a log that is not required: `add` at the least cost."""
        if self.rows >= self._limit:
            self._metrics.add("flyball_log_rows_total", 1, _LOST)
            return
        self.rows += 1
        self._tally.take(1)
        if live is not self._live:
            self._pack()
            self._live = live
        opened = self._open
        opened.append(row)
        if len(opened) >= _PACK:
            self._pack()
        if self._idle:
            self._soon(self._flush_every)

    def add(self, live: LiveModel, rows: Rows) -> asyncio.Future[None] | None:
        """Take rows. With `required`: a future to await before answering; else None."""
        if self.rows + len(rows) > self._limit:
            if self._required:
                raise StoreError("the prediction log is full: the disk does not keep up")
            self._metrics.add("flyball_log_rows_total", len(rows), _LOST)
            return None
        self.rows += len(rows)
        self._tally.take(len(rows))
        if live is not self._live:
            self._pack()
            self._live = live
        self._open.extend(rows)
        if len(self._open) >= _PACK:
            self._pack()
        if not self._required:
            if self._idle:
                self._soon(self._flush_every)
            return None
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._flight is None:
            self._start()
        return done

    async def flush(self) -> None:
        """Return when every row taken so far has been written, or the disk has refused it once more."""
        if self._flight is not None:
            await asyncio.shield(self._flight)
        if self._open or self._frames:
            self._start()
            if self._flight is not None:
                await asyncio.shield(self._flight)

    async def settle(self, seconds: float | None = None) -> None:
        """`flush`, and the same for what the shadows have to say of these rows, if that takes no longer than so many seconds."""
        await self.flush()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._shadows.settle(), seconds)
        await self.flush()

    async def close(self) -> None:
        """Write what is left and finish the segment. What the disk still refuses is counted as lost."""
        await self.settle(_LAST_SHADOWS)
        if self._timer is not None:
            self._timer.cancel()
        self._metrics.add("flyball_log_rows_total", self.rows, _LOST)
        self._frames.clear()
        self._shadows.close()
        self._tally.settle(self.rows)
        self._tally.close()
        self.rows = 0
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown(wait=False)

    def _deliver(self, frames: list[bytes]) -> None:
        """Frames of the shadows: written with the next rows, and kept like them while the disk refuses."""
        self._frames += frames
        if self._frames and self._idle:
            self._soon(self._flush_every)

    def _soon(self, seconds: float) -> None:
        self._idle = False
        self._timer = asyncio.get_running_loop().call_later(seconds, self._start)

    def _start(self) -> None:
        self._idle = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._fly())

    def _pack(self) -> None:
        """Rows of one deployment become frames."""
        rows, live = self._open, self._live
        if not rows or live is None:
            return
        self._open = []
        try:
            for start in range(0, len(rows), _ROWS_PER_FRAME):
                part = rows if len(rows) <= _ROWS_PER_FRAME else rows[start : start + _ROWS_PER_FRAME]
                self._frames.append(encode(batch_of(live, part, self._writer.worker)))
                self._packed += len(part)
        except (ValueError, OverflowError, TypeError):  # a value that no log can hold: its neighbours are lost with it, and counted
            lost = len(rows) - start
            self.rows -= lost
            self._tally.settle(lost)
            self._metrics.add("flyball_log_rows_total", lost, _LOST)
            self._unpacked = self._required
            return
        shadowed = [row for row in rows if row[2] != PINNED] if live.shadows else []
        if shadowed:
            self._shadowed.append((live, shadowed))

    async def _fly(self) -> None:
        """Write all pending rows, then those that came meanwhile, until none wait or the disk refuses."""
        loop = asyncio.get_running_loop()
        try:
            self._pack()
            frames, self._frames = self._frames, []
            groups, self._shadowed = self._shadowed, []
            number, self._packed = self._packed, 0
            waiting, self._waiting = self._waiting, []
            unpacked, self._unpacked = self._unpacked, False
            error = await loop.run_in_executor(self._thread, self._write, frames)
            self.error = error
            if not error or self._required:
                self.rows -= number
                self._tally.settle(number)
                if not error:
                    self._metrics.add("flyball_log_rows_total", number, _LOGGED)
            else:
                self._frames, self._packed = frames + self._frames, number + self._packed
                self._shadowed = groups + self._shadowed
            for done in waiting:
                if not done.done() and (error or unpacked):
                    why = error or "a value beside these rows, or in them, is one that no log can hold"
                    done.set_exception(StoreError(f"the prediction log cannot be written: {why}"))
                elif not done.done():
                    done.set_result(None)
            if not error:
                self._shadows.add(groups)
        finally:
            self._flight = None
            if not self._open:
                self._live = None  # a deployment that no longer serves is not kept in memory for its rows' sake
            if self._waiting:
                self._start()
            elif self._open or self._frames:
                self._soon(_RETRY_AFTER if self.error else self._flush_every)
            else:
                self._idle = True

    def _write(self, frames: list[bytes]) -> str:
        """In the log's thread: one write for all frames. Say what the disk said, if it refused."""
        try:
            self._writer.write(b"".join(frames), now=self._clock(), durable=self._required)
        except OSError as error:
            return error.strerror or type(error).__name__
        except Exception as error:  # noqa: BLE001 - whoever waits for these rows must be told, whatever it was
            return type(error).__name__
        return ""


async def after(durable: asyncio.Future[None], content: bytes) -> bytes:
    """An answer, once a required log has its rows."""
    await durable
    return content


def count_durable(durable: asyncio.Future[None] | None, cell: Cell, rows: int) -> None:
    """Count rows: those of a required log once it has them. That nobody waits for their answer any more changes nothing."""

    def count(done: asyncio.Future[None]) -> None:
        if done.cancelled() or done.exception() is None:
            cell.number += rows

    if durable is None:
        cell.number += rows
    else:
        durable.add_done_callback(count)
