"""The record log of one worker: a bounded buffer of rows, packed where they are made and written to segments by a thread of its own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any, NamedTuple

from flyball.core.errors import StoreError
from flyball.server.metrics import Metrics
from flyball.server.tally import Tally
from flyball.serving.codecs import Context, encode_label
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, Projection, Score, Scored
from flyball.serving.records import Label, PredictionBatch
from flyball.serving.segments import SegmentWriter, encode

_LOGGED = (("state", "logged"),)
_LOST = (("state", "lost"),)
_PACK = 256  # rows that are packed at once: a tenth of a millisecond, while they are still in the processor's cache
_ROWS_PER_FRAME = 5_000
_SHADOW_ROWS = 500
_RETRY_AFTER = 1.0  # seconds until a disk that refused is asked again


class LogRow(NamedTuple):
    """One answered row."""

    prediction_id: str
    version: int
    variant: str
    at: int
    made_at: int
    unit: str | None
    entity: str | None
    client_id: str | None
    label: Label
    score: Score
    features: Row
    context: Context | None


Rows = Sequence[LogRow | tuple[Any, ...]]
Group = tuple[LiveModel, Rows]


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
        self._packed = 0  # rows in `_frames`
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flight: asyncio.Task[None] | None = None
        self._idle = True  # neither a timer nor a flight will look after new rows
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

    async def close(self) -> None:
        """Write what is left and finish the segment. What the disk still refuses is counted as lost."""
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()
        self._metrics.add("flyball_log_rows_total", self.rows, _LOST)
        self._frames.clear()
        self._tally.settle(self.rows)
        self._tally.close()
        self.rows = 0
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown(wait=False)

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
            return
        if live.shadows:
            self._shadowed.append((live, rows))

    async def _fly(self) -> None:
        """Write all pending rows, then those that came meanwhile, until none wait or the disk refuses."""
        loop = asyncio.get_running_loop()
        try:
            self._pack()
            frames, self._frames = self._frames, []
            groups, self._shadowed = self._shadowed, []
            number, self._packed = self._packed, 0
            waiting, self._waiting = self._waiting, []
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
                if not done.done() and error:
                    done.set_exception(StoreError(f"the prediction log cannot be written: {error}"))
                elif not done.done():
                    done.set_result(None)
            if not error and groups:
                lost = await loop.run_in_executor(self._thread, self._shadow, groups)
                if lost:
                    self._metrics.add("flyball_log_rows_total", lost, _LOST)
        finally:
            self._flight = None
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
        return ""

    def _shadow(self, groups: list[Group]) -> int:
        """In the log's thread: score answered rows with the shadow versions and log what they said; say how many rows were lost.

        Nothing here reaches an answer.
        """
        batches = []
        for live, taken in groups:
            rows = list(map(LogRow._make, taken))
            for shadow in live.shadows:
                labels = (("version", str(shadow.live.version)),)
                kept = 0
                for start in range(0, len(rows), _SHADOW_ROWS):
                    scored, of = score_shadow(shadow, rows[start : start + _SHADOW_ROWS])
                    if scored is not None:
                        kept += len(of)
                        batches.append(shadow_batch_of(live, of, scored, self._writer.worker))
                self._metrics.add("model_shadow_predictions_total", kept, labels)
                if kept < len(rows):
                    self._metrics.add("model_shadow_errors_total", len(rows) - kept, labels)
        try:
            if batches:
                self._writer.append(batches, now=self._clock())
        except OSError as error:
            self.error = error.strerror or type(error).__name__
            return sum(len(batch.version) for batch in batches)
        return 0


def log_rows(
    ids: list[str],
    variant: str,
    scored: Scored,
    rows: Sequence[Row],
    entities: list[str | None],
    client_ids: list[str | None],
    *,
    at: int,
    made_at: int,
    unit: str | None,
    context: Context | None,
) -> Rows:
    """The answered rows of one request. What a model of several outputs said is logged as its JSON text."""
    labels = _labels(scored)
    same = [repeat(value) for value in (scored.version, variant, at, made_at, unit)]
    return list(zip(ids, *same, entities, client_ids, labels, scored.scores, rows, repeat(context), strict=False))


def _labels(scored: Scored) -> list[Label]:
    return [encode_label(said) if isinstance(said, list) else said for said in scored.labels]


def batch_of(live: LiveModel, rows: Rows, worker: str) -> PredictionBatch:
    """Answered rows as columns."""
    columns: list[Any] = list(zip(*rows, strict=True))
    return PredictionBatch(
        model=live.model,
        worker=worker,
        schema_id=live.contract.schema_id,
        feature_names=list(live.contract.names),
        prediction_id=columns[0],
        version=columns[1],
        variant=columns[2],
        shadow=[False] * len(rows),
        at=columns[3],
        made_at=columns[4],
        unit=columns[5],
        entity=columns[6],
        client_id=columns[7],
        label=columns[8],
        score=columns[9],
        features=columns[10],
        context=columns[11],
    )


def shadow_batch_of(live: LiveModel, rows: list[LogRow], scored: Scored, worker: str) -> PredictionBatch:
    """The same rows as a shadow version saw them: the answered rows' ids, nothing of their features."""
    nothing = [None] * len(rows)
    return PredictionBatch(
        model=live.model,
        worker=worker,
        schema_id=live.contract.schema_id,
        feature_names=list(live.contract.names),
        prediction_id=[row.prediction_id for row in rows],
        version=[scored.version] * len(rows),
        variant=["challenger"] * len(rows),
        shadow=[True] * len(rows),
        at=[row.at for row in rows],
        made_at=[row.made_at for row in rows],
        unit=[row.unit for row in rows],
        entity=[row.entity for row in rows],
        client_id=list(nothing),
        label=_labels(scored),
        score=scored.scores,
        features=list(nothing),
        context=list(nothing),
    )


def score_shadow(shadow: Projection, rows: list[LogRow]) -> tuple[Scored | None, list[LogRow]]:
    """What a shadow says of the rows it can score, and which those are. All at once; one by one only if that fails."""
    rows = [row for row in rows if shadow.complete(row.features)]
    if not rows:
        return None, []
    try:
        return shadow.live.scored(shadow([row.features for row in rows])), rows
    except Exception:  # noqa: BLE001 - a shadow may break in any way: it is counted, and the answers went out long before
        if len(rows) == 1:
            return None, []
    scored = [(one, row) for row in rows for one in (score_shadow(shadow, [row])[0],) if one is not None]
    if not scored:
        return None, []
    together = Scored(
        version=shadow.live.version,
        labels=[one.labels[0] for one, _ in scored],
        confidences=[one.confidences[0] for one, _ in scored],
        scores=[one.scores[0] for one, _ in scored],
    )
    return together, [row for _, row in scored]
