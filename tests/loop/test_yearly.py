"""False promotions are budgeted over the comparisons of a year, not one by one."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.journal.events import RolloutStarted
from flyball.loop.yearly import comparisons_a_year, describe_errors, false_promotions, pinned_alpha
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from rollouts import CANDIDATE, HEAD, Small, seen, spec_of


def spec(*lines: str, retrain: str = "on = []") -> Spec:
    text = HEAD.format(shapes="true").replace("on = []", retrain)
    return parse_spec("\n".join([text, 'strategy = "experiment"', *lines]), folder=Path("p"))


def test_the_error_of_a_comparison_is_lowered_to_the_budget_of_a_year() -> None:
    plain, budgeted = spec('deadline = "14d"'), spec('deadline = "14d"', "yearly = 0.5")
    assert comparisons_a_year(plain) == comparisons_a_year(budgeted) == 27
    assert pinned_alpha(plain) == 0.05 and false_promotions(plain) == pytest.approx(1.35)
    assert pinned_alpha(budgeted) == pytest.approx(0.5 / 27) and false_promotions(budgeted) == pytest.approx(0.5)
    assert pinned_alpha(spec('deadline = "14d"', "yearly = 50")) == 0.05, "a budget is never a reason to be less careful"


def test_comparisons_are_as_far_apart_as_trainings_and_no_closer_than_a_deadline() -> None:
    assert comparisons_a_year(spec('deadline = "14d"', retrain='on = []\ncooldown = "60d"')) == 7
    assert comparisons_a_year(spec('deadline = "14d"', retrain='on = []\ncooldown = "60d"\nevery = "30d"')) == 13
    assert comparisons_a_year(spec('deadline = "90d"', retrain='on = []\ncooldown = "1d"')) == 5


def test_a_rollout_pins_the_lowered_alpha(tmp_path: Path) -> None:
    town = Small(tmp_path, spec('deadline = "14d"', "yearly = 0.5")).happen(*(event for _, event in CANDIDATE))
    (begun,) = town.look(seen(), days=0)
    assert isinstance(begun, RolloutStarted) and begun.alpha == pytest.approx(0.5 / 27)


def test_check_says_how_many_are_to_be_expected_with_and_without_a_budget() -> None:
    assert describe_errors(spec('deadline = "14d"')) == (
        "up to 27 comparisons a year of up to 14d, each wrong with probability 0.05 at most: of versions that are no better, 1.4 a year "
        "are promoted at most, on average"
    )
    told = describe_errors(spec('deadline = "14d"', "yearly = 0.5", "margin = 0.002"))
    assert "0.0185 at most (alpha 0.05 would be too much for yearly = 0.5)" in told and "worse by 0.002 or more, 0.5 a year" in told
    assert "no budget of a year bounds that" in describe_errors(spec_of("immediate"))


@pytest.mark.parametrize("yearly", ["0", "-1", '"half"'])
def test_a_budget_is_a_number_above_nothing(yearly: str) -> None:
    with pytest.raises(SpecError, match="yearly"):
        spec(f"yearly = {yearly}")
