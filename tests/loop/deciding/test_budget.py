"""The loop cannot run away: a budget of trainings in any seven days."""

from dataclasses import replace

from flyball.core.reason import because
from flyball.journal.events import RetrainEnded, RetrainStarted, Suppressed
from flyball.journal.known import State
from flyball.loop.records import Action, Retrain, Suppress
from flyball.spec.records import Spec
from rollouts import CHAMPION, DAY, T0, WHY, at, more, seen, spec_of, state

SPEC = spec_of("experiment")


def spending(budget: int) -> Spec:
    """A spec that trains every hour if it may."""
    return replace(SPEC, retrain=replace(SPEC.retrain, on=("schedule",), every=DAY / 24, cooldown=DAY * 0, min_outcomes=0, budget=budget))


def trained(*days: float) -> State:
    known = state(*CHAMPION)
    for day in days:
        begun = RetrainStarted(action=f"a{day}", cause="schedule", reason=WHY)
        ended = RetrainEnded(action=f"a{day}", outcome="failed", version=0, reason=WHY)
        known = more(known, (T0 + day * DAY, begun), (T0 + day * DAY, ended))
    return known


def asked(known: State, spec: Spec, *, days: float) -> list[Action]:
    return at(known, seen(), spec, days=days)


def test_a_budget_that_is_spent_puts_the_next_training_off_until_a_week_has_passed() -> None:
    known = trained(1, 2, 3)
    (waits,) = asked(known, spending(3), days=4)
    assert isinstance(waits, Suppress)
    assert waits.because == because("suppressed.budget", budget=3, spent=3)
    assert [type(one) for one in asked(known, spending(4), days=4)] == [Retrain]
    assert [type(one) for one in asked(known, spending(3), days=8)] == [Retrain], "the first of them is a week ago"


def test_it_is_said_once() -> None:
    known = trained(1, 2, 3)
    (waits,) = asked(known, spending(3), days=4)
    assert isinstance(waits, Suppress)
    said = more(known, (T0 + 4 * DAY, Suppressed(cause=waits.cause, reason=waits.reason, because=waits.because)))
    assert asked(said, spending(3), days=5) == []


def test_a_loop_that_would_train_every_hour_for_a_month_trains_within_its_budget() -> None:
    known, begun, spec = trained(), [], spending(3)
    for hour in range(24 * 30):
        now = T0 + hour * DAY / 24
        for action in asked(known, spec, days=hour / 24):
            if isinstance(action, Retrain):
                begun.append(now)
                known = more(
                    known,
                    (now, RetrainStarted(action=f"a{hour}", cause=action.cause, reason=action.reason)),
                    (now, RetrainEnded(action=f"a{hour}", outcome="failed", version=0, reason=WHY)),
                )
    assert all(sum(start - 7 * DAY < one <= start for one in begun) <= 3 for start in begun)
    assert len(begun) == 3 * 5
