"""What a comparison will take is said before it starts, and simulation agrees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.stats.planning import Noise, Prospects, Traffic, arms_prospect, days_to_find, fixed_rows, joined_days, paired_prospect
from flyball.stats.sequential import block_sequence


def test_what_is_said_to_be_found_in_eight_of_ten_cases_is() -> None:
    chance, found = np.random.default_rng(0), 0
    prospect = paired_prospect(Noise(row=0.2, day=0.01), 21, alpha=0.05)
    assert prospect.detectable is not None
    for _ in range(400):
        lower = block_sequence(chance.normal(prospect.detectable, 0.01, 21)).lower
        found += lower is not None and lower > 0
    assert 0.75 <= found / 400 <= 0.88


def test_the_textbook_size_of_a_fixed_test() -> None:
    assert fixed_rows(0.03, (0.25 * 0.75, 0.22 * 0.78)) == pytest.approx(2 * 3132, rel=0.001)


@given(st.floats(50, 1e5), st.floats(0.01, 0.5), st.integers(8, 200))
@settings(max_examples=50, deadline=None)
def test_more_days_and_a_more_even_split_never_see_less(rows: float, share: float, days: int) -> None:
    for block in ("day", "unit"):
        noise, traffic = Noise(row=0.3, day=0.0), Traffic(rows=rows, units=rows, share=share)
        one, two = (arms_prospect(noise, traffic, count, block, alpha=0.05) for count in (days, 2 * days))
        if one.detectable is not None:
            assert two.detectable is not None and two.detectable <= one.detectable * 1.0001


def test_an_arm_of_hardly_any_traffic_needs_days_joined_and_may_never_decide() -> None:
    few = Traffic(rows=100, units=100, share=0.01)
    assert joined_days(few) == 20
    assert arms_prospect(Noise(row=0.3), few, 30, "day", alpha=0.05).detectable is None
    assert arms_prospect(Noise(row=0.3), few, 30, "unit", alpha=0.05).detectable is None
    assert arms_prospect(Noise(row=0.3), Traffic(rows=100, units=100, share=0.5), 30, "unit", alpha=0.05).detectable is not None


def test_days_to_find_a_gain_are_the_first_that_suffice() -> None:
    prospects = Prospects(Noise(row=0.2, day=0.003), Traffic(rows=1000, units=500, share=0.5), "day", alpha=0.05, min_days=7)
    days = days_to_find(0.02, prospects)
    assert days is not None
    enough, before = prospects(days).detectable, prospects(days - 1).detectable
    assert enough is not None and enough <= 0.02 and (before is None or before > 0.02)
    assert days_to_find(1e-9, prospects) is None


def test_held_out_days_shorten_a_paired_comparison_but_never_below_the_live_days() -> None:
    noise = Noise(row=0.2, day=0.01)
    alone, ahead = (paired_prospect(noise, 10, alpha=0.05, head_start=head) for head in (0, 10))
    assert alone.detectable is not None and ahead.detectable is not None and ahead.detectable < alone.detectable
    assert paired_prospect(noise, 3, alpha=0.05, head_start=30).detectable is None


def test_a_shadow_of_a_handful_of_rows_a_day_is_planned_with_days_joined() -> None:
    noise = Noise(row=0.2, day=0.01)
    few, many = (paired_prospect(noise, 28, alpha=0.05, rows=rows) for rows in (10.0, 1000.0))
    assert (few.needed, many.needed) == (14, 7)
    assert few.detectable is not None and many.detectable is not None
    assert paired_prospect(noise, 13, alpha=0.05, rows=10.0).detectable is None
