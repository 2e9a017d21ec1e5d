"""Shadow versions score what was answered and written, in a thread of their own: nothing here reaches an answer or holds up the log."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from flyball.server.guard import Guard
from flyball.server.guardrails import Counts
from flyball.server.metrics import Metrics
from flyball.server.rows import Group, LogRow, shadow_batch_of
from flyball.serving.deployment import NotFiniteError, Projection, Scored
from flyball.serving.segments import encode

_AT_ONCE = 500  # rows of one call
_GUARDED = 100  # and of one whose end somebody waits for
_SAMPLED = 10  # one row of so many, and at least one of a call, is asked alone too where somebody wants to know how long that takes
_PATIENCE = 1.0  # seconds; rows of a call that failed after longer are not asked one by one

_log = logging.getLogger("flyball.server")


class Shadows:
    """Rows go in when they are written; `deliver` gets what the shadows said of them, as frames for the log.

    At most `most` rows wait. A shadow that does not keep up loses what comes beyond: counted as its errors, as are rows it cannot score.
    `guard` hears of every call, and one that it took out is asked no more. A call that hangs holds up the other shadows until then.
    """

    def __init__(
        self, metrics: Metrics, worker: str, *, most: int, deliver: Callable[[list[bytes]], None], guard: Guard | None = None
    ) -> None:
        self._metrics = metrics
        self._guard = guard
        self._worker = worker
        self._most = most
        self._deliver = deliver
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shadow")
        self._due: list[Group] = []
        self._rows = 0
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""  # what broke last, told once

    def add(self, groups: list[Group]) -> None:
        """Take rows of deployments that have shadows."""
        for live, rows in groups:
            if self._rows + len(rows) > self._most:
                for shadow in live.shadows:
                    self._failed(shadow, len(rows))
            else:
                self._rows += len(rows)
                self._due.append((live, rows))
        if self._due and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def settle(self) -> None:
        """Return when no row waits."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        try:
            while self._due:
                groups, self._due = self._due, []
                try:
                    frames = await asyncio.get_running_loop().run_in_executor(self._thread, self._scored, groups)
                except Exception as error:  # noqa: BLE001 - whatever it was, the rows after these are scored
                    self._lost(groups, error)
                else:
                    self._deliver(frames)
                finally:
                    self._rows -= sum(len(rows) for _, rows in groups)
        finally:
            self._task = None

    def _scored(self, groups: list[Group]) -> list[bytes]:
        """In the thread: what each shadow says of the rows it can score."""
        frames = []
        for live, taken in groups:
            rows = list(map(LogRow._make, taken))
            for shadow in live.shadows:
                kept, size = 0, _GUARDED if self._guard is not None and self._guard.counts(shadow.live.version, "shadow") else _AT_ONCE
                for start in range(0, len(rows), size):
                    scored, of = self._called(shadow, rows[start : start + size])
                    if scored is not None:
                        frames.append(encode(shadow_batch_of(live, of, scored, self._worker)))
                        kept += len(of)
                self._metrics.add("model_shadow_predictions_total", kept, (("version", str(shadow.live.version)),))
                if kept < len(rows) and not (self._guard is not None and self._guard.is_off(shadow.live.version, "shadow")):
                    self._failed(shadow, len(rows) - kept)
        return frames

    def _called(self, shadow: Projection, rows: list[LogRow]) -> tuple[Scored | None, list[LogRow]]:
        """What a shadow says of the rows it can score, under the eyes of the guard."""
        guard, version = self._guard, shadow.live.version
        if guard is not None and guard.is_off(version, "shadow"):
            return None, []
        counts = None if guard is None else guard.counts(version, "shadow")
        if guard is None or counts is None:
            return score_shadow(shadow, rows)
        rows = [row for row in rows if shadow.complete(row.features)]
        faults: list[Exception] = []
        guard.begin(version, len(rows))
        started = perf_counter()
        try:
            scored, of = score_shadow(shadow, rows, faults)
            seconds = perf_counter() - started
        finally:
            guard.end()
        if guard.is_off(version, "shadow"):  # it was taken out meanwhile: what it says now is of no interest
            return None, []
        if len(of) < len(rows):
            nan = sum(isinstance(fault, NotFiniteError) for fault in faults[-1:])
            counts.fail("nan" if nan else "errors", len(rows) - len(of))
        if scored is not None:  # last: with an answer among them, the rows before were no run of failures
            counts.answer(len(of), seconds, list(scored.scores))
            if counts.sampled:
                self._sample(shadow, of, counts, guard)
        return scored, of

    def _sample(self, shadow: Projection, rows: list[LogRow], counts: Counts, guard: Guard) -> None:
        """How long some of the rows take alone, as they would if this version answered them."""
        for row in rows[::_SAMPLED]:
            guard.begin(shadow.live.version, 1)
            started = perf_counter()
            try:
                shadow.live.scored(shadow([row.features]))
            except Exception:  # noqa: BLE001 - it has just answered the same row: whatever it is, the next call will tell
                return
            finally:
                guard.end()
            counts.trials.append(perf_counter() - started)

    def _lost(self, groups: list[Group], error: Exception) -> None:
        """No shadow will say anything of these rows."""
        for live, rows in groups:
            for shadow in live.shadows:
                self._failed(shadow, len(rows))
        told = type(error).__name__
        if told != self._trouble:
            self._trouble = told
            _log.error("shadows could not score rows", exc_info=error)

    def _failed(self, shadow: Projection, rows: int) -> None:
        self._metrics.add("model_shadow_errors_total", rows, (("version", str(shadow.live.version)),))


def score_shadow(shadow: Projection, rows: list[LogRow], faults: list[Exception] | None = None) -> tuple[Scored | None, list[LogRow]]:
    """What a shadow says of the rows it can score, and which those are. All at once; one by one only if that fails, and fails soon.

    `faults` gets what it raised.
    """
    rows = [row for row in rows if shadow.complete(row.features)]
    if not rows:
        return None, []
    started = perf_counter()
    try:
        return shadow.live.scored(shadow([row.features for row in rows])), rows
    except Exception as error:  # noqa: BLE001 - a shadow may break in any way: it is counted, and the answers went out long before
        if faults is not None:
            faults.append(error)
        if len(rows) == 1 or perf_counter() - started > _PATIENCE:
            return None, []
    scored: list[tuple[Scored, LogRow]] = []
    for row in rows:
        one = score_shadow(shadow, [row], faults)[0]
        if one is not None:
            scored.append((one, row))
        if perf_counter() - started > 10 * _PATIENCE:  # those behind wait too
            break
    if not scored:
        return None, []
    together = Scored(
        version=shadow.live.version,
        labels=[one.labels[0] for one, _ in scored],
        confidences=[one.confidences[0] for one, _ in scored],
        scores=[one.scores[0] for one, _ in scored],
    )
    return together, [row for _, row in scored]
