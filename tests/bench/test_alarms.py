"""The simulations of the alarms, as small as they still say something. `python -m bench.monitoring.alarms` runs them in full."""

import numpy as np
import pytest
from bench.monitoring.alarms import delay, hour, null, season


def test_fifty_features_looked_at_for_hours_raise_no_alarm_where_the_usual_test_calls_half_of_them() -> None:
    found = null(0, days=0.4, every=6, reference_rows=20_000)
    assert (found.looks, found.alarms) == (96, 0)
    assert found.naive >= 25


def test_rows_that_hang_together_and_a_daily_wave_raise_no_alarm_against_a_calibrated_reference() -> None:
    assert season(0, days=1, every=20, weeks=1, references=1, features=5).alarms == 0


@pytest.mark.parametrize(("shift", "minutes"), [(0.25, 60), (0.5, 10), (1.0, 5)])
def test_a_change_is_found_as_soon_as_promised(shift: float, minutes: float) -> None:
    found = [delay(seed, shift) for seed in range(5)]
    assert np.median([one.minutes for one in found]) <= minutes
    assert sum(one.early for one in found) == 0


def test_hours_of_their_own_see_a_day_that_is_turned_round_without_a_false_alarm() -> None:
    def look(kind: str) -> tuple[int, float]:
        found = hour(1, kind, reverse=True, features=2, weeks=2, rate=30, every=30)
        return found.alarms, found.delay

    alarms, minutes = look("hourly")
    assert (alarms, minutes < 240) == (0, True)
    assert look("plain")[0] > 0
