"""Deadlines of guarded versions: a slow version has failed, one that had too much to do at once has not."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from flyball.registry.records import EngineName
from flyball.server.waiting import Calls, LateError
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveVersion
from flyball.spec.records import Guardrails
from served import MODEL, Served, Site, linear, manifest

ROW = (3, 0.5, True)
ASK = {"features": {"hour": 3, "temp": 0.5, "rain": True}}


class Takes:
    """An engine of a process of its own, whose every row takes so many seconds."""

    name: EngineName = "native"
    inline = False

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.busy = threading.Lock()

    def score_rows(self, rows: Sequence[Row]) -> Any:
        with self.busy:
            time.sleep(self.seconds * len(rows))
        return np.array([0.5 for _ in rows])

    def score_one(self, row: Row) -> float:
        return float(self.score_rows([row]).item(0))

    def score(self, features: Any) -> Any:
        raise NotImplementedError


def test_waiting_for_others_is_no_part_of_how_long_a_version_takes() -> None:
    version = LiveVersion(1, manifest(), Takes(0.05))

    async def story() -> None:
        calls = Calls(10.0)
        under_way = asyncio.ensure_future(calls.timed(version, [ROW]))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        second = await calls.timed(version, [ROW])
        first = await under_way
        assert time.monotonic() - began - second.seconds > 0.02 and second.seconds > 0.04 and first.alone and second.alone
        many = await asyncio.gather(*(calls.timed(version, [ROW]) for _ in range(4)))
        assert not any(one.alone for one in many) and many[1].seconds > 0.14, "one call for all of them"
        calls.close()

    asyncio.run(story())


def test_a_deadline_that_is_missed_in_the_queue_does_not_make_a_version_slow_and_a_call_that_lasts_does() -> None:
    async def late(seconds: float, before: int, deadline: float) -> bool:
        version, calls = LiveVersion(1, manifest(), Takes(seconds)), Calls(10.0)
        others = [asyncio.ensure_future(calls.timed(version, [ROW])) for _ in range(before)]
        await asyncio.sleep(0.02)  # the first call is under way
        with pytest.raises(LateError) as caught:
            await calls.timed(version, [ROW], deadline=deadline)
        assert caught.value.status == 504
        await asyncio.gather(*others)
        calls.close()
        return caught.value.slow

    assert asyncio.run(late(0.05, 8, 0.2)) is False, "eight others came first, none of which took long"
    assert asyncio.run(late(0.5, 0, 0.2)) is True
    assert asyncio.run(late(0.5, 1, 0.2)) is True, "whoever waits behind a call that hangs knows that it does"


@pytest.mark.parametrize(("slow", "beside", "fails"), [(0.6, 0.001, True), (0.6, 0.6, False)])
def test_a_missed_deadline_counts_only_where_the_other_version_keeps_it(
    play: Any, made: Site, slow: float, beside: float, fails: bool
) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, guardrails=Guardrails())
        await served.look()
        live, guard = served.app.reloader.live, served.app.models.first.guard
        assert live is not None
        for number, seconds in ((2, slow), (1, beside)):
            live.given[number].engine = Takes(seconds)
            live.given[number].inline, live.given[number].most_inline = False, 0
        live.inline, live.most_inline = False, 0
        served.app.predictor.forget()
        guard.deadline = lambda version, rows: 0.25  # type: ignore[method-assign]  # as where the other usually takes no time
        answer = await served.post("/predict", ASK)
        assert answer.status_code == 200 and answer.json()["version"] == 1 and answer.json()["model"] == MODEL
        counts = guard.counts(2, "champion")
        assert counts is not None and counts.failed == int(fails)

    play(story)
