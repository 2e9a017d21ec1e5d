"""Spans of time as lines of cron."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import SpecError
from flyball.render.calendar import cron


@pytest.mark.parametrize(
    ("span", "line"),
    [
        (timedelta(minutes=1), "* * * * *"),
        (timedelta(minutes=15), "*/15 * * * *"),
        (timedelta(hours=1), "22 * * * *"),
        (timedelta(hours=6), "22 */6 * * *"),
        (timedelta(days=1), "22 1 * * *"),
        (timedelta(days=7), "22 1 * * 3"),
    ],
)
def test_a_span_that_a_calendar_knows_is_kept_to_the_minute(span: timedelta, line: str) -> None:
    assert cron(span, "churn", key="k").line == line
    assert cron(span, "churn", key="k").rounded == ""


def test_months_are_rounded_and_it_is_said() -> None:
    found = cron(timedelta(days=60), "churn", key="retrain.every")
    assert (found.line, found.rounded) == ("22 1 1 */2 *", "60d is rounded: on the 1st of every second month")


@pytest.mark.parametrize("span", [timedelta(minutes=7), timedelta(hours=5), timedelta(days=3), timedelta(seconds=90), timedelta(days=400)])
def test_any_other_span_is_refused_and_told_what_would_do(span: timedelta) -> None:
    with pytest.raises(SpecError, match=r"retrain\.every") as refused:
        cron(span, "churn", key="retrain.every")
    assert '"30d"' in refused.value.hint


def test_a_span_shorter_than_the_platform_keeps_is_refused() -> None:
    with pytest.raises(SpecError, match="5m"):
        cron(timedelta(minutes=1), "churn", key="retrain.every", least=timedelta(minutes=5))


@given(minutes=st.integers(1, 600_000), name=st.text())
def test_a_line_has_five_fields_within_their_bounds(minutes: int, name: str) -> None:
    try:
        fields = cron(timedelta(minutes=minutes), name, key="k").line.split()
    except SpecError:
        return
    assert len(fields) == 5
    for field, most in zip(fields, (59, 23, 31, 12, 6), strict=True):
        assert all(int(part.removeprefix("*/")) <= most for part in field.split(",") if part != "*")
