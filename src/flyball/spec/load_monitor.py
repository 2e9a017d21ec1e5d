"""Reads `[monitor]`: what is watched, in which spans, and from where on it is news."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from flyball.core.errors import SpecError
from flyball.spec.reader import Section, a_metric, shown
from flyball.spec.records import DataSpec, Floor, MonitorSpec, Task


def read_monitor(section: Section, task: Task, data: DataSpec) -> MonitorSpec:
    """The section as a record."""
    floor = None
    if section.has("floor"):
        part = Section(section.file, "monitor.floor", section.raw("floor"))
        metric = a_metric(part, "metric", part.text("metric", example="brier"), task)
        floor = Floor(metric=metric, drop=part.number("drop", least=0.0))
        part.done()
    minute = timedelta(minutes=1)
    record = MonitorSpec(
        window=section.duration("window", timedelta(days=1), least=minute),
        margin=section.number("margin", 0.05, least=0.0, most=1.0),
        share_margin=section.number("share_margin", 0.002, least=0.0, most=1.0),
        floor=floor,
        performance_window=section.duration("performance_window", timedelta(days=14), least=minute),
        season=section.choice("season", ("none", "day", "week"), "none"),
        zone=_zone(section),
        ignore=section.names("ignore", example="row_number"),
        slices=section.names("slices", example="region"),
        embeddings=_embeddings(section),
    )
    section.done()
    if record.season != "none" and data.time is None:
        raise SpecError(f"{section.file}: monitor.season needs data.time", hint='add time = "the column of the event time" under [data]')
    if data.features is not None:
        for column in record.ignore:
            if column not in data.features:
                raise section.refuse("ignore", column, f"a feature: {', '.join(data.features)}")
    return record


def _zone(section: Section) -> str:
    name = section.text("zone", "UTC", example="America/New_York")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise section.refuse("zone", name, 'a time zone of the IANA list, such as "Asia/Shanghai" or "UTC"') from None
    return name


def _embeddings(section: Section) -> dict[str, str]:
    if not section.has("embeddings"):
        return {}
    given = section.raw("embeddings")
    if not isinstance(given, dict):
        raise section.refuse("embeddings", given, '{ title = "title_*" }')
    found = {}
    for name, pattern in given.items():
        if not isinstance(pattern, str) or not pattern.strip():
            raise SpecError(
                f"{section.file}: monitor.embeddings.{name} = {shown(pattern)} cannot be used", hint='write a pattern of names: "title_*"'
            )
        found[name] = pattern
    return found
