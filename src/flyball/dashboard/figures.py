"""How values of metrics are written on pages."""

from flyball.monitoring.records import Estimated, Performance


def number(value: float | None) -> str:
    """A value of a metric: four digits behind the point of what is small, four in all of what is large."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def bounds(told: Performance | Estimated) -> str:
    """The bounds of a value in brackets; nothing without."""
    return "" if told.lower is None or told.upper is None else f"[{number(told.lower)}, {number(told.upper)}]"
