"""The charts of the page now: requests and refusals by minute, latency while somebody looks, answers by the hour of their rows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from flyball.core.record import record
from flyball.core.window import Window
from flyball.dashboard.paper import filled
from flyball.dashboard.pulses import KEPT, Beat
from flyball.dashboard.records import Ask
from flyball.dashboard.standing import Facts
from flyball.loop.lately import Requests, rows_by_hour
from flyball.render.report.strands import Strand, course
from flyball.render.report.text import lasting
from flyball.serving.pace import paces

_HOUR = timedelta(hours=1)
_SHOWN = timedelta(hours=48)
_KINDS = {"champion": "now", "challenger": "guess"}


@record
class Spans:
    """How far back a chart goes, and how much of it is one point."""

    span: timedelta
    step: timedelta

    @staticmethod
    def day(end: datetime) -> Window:
        """The 24 hours before a time."""
        return Window(start=end - timedelta(hours=24), end=end)


def requests_by_minute(ask: Ask, came: Requests, spans: Spans) -> Markup:
    """Answered requests in a second."""
    found = paces(came.counts, came.window, spans.step)
    points = [(one.start + spans.step / 2, one.answered) for one in found]
    return _figure(ask, "requests", [Strand(kind="now", points=points, filled=True)], came.window, legend=(), empty=came.newest is None)


def refusals_by_minute(ask: Ask, came: Requests, spans: Spans) -> Markup:
    """Refused requests in a second."""
    found = paces(came.counts, came.window, spans.step)
    points = [(one.start + spans.step / 2, one.refused) for one in found]
    return _figure(ask, "refused", [Strand(kind="limit", points=points)], came.window, legend=(), empty=came.newest is None)


def latencies(ask: Ask, beat: Beat) -> Markup:
    """How long requests took, of the time somebody looked; the last bucket has no end and is drawn at a second."""
    half: list[tuple[datetime, float | None]] = []
    slow: list[tuple[datetime, float | None]] = []
    for one in beat.course:
        if half and (one.at - half[-1][0]).total_seconds() > 30:
            half.append((one.at, None))
            slow.append((one.at, None))
        if one.rates.median is not None and one.rates.slow is not None:
            half.append((one.at, min(one.rates.median, 1.0) * 1000))
            slow.append((one.at, min(one.rates.slow, 1.0) * 1000))
    window = Window(start=ask.now - timedelta(seconds=KEPT), end=ask.now)
    strands = [Strand(kind="now", points=half), Strand(kind="guess", points=slow)]
    legend = (("line-now", ask.t("now.median")), ("guess", ask.t("now.slow")))
    return _figure(ask, "latency", strands, window, legend=legend, empty=not half)


def answers_by_hour(ask: Ask, known: Facts) -> Markup:
    """Rows in an hour of their event time, of who answers: what a replay of the past has instead of requests of now."""
    state = known.state
    named = {one: role for role, one in (("challenger", state.challenger), ("champion", state.champion)) if one is not None}
    end = known.measured_at.replace(minute=0, second=0, microsecond=0)
    end += _HOUR if end < known.measured_at else timedelta(0)
    window = Window(start=end - _SHOWN, end=end)
    rows = rows_by_hour(ask.world, ask.model, named, window)
    answered: dict[str, dict[int, int]] = {}
    for (version, variant), hours in rows.items():
        if variant == "shadow":
            continue
        role = variant if variant in _KINDS else named[version]
        own = answered.setdefault(role, {})
        for hour, number in hours.items():
            own[hour] = own.get(hour, 0) + number
    strands = [
        Strand(kind=kind, points=_hourly(answered[role], window), filled=kind == "now") for role, kind in _KINDS.items() if role in answered
    ]
    keys = {"now": "line-now", "guess": "guess"}
    legend = tuple((keys[kind], ask.t(f"now.role.{role}")) for role, kind in _KINDS.items() if role in answered)
    return _figure(ask, "hours", strands, window, legend=legend, empty=not answered)


def _hourly(hours: Mapping[int, int], window: Window) -> list[tuple[datetime, float | None]]:
    first, last = int(window.start.timestamp() // 3600), int(window.end.timestamp() // 3600)
    return [(datetime.fromtimestamp(hour * 3600 + 1800, tz=UTC), float(hours.get(hour, 0))) for hour in range(first, last)]


def _figure(ask: Ask, name: str, strands: list[Strand], window: Window, *, legend: tuple[tuple[str, str], ...], empty: bool) -> Markup:
    values = [value for one in strands for _, value in one.points if value is not None]
    title = ask.t(f"now.chart.{name}")
    drawn = Markup("")
    if not empty:
        about = ask.t(
            "now.chart_about",
            last=values[-1] if values else 0.0,
            most=max(values, default=0.0),
            span=lasting(window.length.total_seconds()),
        )
        drawn = course(strands, window, title=title, about=about, key=f"chart-{name}", ago=lambda seconds: _ago(ask, seconds))
    return filled("now_chart.html", ask, name=name, title=title, chart=drawn, legend=legend, end=window.end, empty=empty)


def _ago(ask: Ask, seconds: float) -> str:
    if seconds < 1:
        return ask.t("now.end")
    if seconds < 120:
        return f"−{seconds:.0f} s"
    return f"−{seconds / 60:g} min" if seconds < 7200 else f"−{seconds / 3600:g} h"
