"""The circuit breaker: what trips it, what does not, who is told, what is forgotten, and that it costs nothing where nobody is guarded."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np

from flyball.core.errors import StoreError
from flyball.core.reason import because
from flyball.journal.events import Staged
from flyball.server.guardrails import Counts, Judge
from flyball.serving.records import Trip
from flyball.serving.traffic import variant_of
from flyball.spec.records import Guardrails
from served import BREAKS, MODEL, Served, Site, linear

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 0.5, "rain": True}
RAILS = Guardrails()


def judge(rails: Guardrails = RAILS, role: Any = "challenger") -> Judge:
    return Judge(2, role, Counts(), 1, Counts(), rails)


def ran(counts: Counts, seconds: Any, scores: Any = (), failed: int = 0) -> None:
    counts.seconds += list(seconds)
    counts.scores += list(scores)
    for _ in range(failed):
        counts.fail("errors")


def test_five_failures_in_a_row_are_enough_and_an_answer_between_ends_the_row() -> None:
    one = judge()
    for _ in range(4):
        one.ours.fail("errors")
    assert one.in_a_row("errors") is None
    one.ours.seconds.append(0.001)
    one.ours.fail("nan")
    assert one.in_a_row("nan") is None
    for _ in range(4):
        one.ours.fail("nan")
    found = one.in_a_row("nan")
    assert found is not None and found.guardrail == "nan" and found.evidence["in_a_row"] == 5
    assert judge(replace(RAILS, nan=None)).in_a_row("nan") is None


def test_a_share_of_failures_trips_only_when_it_is_certainly_beyond_the_champions_and_the_margin() -> None:
    chance = np.random.default_rng(0)
    alarms, found = 0, []
    for run in range(60):
        one, bad = judge(), judge()
        for _ in range(20):
            for tested, share in ((one, 0.02), (bad, 0.12)):
                for fails in chance.random(50) < share:
                    tested.ours.fail("errors") if fails else tested.ours.seconds.append(0.001)
                for fails in chance.random(50) < 0.015:
                    tested.theirs.fail("errors") if fails else tested.theirs.seconds.append(0.001)
            alarms += one.look() is not None
        found.append(bad.look())
        assert run < 60
    assert alarms == 0
    assert all(one is not None and one.guardrail == "errors" and one.evidence["lower"] > one.evidence["upper"] + 0.01 for one in found)


def test_nothing_but_a_row_of_failures_counts_before_there_are_enough_requests() -> None:
    one = judge()
    ran(one.theirs, [0.001] * 5000)
    for _ in range(20):
        one.ours.fail("errors")
        ran(one.ours, [0.001])
    assert one.look() is None
    ran(one.ours, [0.001] * 10)
    found = one.look()
    assert found is not None and found.guardrail == "errors"


def test_ten_times_slower_trips_and_what_nobody_notices_does_not() -> None:
    chance = np.random.default_rng(0)
    for factor, base, trips in ((10.0, 0.005, True), (3.0, 0.005, False), (10.0, 0.00002, False)):
        one = judge()
        ran(one.theirs, base * chance.lognormal(0, 0.2, 3000))
        ran(one.ours, factor * base * chance.lognormal(0, 0.2, 200))
        found = one.look()
        assert (found is not None and found.guardrail == "latency") is trips, (factor, base)
    few = judge()
    ran(few.theirs, [0.005] * 300)
    ran(few.ours, [0.05] * 300)
    assert few.look() is None, "three hundred requests do not say what one in a hundred takes"


def test_equal_versions_are_never_told_apart_however_often_one_looks() -> None:
    chance = np.random.default_rng(1)
    for _ in range(20):
        one = judge(replace(RAILS, score_drift=0.05, latency=1.0))
        for _ in range(100):
            for counts in (one.ours, one.theirs):
                ran(counts, chance.lognormal(-5, 0.5, 60), chance.random(60))
            assert one.look() is None


def test_scores_that_moved_trip_where_that_is_guarded() -> None:
    chance = np.random.default_rng(0)
    for rails, trips in ((replace(RAILS, score_drift=0.2), True), (RAILS, False)):
        one = judge(rails)
        ran(one.theirs, [0.001] * 2000, chance.random(2000))
        ran(one.ours, [0.001] * 2000, 0.5 * chance.random(2000))
        found = one.look()
        assert (found is not None and found.guardrail == "score_drift") is trips


def guarded(made: Site, **changes: Any) -> None:
    """Version 2 answers half of the units, and no temp of 2 or more."""
    made.deploy(1, challenger=2, share=0.5, guardrails=RAILS, **changes)


async def ask(served: Served, temp: float, units: int = 40) -> list[dict[str, Any]]:
    answers = [await served.post("/predict", {"features": {**ROW, "temp": temp}, "unit": f"u{number}"}) for number in range(units)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_a_challenger_that_fails_answers_nobody_from_that_request_on_until_another_rollout(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        guarded(made, seed="first")
        await served.look()
        deployment = made.ports.deployments.current(MODEL)
        assert deployment is not None
        answers = await ask(served, 0.5)
        assert [one["variant"] for one in answers] == [variant_of(deployment, f"u{number}", "") for number in range(40)]
        answers = await ask(served, 5.0)
        assert {one["variant"] for one in answers} == {"champion"}
        answers = await ask(served, 0.5)
        assert {(one["variant"], one["version"]) for one in answers} == {("champion", 1)}, "it is out, also for what it could answer"
        state = (await served.get("/health")).json()
        assert state["versions"]["tripped"] == [2] and "failed 5 requests in a row (nan)" in state["reason"]
        page = (await served.get("/metrics")).text
        assert 'flyball_guardrail_trips_total{guardrail="nan",role="challenger"} 1' in page
        assert 'flyball_guardrail_tripped{role="challenger",version="2"} 1' in page
        await asyncio.sleep(0.3)
        (trip,) = made.ports.guards.trips(MODEL, since=datetime.now(UTC) - timedelta(minutes=1))
        assert (trip.version, trip.arm, trip.guardrail, trip.worker) == (2, "challenger", "nan", "w0")
        guarded(made, seed="first")  # a step of the same rollout
        await served.look()
        assert {one["variant"] for one in await ask(served, 0.5)} == {"champion"}
        logged = made.ports.predictions
        await served.logged()
        variants = {logged.find(one["prediction_id"])[0].variant for one in answers}  # type: ignore[index]
        assert variants == {"champion", "unassigned"}, "what the champion answers in its place is part of no comparison"

    async def anew(served: Served) -> None:
        staged = [Staged(version=2, share=0.5, reason=because("x"))]
        made.ports.journal.append(MODEL, staged, expected=0, actor="a", at=datetime.now(UTC))
        guarded(made, seed="second")
        await served.look()
        assert {one["variant"] for one in await ask(served, 0.5)} == {"champion", "challenger"}

    play(story)
    play(anew)


def test_another_workers_trip_is_taken_over_and_one_of_an_earlier_rollout_is_not(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))
    now = datetime.now(UTC)
    why = because("guardrail.run", version=2, number=5, kind="errors", beside=1)
    trip = Trip(
        model=MODEL,
        version=2,
        arm="challenger",
        guardrail="errors",
        worker="elsewhere",
        at=now - timedelta(hours=1),
        reason=why,
        evidence={},
    )

    async def story(served: Served) -> None:
        staged = [Staged(version=2, share=0.5, reason=because("x"))]
        made.ports.journal.append(MODEL, staged, expected=0, actor="a", at=now - timedelta(minutes=1))
        made.ports.guards.trip(trip)
        guarded(made)
        await served.look()
        assert {one["variant"] for one in await ask(served, 0.5)} == {"champion", "challenger"}
        made.ports.guards.trip(replace(trip, at=datetime.now(UTC)))
        await served.look()
        assert {one["variant"] for one in await ask(served, 0.5)} == {"champion"}
        assert "failed 5 requests in a row" in (await served.get("/health")).json()["reason"]

    play(story)


def test_a_trip_is_told_again_until_the_database_has_it(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))
    whole, told = made.ports.guards, []

    class Away:
        def trip(self, trip: Trip) -> None:
            told.append(trip)
            if len(told) < 2:
                raise StoreError("the database does not answer")
            whole.trip(trip)

        def trips(self, model: str, *, since: datetime) -> list[Trip]:
            return whole.trips(model, since=since)

    made.ports = replace(made.ports, guards=cast(Any, Away()))

    async def story(served: Served) -> None:
        guarded(made)
        await served.look()
        await ask(served, 5.0)
        while len(told) < 2:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)

    play(story)
    assert told[0] == told[1] and whole.trips(MODEL, since=datetime(2026, 1, 1, tzinfo=UTC)) == [told[0]]


def test_the_warm_previous_version_answers_for_a_watched_champion_that_fails(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        made.deploy(2, previous=1, watched=True, guardrails=RAILS)
        await served.look()
        answer = (await served.post("/predict", {"features": {**ROW, "temp": 0.5}})).json()
        assert (answer["version"], answer["variant"]) == (2, "champion")
        answers = await ask(served, 5.0, units=6)
        assert {(one["version"], one["variant"]) for one in answers} == {(1, "champion")}
        answer = (await served.post("/predict", {"features": {**ROW, "temp": 0.5}})).json()
        assert answer["version"] == 1, "the one before answers all"
        state = (await served.get("/health")).json()
        assert state["version"] == 1 and state["versions"]["tripped"] == [2] and state["deployment"] == made.seq
        made.deploy(1)
        await served.look()
        assert (await served.get("/health")).json()["reason"] == "version 1 answers"

    play(story)


def test_without_anybody_to_guard_nothing_is_noted(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))

    async def story(served: Served) -> None:
        guard, predictor = served.app.models.first.guard, served.app.predictor
        for challenger, share in ((None, 0.0), (2, 0.5)):
            made.deploy(1, challenger=challenger, share=share)
            await served.look()
            assert predictor.lane is not None and guard.guarding == frozenset() and guard.counts(1, "champion") is None
            await ask(served, 0.5, units=5)
            assert guard._task is None

    play(story)
