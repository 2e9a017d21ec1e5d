"""Spans of time: a half-open window [start, end) and durations as people write them (`24h`, `14d`)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from flyball.core.record import record

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# Ten years: a time from which a longer span is taken may not exist.
LONGEST_DURATION = timedelta(days=3660)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


@record
class Window:
    """The times t with start <= t < end, both with a time zone."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs times with a time zone")
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def days(self) -> Iterator["Window"]:
        """The calendar days (UTC) the window touches, each cut to the window."""
        start = self.start
        while start < self.end:
            midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
            yield Window(start=start, end=min(midnight, self.end))
            start = midnight


def first_midnight(at: datetime) -> datetime:
    """The midnight (UTC) at this time, or the first after it.

    >>> first_midnight(datetime(2026, 3, 1, 22, tzinfo=UTC)).isoformat()
    '2026-03-02T00:00:00+00:00'
    """
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == at else midnight + timedelta(days=1)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `24h`, `14d`, `2w`; raise ValueError for anything else, and for more than `LONGEST_DURATION`.

    >>> parse_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and one of s, m, h, d, w, such as '24h'")
    seconds = float(match[1]) * timedelta(**{_UNITS[match[2]]: 1}).total_seconds()
    if seconds > LONGEST_DURATION.total_seconds():
        raise ValueError(f"{text!r} is longer than {LONGEST_DURATION.days} days, the longest that anything here can last")
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """Write a duration the way `parse_duration` reads it, in the largest unit that divides it.

    >>> format_duration(timedelta(hours=48))
    '2d'
    """
    seconds = span.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def to_micros(at: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exactly."""
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """The time that `to_micros` wrote."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; a time without zone is refused with ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write for example {text}Z")
    return at.astimezone(UTC)
