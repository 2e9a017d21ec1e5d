"""Models that the event loop cannot wait for, and requests that are scored together."""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from flyball.registry.records import EngineName
from flyball.server.answers import HttpError
from flyball.server.gather import Gatherer
from flyball.server.waiting import Calls
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.records import Deployment
from predictors import Serving
from served import manifest


class Slow:
    """An engine of a process of its own: a thread waits for it. It scores the temp, and not a temp of 13."""

    name: EngineName = "native"
    inline = False

    def __init__(self, outputs: int = 0) -> None:
        self.calls: list[int] = []
        self.threads: set[int] = set()
        self.go = threading.Event()
        self.go.set()
        self.outputs = outputs

    def score_rows(self, rows: Sequence[Row]) -> Any:
        self.calls.append(len(rows))
        self.threads.add(threading.get_ident())
        assert self.go.wait(10)
        scores = [float(row[1] or 0.0) for row in rows]
        if 13.0 in scores:
            raise ValueError("13")
        return np.array([[one, one + 1] for one in scores]) if self.outputs else np.array(scores)

    def score_one(self, row: Row) -> float:
        return float(self.score_rows([row]).item(0))

    def score(self, features: Any) -> Any:
        raise NotImplementedError


def live_of(engine: Any, **changes: Any) -> LiveModel:
    deployment = Deployment(
        model="m", seq=1, champion=1, challenger=None, challenger_share=0.0, seed="s", shadow=(), previous=None, bundles={}
    )
    return LiveModel(deployment, {1: LiveVersion(1, manifest(**changes), engine)})


def ask(temp: float | None) -> bytes:
    return json.dumps({"features": [3, temp, True]}).encode()


def test_a_model_of_its_own_process_is_never_called_on_the_event_loop_and_waiting_requests_share_a_call() -> None:
    engine = Slow()
    serving = Serving(live_of(engine))
    assert serving.predictor.lane is None and serving.predictor.quick(ask(0.5)) is None

    async def story() -> list[Any]:
        engine.go.clear()
        asked = [asyncio.ensure_future(serving.predictor.answer(ask(temp))) for temp in (0.1, 0.9, 13.0, 0.2)]
        while not engine.calls:
            await asyncio.sleep(0.001)
        engine.go.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(story())
    assert [json.loads(one)["prediction"] if isinstance(one, bytes) else repr(one) for one in answers] == [0, 1, "ValueError('13')", 0]
    assert engine.calls == [4, 1, 1, 1, 1]  # those that came together, then each alone because one of them is bad
    assert threading.get_ident() not in engine.threads
    assert [row.features[1] for row in serving.log.rows] == [0.1, 0.9, 0.2]


class Steady(Slow):
    """An inline engine whose every row takes as long as it is told."""

    inline = True
    seconds = 0.0002

    def score_rows(self, rows: Sequence[Row]) -> Any:
        time.sleep(self.seconds * len(rows))
        return super().score_rows(rows)


def test_more_rows_than_a_model_scores_in_a_moment_are_scored_in_a_thread() -> None:
    engine = Steady()
    live = live_of(engine)
    live.champion.warm()
    live = LiveModel(live.deployment, live.versions)
    assert 1 <= live.most_inline <= 10 and live.inline
    engine.threads.clear()
    serving = Serving(live)
    assert serving.predictor.quick(ask(0.5)) is not None
    assert engine.threads == {threading.get_ident()}
    engine.threads.clear()
    many = json.dumps({"features": [[3, 0.5, True]] * 40}).encode()
    assert serving.predictor.at_once(many) is None
    assert len(json.loads(serving.tell(many))["prediction"]) == 40
    assert threading.get_ident() not in engine.threads


def test_a_request_that_waits_too_long_is_answered_504_and_not_logged() -> None:
    engine = Slow()
    serving = Serving(live_of(engine), request_timeout=0.05)

    async def story() -> None:
        engine.go.clear()
        with pytest.raises(HttpError) as caught:
            await serving.predictor.answer(ask(0.5))
        assert caught.value.status == 504 and "did not answer within 0.05 s" in caught.value.message
        engine.go.set()
        assert json.loads(await serving.predictor.answer(ask(0.9)))["prediction"] == 1

    asyncio.run(story())
    assert [row.features[1] for row in serving.log.rows] == [0.9]


def test_beyond_the_queue_requests_are_turned_away_at_once() -> None:
    engine = Slow()
    version = live_of(engine).champion

    async def story() -> None:
        engine.go.clear()
        calls = Calls(10.0)
        first = asyncio.ensure_future(calls.scored(version, [(3, 0.5, True)]))
        while not engine.calls:
            await asyncio.sleep(0.001)
        others = [asyncio.ensure_future(calls.scored(version, [(3, 0.5, True)])) for _ in range(256)]
        await asyncio.sleep(0)
        with pytest.raises(HttpError) as caught:
            await calls.scored(version, [(3, 0.5, True)])
        assert caught.value.status == 503 and (b"retry-after", b"1") in caught.value.headers
        engine.go.set()
        assert len(await asyncio.gather(first, *others)) == 257
        calls.close()

    asyncio.run(story())
    assert engine.calls == [1, 256]


def test_requests_that_have_given_up_take_no_place_in_the_queue() -> None:
    engine = Slow()
    version = live_of(engine).champion

    async def story() -> None:
        engine.go.clear()
        calls = Calls(10.0)
        first = asyncio.ensure_future(calls.scored(version, [(3, 0.5, True)]))
        while not engine.calls:
            await asyncio.sleep(0.001)
        others = [asyncio.ensure_future(calls.scored(version, [(3, 0.5, True)])) for _ in range(256)]
        await asyncio.sleep(0)
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        late = asyncio.ensure_future(calls.scored(version, [(3, 0.7, True)]))
        await asyncio.sleep(0)
        engine.go.set()
        assert [one.scores for one in await asyncio.gather(first, late)] == [[0.5], [0.7]]
        calls.close()

    asyncio.run(story())
    assert engine.calls == [1, 1]


def test_a_model_of_several_outputs_answers_a_list_and_logs_its_json() -> None:
    engine = Slow(outputs=2)
    serving = Serving(live_of(engine, task="regression", classes=(), outputs=("low", "high")))
    one = json.loads(serving.tell(ask(0.5)))
    many = json.loads(serving.tell(b'{"features": [[3, 0.5, true], [3, 1.5, true]]}'))
    assert one["prediction"] == [0.5, 1.5] and one["confidence"] is None
    assert many["prediction"] == [[0.5, 1.5], [1.5, 2.5]] and many["confidence"] == [None, None]
    assert serving.log.rows[0].label == "[0.5,1.5]" and serving.log.rows[0].score == [0.5, 1.5]


def test_a_slow_challenger_leaves_the_champion_its_short_way_and_everybody_their_share() -> None:
    deployment = Deployment(
        model="m", seq=1, champion=1, challenger=2, challenger_share=0.3, seed="s", shadow=(), previous=None, bundles={}
    )
    slow = Slow()
    serving = Serving(LiveModel(deployment, {1: LiveVersion(1, manifest(), Together()), 2: LiveVersion(2, manifest(), slow)}))
    lane = serving.predictor.lane
    assert lane is not None and lane.answer(ask(0.5)) is None  # without a unit nobody is drawn twice
    units = [json.dumps({"features": [3, 0.5, True], "unit": f"u{number}"}).encode() for number in range(100)]
    for body in units:
        serving.tell(body)
    short = sum(lane.answer(body) is not None for body in units)
    assert 55 < short < 85 and len(slow.calls) == 100 - short
    for _ in range(300):
        serving.tell(ask(0.5))
    drawn = [row.variant for row in serving.log.rows if row.unit is None]
    assert 0.15 < drawn.count("challenger") / len(drawn) < 0.45


class Together(Slow):
    """An engine that gains by being asked for many rows."""

    name: EngineName = "onnx"
    inline = True


def test_requests_of_one_turn_are_scored_in_one_call_and_a_bad_row_fails_alone() -> None:
    engine = Together()
    live = live_of(engine)
    live.gathers = True
    serving = Serving(live)
    lane = serving.predictor.lane
    assert lane is not None and lane.gathers
    answers: list[bytes | None] = []

    async def story(temps: list[float]) -> None:
        gatherer = Gatherer()
        for temp in temps:
            held = lane.begin(ask(temp))
            assert held is not None
            gatherer.hold(lane, held, answers.append)
        assert answers == []
        await asyncio.sleep(0)
        gatherer.flush()  # nobody waits any more

    asyncio.run(story([0.1, 0.9, 0.2]))
    assert [json.loads(one or b"")["prediction"] for one in answers] == [0, 1, 0] and engine.calls == [3]
    assert [row.features[1] for row in serving.log.rows] == [0.1, 0.9, 0.2]
    answers.clear()
    asyncio.run(story([0.1, 13.0, 0.9]))
    assert [one and json.loads(one)["prediction"] for one in answers] == [0, None, 1]
    answers.clear()
    asyncio.run(story([0.9]))
    assert json.loads(answers[0] or b"")["prediction"] == 1 and len(serving.log.rows) == 6


def test_a_version_that_takes_as_long_for_sixteen_rows_as_for_one_gathers_them() -> None:
    class Matrix(Together):
        """Takes half a millisecond for however many rows."""

        def score_rows(self, rows: Sequence[Row]) -> Any:
            threading.Event().wait(0.0005)
            return super().score_rows(rows)

    version = live_of(Matrix()).champion
    version.warm()
    assert version.gathers
