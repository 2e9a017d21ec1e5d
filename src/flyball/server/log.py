"""The record log of one worker: a bounded buffer of rows, written to segments by a thread of its own, where shadows are scored too."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from flyball.core.errors import StoreError
from flyball.server.metrics import Metrics
from flyball.server.tally import Tally
from flyball.serving.codecs import Context
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, Projection, Score, Scored
from flyball.serving.records import Label, PredictionBatch
from flyball.serving.segments import SegmentWriter

_LOGGED = (("state", "logged"),)
_LOST = (("state", "lost"),)
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


Group = tuple[LiveModel, list[LogRow]]


class RecordLog:
    """Rows go in from the event loop, and are in a segment at most `flush_every` seconds later, one `os.write` per flush.

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
        self._pending: deque[Group] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flight: asyncio.Task[None] | None = None
        self.rows = 0
        self.error = ""
        if tally.lost:
            metrics.add("flyball_log_rows_total", tally.lost, _LOST)

    @property
    def full(self) -> bool:
        """True while no further row fits."""
        return self.rows >= self._limit

    def add(self, live: LiveModel, rows: list[LogRow]) -> asyncio.Future[None] | None:
        """Take rows. With `required`: a future to await before answering; else None."""
        if self.rows + len(rows) > self._limit:
            if self._required:
                raise StoreError("the prediction log is full: the disk does not keep up")
            self._metrics.add("flyball_log_rows_total", len(rows), _LOST)
            return None
        self.rows += len(rows)
        self._tally.take(len(rows))
        if self._pending and self._pending[-1][0] is live:
            self._pending[-1][1].extend(rows)
        else:
            self._pending.append((live, rows))
        if not self._required:
            if self._timer is None and self._flight is None:
                self._timer = asyncio.get_running_loop().call_later(self._flush_every, self._start)
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
        if self._pending:
            self._start()
            if self._flight is not None:
                await asyncio.shield(self._flight)

    async def close(self) -> None:
        """Write what is left and finish the segment. What the disk still refuses is counted as lost."""
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()
        self._metrics.add("flyball_log_rows_total", self.rows, _LOST)
        self._pending.clear()
        self._tally.settle(self.rows)
        self._tally.close()
        self.rows = 0
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown(wait=False)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._fly())

    async def _fly(self) -> None:
        """Write all pending rows, then those that came meanwhile, until none wait or the disk refuses."""
        loop = asyncio.get_running_loop()
        try:
            groups, self._pending = self._pending, deque()
            waiting, self._waiting = self._waiting, []
            number = sum(len(rows) for _, rows in groups)
            error = await loop.run_in_executor(self._thread, self._write, list(groups))
            self.error = error
            if not error or self._required:
                self.rows -= number
                self._tally.settle(number)
                if not error:
                    self._metrics.add("flyball_log_rows_total", number, _LOGGED)
            else:
                self._pending.extendleft(reversed(groups))
            for done in waiting:
                if not done.done() and error:
                    done.set_exception(StoreError(f"the prediction log cannot be written: {error}"))
                elif not done.done():
                    done.set_result(None)
            if not error and any(live.shadows for live, _ in groups):
                lost = await loop.run_in_executor(self._thread, self._shadow, list(groups))
                if lost:
                    self._metrics.add("flyball_log_rows_total", lost, _LOST)
        finally:
            self._flight = None
            if self._waiting:
                self._start()
            elif self._pending and self._timer is None:
                self._timer = loop.call_later(_RETRY_AFTER if self.error else self._flush_every, self._start)

    def _write(self, groups: list[Group]) -> str:
        """In the log's thread: one write for all groups. Say what the disk said, if it refused."""
        batches = [
            batch_of(live, rows[start : start + _ROWS_PER_FRAME], self._writer.worker)
            for live, rows in groups
            for start in range(0, len(rows), _ROWS_PER_FRAME)
        ]
        try:
            self._writer.append(batches, now=self._clock(), durable=self._required)
        except OSError as error:
            return error.strerror or type(error).__name__
        return ""

    def _shadow(self, groups: list[Group]) -> int:
        """In the log's thread: score answered rows with the shadow versions and log what they said; say how many rows were lost.

        Nothing here reaches an answer.
        """
        batches = []
        for live, rows in groups:
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


def batch_of(live: LiveModel, rows: list[LogRow], worker: str) -> PredictionBatch:
    """Answered rows as columns."""
    columns = list(map(list, zip(*rows, strict=True)))
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
        label=scored.labels,
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
