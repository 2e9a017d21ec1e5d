"""What moved slowly, over several trainings, is told of although no look calls it drift."""

from dataclasses import replace

import pytest

from flyball.monitoring.records import ColumnDrift, State
from flyball.monitoring.slow import MOST, slow_columns, slow_reasons
from flyball.words.sentences import sentence
from reported import column


def far(first: float | None, state: State = "ok", upper: float = 0.04) -> ColumnDrift:
    """A column .02 away from its own reference, and this far from the first champion's."""
    return replace(column(state, upper=upper), first=first)


@pytest.mark.parametrize(
    ("one", "slow"),
    [
        (far(0.31), True),
        (far(0.08), True),
        (far(0.06), False),  # beyond the threshold, but not by more than chance may add
        (far(0.08, upper=0.08), False),
        (far(None), False),
        (far(0.31, "drift"), False),  # told of anyway
        (far(0.31, "insufficient data"), False),
    ],
)
def test_only_what_is_ok_and_clearly_far_from_the_first_champion_moved_slowly(one: ColumnDrift, *, slow: bool) -> None:
    assert slow_columns({"temp": one}) == (["temp"] if slow else [])


def test_the_furthest_are_named_and_the_others_counted() -> None:
    reasons = slow_reasons({f"c{at}": far(0.2 + at / 100) for at in range(MOST + 3)})
    told = [sentence(reason, "en") for reason in reasons]
    assert told[0] == "c7 is as in the last training, and 0.27 from the first champion's: it has moved slowly, over several trainings"
    assert told[MOST:] == ["3 more have moved slowly, over several trainings"]
    assert slow_reasons({"temp": far(0.02)}) == []
