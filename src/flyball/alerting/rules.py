"""How alerts are ranked, matched by a silence, and how patiently they are delivered."""

from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase

from flyball.alerting.records import Line, Severity

# By the kind, the part of the key before the colon. Whatever is not here is a warning.
SEVERITIES: dict[str, Severity] = {
    "performance": "critical",
    "deployment": "critical",
    "quality": "critical",
    "drift": "warning",
}
GIVE_UP_AFTER = timedelta(hours=24)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


def kind_of(key: str) -> str:
    """`drift` of `drift:temp`."""
    return key.partition(":")[0]


def subject_of(key: str) -> str:
    """`temp` of `drift:temp`; empty for a key without a subject."""
    return key.partition(":")[2]


def severity_of(key: str) -> Severity:
    """How bad an alert of this kind is."""
    return SEVERITIES.get(kind_of(key), "warning")


def matches(pattern: str, key: str) -> bool:
    """Whether a silence's pattern (`drift:*`) covers a key; a pattern that is the key itself always does, whatever signs it has.

    >>> matches("drift:*", "drift:temp"), matches("drift:x[1]", "drift:x[1]"), matches("drift", "drift:temp")
    (True, True, False)
    """
    return pattern == key or fnmatchcase(key, pattern)


def worst_first(lines: Iterable[Line]) -> list[Line]:
    """What fires before what is over, the critical before warnings, then by how far beyond its threshold, then by key."""
    return sorted(lines, key=lambda line: (line.status != "firing", line.severity != "critical", -_excess(line), line.key))


def latest_of_each(lines: Iterable[Line]) -> list[Line]:
    """Of several things to tell of one alert only the last: when it is over, that says that it fired, too."""
    found: dict[str, Line] = {}
    for line in lines:
        found.pop(line.key, None)
        found[line.key] = line
    return list(found.values())


def pause_after(attempts: int) -> timedelta:
    """How long to leave a receiver alone that could not be told so many times: half a minute, doubling, an hour at most.

    >>> [str(pause_after(attempts)) for attempts in (1, 2, 3, 99)]
    ['0:00:30', '0:01:00', '0:02:00', '1:00:00']
    """
    doublings: int = 2 ** min(max(attempts - 1, 0), 16)
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * doublings)


def _excess(line: Line) -> float:
    lower, threshold = line.reason.values.get("lower"), line.reason.values.get("threshold")
    if isinstance(lower, int | float) and isinstance(threshold, int | float):
        return lower - threshold
    return 0.0
