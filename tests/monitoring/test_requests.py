"""Refused requests as findings: errors only where they are certainly many, and over when they stop."""

from datetime import UTC, datetime, timedelta

from flyball.core.window import Window
from flyball.monitoring.quality import holds
from flyball.monitoring.records import QualityFinding
from flyball.monitoring.requests import request_findings
from flyball.serving.records import Answers
from flyball.words.sentences import sentence

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = Window(start=NOON - timedelta(days=1), end=NOON)


def counts(ago: float, **by_status: int) -> list[Answers]:
    """So many of each status, so many minutes before noon: `s422=5`."""
    minute = NOON - timedelta(minutes=ago)
    return [Answers(minute=minute, status=int(status[1:]), requests=number) for status, number in by_status.items()]


def found(*parts: list[Answers], window: Window = DAY) -> list[QualityFinding]:
    return list(request_findings([one for part in parts for one in part], window))


def test_many_refusals_are_an_error_that_says_how_many_since_when_and_with_what() -> None:
    (one,) = found(counts(300, s200=500), counts(200, s200=1000, s422=1990), counts(5, s422=10))
    assert (one.severity, one.rows, one.key, one.subject) == ("error", 2000, "quality:requests", "requests")
    assert "2,000 of 3,000 requests since 08:40 on 1 March 2026 UTC were refused with 422" in sentence(one.reason, language="en")
    assert "422" in sentence(one.reason, language="zh")


def test_what_may_be_chance_is_no_error() -> None:
    assert found(counts(5, s200=100)) == []
    assert found(counts(5, s200=1, s422=3)) == []  # somebody tries it out
    assert found(counts(5, s200=10_000, s422=90)) == []
    assert [one.severity for one in found(counts(5, s422=49))] == ["warning"]
    assert [one.severity for one in found(counts(5, s422=50))] == ["error"]
    assert [one.severity for one in found(counts(5, s200=970, s422=55))] == ["warning"]  # 5.4 %, not certainly above 5 %
    assert [one.severity for one in found(counts(5, s200=9_800, s422=200))] == ["warning"]


def test_what_begins_now_does_not_drown_in_a_long_day() -> None:
    (one,) = found(counts(600, s200=1_000_000), counts(3, s422=300))
    assert (one.severity, one.rows, one.share) == ("error", 300, 1.0)


def test_it_is_over_when_requests_come_that_are_not_refused() -> None:
    broken = counts(200, s422=2000)
    (still,) = found(broken, counts(5, s200=15))  # too few to tell
    (over,) = found(broken, counts(5, s200=30))
    assert (still.severity, holds(still)) == ("error", True)
    assert (over.severity, holds(over), over.reason.code) == ("warning", False, "quality.refused_before")
    assert "hardly any in the last 15 minutes" in sentence(over.reason, language="en")


def test_failures_of_the_server_are_told_apart_from_refusals() -> None:
    codes = {one.reason.code: one.rows for one in found(counts(5, s422=100, s503=70, s500=30))}
    assert codes == {"quality.refused": 100, "quality.failed": 100}
