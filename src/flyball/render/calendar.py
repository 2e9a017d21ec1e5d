"""Spans of time as lines of cron. A calendar knows minutes, days and months; a span it cannot say is refused, or rounded and said so."""

import hashlib
from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.core.record import record
from flyball.core.window import format_duration

# So many days → the days of the month, the months, and what that is in words. Months have no one length, so these are rounded.
_ROUNDED: tuple[tuple[int, int, str, str, str], ...] = (
    (14, 15, "1,15", "*", "on the 1st and the 15th of each month"),
    (28, 31, "1", "*", "on the 1st of each month"),
    (56, 62, "1", "*/2", "on the 1st of every second month"),
    (84, 93, "1", "*/3", "on the 1st of every third month"),
    (168, 186, "1", "*/6", "on 1 January and 1 July"),
    (360, 366, "1", "1", "on 1 January"),
)


@record
class Cron:
    """Five fields of cron, in UTC. `rounded`: what they mean, if that is not the very span."""

    line: str
    rounded: str = ""


def cron(span: timedelta, name: str, *, key: str, least: timedelta = timedelta(minutes=1)) -> Cron:
    """A line that runs every `span`. Minute and hour follow from `name`, so that not everybody begins at the full hour.

    `key`: the key of the spec that is to be changed if this cannot be said; `least`: the shortest span the platform keeps.

    >>> cron(timedelta(minutes=10), "churn", key="deliver.look").line
    '*/10 * * * *'
    """
    if span < least:
        raise SpecError(f"{key} = {format_duration(span)} is shorter than {format_duration(least)}, the shortest that this platform keeps")
    minutes, rest = divmod(span.total_seconds(), 60)
    drawn = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:4])
    minute, hour = drawn % 60, 1 + drawn // 60 % 5
    if not rest and minutes < 60 and 60 % minutes == 0:
        return Cron(line=f"*/{minutes:.0f} * * * *" if minutes > 1 else "* * * * *")
    hours, over = divmod(minutes, 60)
    if not rest and not over and hours < 24 and 24 % hours == 0:
        return Cron(line=f"{minute} */{hours:.0f} * * *" if hours > 1 else f"{minute} * * * *")
    days = span / timedelta(days=1)
    if days == 1:
        return Cron(line=f"{minute} {hour} * * *")
    if days == 7:
        return Cron(line=f"{minute} {hour} * * {1 + drawn % 5}")
    for low, high, day, month, said in _ROUNDED:
        if low <= days <= high:
            return Cron(line=f"{minute} {hour} {day} {month} *", rounded=f"{format_duration(span)} is rounded: {said}")
    raise SpecError(
        f"no line of cron runs every {format_duration(span)} ({key})",
        hint=f'write {key} = "12h", "1d", "7d", "14d", "30d" or "90d"; the loop of `flyball up` keeps any span',
    )
