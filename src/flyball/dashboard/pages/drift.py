"""Drift."""

from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask, Page, Part


def page(ask: Ask) -> Page:
    """The page."""
    return Page(title=ask.t("drift.title"), parts=[Part(key="main", body=filled("drift.html", ask))])
