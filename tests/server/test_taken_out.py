"""What becomes of versions that a guardrail took out, and of those that are still needed: nothing is ended, forgotten or kept too long."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from flyball.core.errors import DataError, StoreError
from flyball.server import shadow as shadows
from flyball.server.guardrails import Counts, Judge
from flyball.serving.records import Deployment, Trip
from flyball.spec.records import Guardrails
from served import BREAKS, Served, Site, linear

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 0.5, "rain": True}
RAILS = Guardrails()


class Ends:
    """An engine with processes: after `close` every call of it fails."""

    inline = True

    def __init__(self, engine: Any) -> None:
        self._engine, self.closed = engine, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def close(self) -> None:
        self.closed = True

    def score_one(self, row: Any) -> Any:
        if self.closed:
            raise StoreError("the model's processes have been ended")
        return self._engine.score_one(row)


async def ask(served: Served, temp: float, number: int = 1) -> list[dict[str, Any]]:
    answers = [await served.post("/predict", {"features": {**ROW, "temp": temp}, "unit": f"u{one}"}) for one in range(number)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_a_shadow_that_is_taken_out_stays_able_to_rescue_the_champion_it_stood_before(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, shadow=(1,), guardrails=RAILS)
        await served.look()
        guard, live = served.app.models.first.guard, served.app.reloader.live
        assert live is not None
        live.given[1].engine = engine = Ends(live.given[1].engine)
        served.app.predictor.forget()
        assert (await ask(served, 5.0))[0]["version"] == 1
        for _ in range(5):
            guard.failed(1, "shadow", "errors")
        assert guard.is_off(1, "shadow") and not engine.closed
        live = served.app.reloader.live
        assert live is not None and live.shadows == () and live.previous is not None
        assert {one["version"] for one in await ask(served, 5.0, 7)} == {1}, "also in the place of a champion that is out too"
        assert (await ask(served, 0.5))[0]["version"] == 1
        assert (await served.get("/health")).json()["versions"]["tripped"] == [1, 2]

    play(story)


def test_a_version_whose_processes_have_ended_takes_nobodys_place(made: Site, play: Play) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, guardrails=RAILS)
        await served.look()
        live = served.app.reloader.live
        assert live is not None and live.previous is not None
        live.given[1].closed = True
        without = live.without([2])
        assert without.champion.version == 2 and without.previous is None

    play(story)


@pytest.mark.parametrize("watched", [False, True])
def test_after_a_trip_nothing_is_kept_of_the_requests_that_follow(play: Play, made: Site, watched: bool) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        if watched:
            made.deploy(2, previous=1, watched=True, guardrails=RAILS)
        else:
            made.deploy(1, challenger=2, share=0.5, guardrails=RAILS)
        await served.look()
        await ask(served, 5.0, 40)
        guard = served.app.models.first.guard
        assert list(guard.off) == [2] and guard.guarding == frozenset()
        assert guard.counts(1, "champion") is None
        await ask(served, 0.5, 200)
        await served.post("/predict", {"features": [{**ROW, "temp": 0.5}] * 50})
        await asyncio.sleep(0.25)
        assert all(len(one.seconds) + len(one.together) + len(one.scores) < 50 for one in guard._counts.values())

    play(story)


def test_a_champion_that_was_taken_out_stays_out_when_its_watch_ends_until_somebody_decides(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, guardrails=RAILS)
        await served.look()
        await ask(served, 5.0, 6)
        for shadow in ((), (1,)):
            made.deploy(2, previous=1, shadow=shadow)
            await served.look()
            assert {one["version"] for one in [*await ask(served, 5.0), *await ask(served, 0.5)]} == {1}
            state = (await served.get("/health")).json()
            assert state["versions"]["tripped"] == [2] and "version 2" in state["reason"]
        made.deploy(1)
        await served.look()
        assert served.app.models.first.guard.off == {}
        made.deploy(2, previous=1)
        await served.look()
        assert (await ask(served, 0.5))[0]["version"] == 2

    play(story)


def test_what_a_version_did_in_one_rollout_does_not_count_in_the_next(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        guard = served.app.models.first.guard
        made.deploy(1, challenger=2, share=0.5, guardrails=RAILS, seed="first")
        await served.look()
        await ask(served, 0.5, 40)
        ours, theirs = guard.counts(2, "challenger"), guard.counts(1, "champion")
        assert ours is not None and theirs is not None and ours.requests + theirs.requests == 40
        for _ in range(4):
            guard.failed(2, "challenger", "errors")
        made.deploy(1, challenger=2, share=0.7, guardrails=RAILS, seed="first")
        await served.look()
        assert (guard.counts(2, "challenger"), guard.counts(1, "champion")) == (ours, theirs), "a step of the same rollout"
        made.deploy(1, challenger=2, share=0.5, guardrails=RAILS, seed="second")
        await served.look()
        fresh = [guard.counts(2, "challenger"), guard.counts(1, "champion")]
        assert [one is not None and one.requests for one in fresh] == [0, 0]
        guard.failed(2, "challenger", "errors")
        assert guard.off == {}, "four failures of the rollout before are no part of a row"

    play(story)


def test_nobody_is_compared_with_what_was_counted_at_another_time(play: Play, made: Site) -> None:
    """A champion whose rollout adds a shadow, and a watch during which another rollout begins."""
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))
    made.add(3, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        guard = served.app.models.first.guard
        made.deploy(2, previous=1, watched=True, shadow=(1,), guardrails=RAILS)
        await served.look()
        await ask(served, 0.5, 20)
        made.deploy(2, previous=1, watched=True, shadow=(1,), challenger=3, share=0.5, guardrails=RAILS, seed="next")
        await served.look()
        judges = guard._judges
        assert {key[:2] for key in judges} == {(2, "champion"), (1, "shadow"), (3, "challenger")}
        assert judges[2, "champion", "1"].ours is judges[3, "challenger", "next"].theirs is judges[1, "shadow", "next"].theirs
        assert judges[2, "champion", "1"].theirs is judges[1, "shadow", "next"].ours
        assert {one.requests for judge in judges.values() for one in (judge.ours, judge.theirs)} == {0}

    play(story)


def test_a_watched_champion_is_not_slow_because_the_machine_became_busier() -> None:
    chance = np.random.default_rng(0)
    alone = Judge(2, "champion", Counts(), 1, Counts(), RAILS)
    beside = Judge(2, "champion", Counts(), 1, Counts(), RAILS)
    slow = Judge(2, "champion", Counts(), 1, Counts(), RAILS)
    found = None
    for step in range(200):
        busy = 0.005 if step < 20 else 0.06
        for judge, times in ((alone, 1.0), (beside, 1.0), (slow, 10.0)):
            judge.ours.seconds += list(chance.gamma(2, busy * times, 20))
            judge.theirs.together += [1e-6] * 20  # what a shadow's rows take together says nothing
        for judge in (beside, slow):
            judge.theirs.trials += list(chance.gamma(2, busy, 10))
        assert alone.look() is None, "nothing is known of the version before at this time"
        assert beside.look() is None
        found = found or slow.look()
    assert found is not None and found.guardrail == "latency"


def test_the_version_before_is_timed_row_by_row_as_a_shadow_while_the_champion_is_watched(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, shadow=(1,), guardrails=RAILS)
        await served.look()
        await ask(served, 0.5, 30)
        await served.logged()
        guard = served.app.models.first.guard
        guard.look()
        judge = guard._judges[2, "champion", "1"]
        assert judge.ours.alone.sum() == 30 and 1 <= judge.theirs.alone.sum() <= 30
        assert judge.theirs.requests == 30, "timing them is no answer of theirs"

    play(story)


def test_rows_that_break_the_shadows_thread_are_counted_and_take_no_room_for_ever(
    play: Play, made: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    def breaks(*given: Any) -> Any:
        raise RuntimeError("dictionary changed size during iteration")

    async def story(served: Served) -> None:
        made.deploy(1, shadow=(2,), guardrails=RAILS)
        await served.look()
        with monkeypatch.context() as broken:
            broken.setattr(shadows, "shadow_batch_of", breaks)
            for _ in range(2):
                await ask(served, 0.5, 5)
                await served.logged()
        assert served.app.log._shadows._rows == 0
        await ask(served, 0.5, 5)
        await served.logged()
        page = (await served.get("/metrics")).text
        assert 'model_shadow_errors_total{version="2"} 10' in page and 'model_shadow_predictions_total{version="2"} 5' in page

    play(story)
    assert len([record for record in caplog.records if "shadows could not score" in record.getMessage()]) == 1


def test_a_look_that_fails_is_told_once_and_not_ten_times_a_second(play: Play, made: Site, caplog: pytest.LogCaptureFixture) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        made.deploy(1, challenger=2, share=0.5, guardrails=RAILS)
        await served.look()
        guard = served.app.models.first.guard
        for words in ("one", "two"):

            def breaks(words: str = words) -> None:
                raise ValueError(words)

            guard.look = breaks  # type: ignore[method-assign]  # what nobody foresaw
            await asyncio.sleep(0.35)

    play(story)
    told = [record for record in caplog.records if "could not look" in record.getMessage()]
    assert len(told) == 2


def test_a_trip_that_the_table_cannot_hold_does_not_keep_those_behind_it_from_being_told(
    play: Play, made: Site, caplog: pytest.LogCaptureFixture
) -> None:
    made.add(2, linear(BREAKS, 0.0))
    told: list[Trip] = []

    class Strict:
        def trip(self, trip: Trip) -> None:
            told.append(trip)
            if len(told) == 1:
                raise DataError("a guardrail's trip cannot be kept: evidence.lower is not a finite number")

        def trips(self, model: str, *, since: object) -> list[Trip]:
            return []

    made.ports = replace(made.ports, guards=cast(Any, Strict()))

    async def story(served: Served) -> None:
        for seed in ("first", "second"):
            made.deploy(1, challenger=2, share=0.5, guardrails=RAILS, seed=seed)
            await served.look()
            await ask(served, 5.0, 20)
            await asyncio.sleep(0.3)

    play(story)
    assert len(told) == 2 and [trip.version for trip in told] == [2, 2]
    assert "cannot be written down" in caplog.text


def test_a_version_that_is_out_is_kept_also_where_that_came_about_while_the_next_deployment_was_loaded(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, guardrails=RAILS)
        await served.look()
        reloader, guard = served.app.reloader, served.app.models.first.guard
        load = reloader._load

        def slowly(deployment: Deployment, *rest: Any) -> Any:
            found = load(deployment, *rest)
            if not guard.off:
                asyncio.run_coroutine_threadsafe(trip(), loop).result(5)
            return found

        async def trip() -> None:
            for _ in range(5):
                guard.failed(2, "champion", "errors")

        loop = asyncio.get_running_loop()
        reloader._load = slowly  # type: ignore[method-assign, assignment]  # a bundle that takes its time
        made.deploy(2, previous=1)
        await served.look()
        assert (await ask(served, 0.5))[0]["version"] == 1

    play(story)
