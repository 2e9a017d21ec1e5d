"""Assignment: the same unit, the same variant; a growing share only adds."""

from hypothesis import given
from hypothesis import strategies as st

from flyball.serving.records import Deployment
from flyball.serving.traffic import variant_of


def deployment(share: float, challenger: int | None = 2, seed: str = "s") -> Deployment:
    return Deployment(
        model="m", seq=1, champion=1, challenger=challenger, challenger_share=share, seed=seed, shadow=(), previous=None, bundles={}
    )


@given(unit=st.text(max_size=20), low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_unit_never_leaves_the_challenger_when_the_share_grows(unit: str, low: float, high: float) -> None:
    low, high = sorted((low, high))
    if variant_of(deployment(low), unit, "r") == "challenger":
        assert variant_of(deployment(high), unit, "r") == "challenger"


@given(unit=st.text(max_size=20), first=st.text(max_size=9), second=st.text(max_size=9))
def test_a_unit_is_assigned_whatever_the_request_is(unit: str, first: str, second: str) -> None:
    assert variant_of(deployment(0.5), unit, first) == variant_of(deployment(0.5), unit, second)


def test_requests_without_a_unit_are_assigned_each_for_itself() -> None:
    found = [variant_of(deployment(0.5), None, f"request-{number}") for number in range(400)]
    assert 140 < found.count("challenger") < 260


def test_without_a_challenger_or_a_share_the_champion_answers_all() -> None:
    for one in (deployment(0.0), deployment(1.0, challenger=None)):
        assert {variant_of(one, f"u{number}", "r") for number in range(50)} == {"champion"}
    assert {variant_of(deployment(1.0), f"u{number}", "r") for number in range(50)} == {"challenger"}
