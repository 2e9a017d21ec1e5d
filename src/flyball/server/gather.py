"""Loop-turn batching: requests that arrive in one turn of the event loop are scored together; nobody waits for a later one."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from flyball.server.lane import Arm, Held, Lane
from flyball.serving.contract import Row

Done = Callable[[bytes | None], None]


class _Waiting(NamedTuple):
    lane: Lane
    held: Held
    done: Done


class Gatherer:
    """Holds requests until the loop has read all that had come, then scores them: one call for each version.

    `done` gets the answer, or None for a request that the long way has to answer. A row that cannot be scored fails alone.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def hold(self, lane: Lane, held: Held, done: Done) -> None:
        """Take a request; its answer comes in this turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(_Waiting(lane, held, done))

    def flush(self) -> None:
        """Answer all that wait, in the order they came."""
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            (lane, held, done) = waiting[0]
            done(_finished(lane, held, _alone(held)))
            return
        groups: dict[int, list[_Waiting]] = {}
        for one in waiting:
            groups.setdefault(id(one.held[-1]), []).append(one)
        scores: dict[int, Any] = {}
        for group in groups.values():
            found = _together(group[0].held[-1], [one.held for one in group])
            scores.update((id(one.held), score) for one, score in zip(group, found, strict=True))
        for lane, held, done in waiting:
            done(_finished(lane, held, scores[id(held)]))


def _finished(lane: Lane, held: Held, score: Any) -> bytes | None:
    try:
        return None if score is None else lane.finish(held, score)
    except Exception:  # noqa: BLE001 - the long way meets the same error again and says what it was
        return None


def _alone(held: Held) -> Any:
    *_, row, arm = held
    try:
        return arm.ask(row)
    except Exception:  # noqa: BLE001 - as above
        return None


def _together(arm: Arm, requests: Sequence[Held]) -> list[Any]:
    rows: list[Row] = [row if arm.read is None else arm.read(row) for *_, row, _ in requests]
    began = perf_counter()
    try:
        scores: list[Any] = arm.live.engine.score_rows(rows).tolist()
    except Exception:  # noqa: BLE001 - one row may spoil the call: each is asked alone
        scores = []
    if len(scores) != len(requests):
        return [_alone(held) for held in requests]
    if arm.counts is not None:
        took, finite = perf_counter() - began, [one for one in scores if type(one) is list or one - one == 0.0]
        arm.counts.together += [took] * len(finite)  # each of them waited for all
        arm.counts.scores += finite
    return scores
