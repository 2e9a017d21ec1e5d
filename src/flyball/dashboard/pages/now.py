"""Now."""

from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask, Page, Part


def page(ask: Ask) -> Page:
    """The page."""
    return Page(title=ask.t("now.title"), parts=[Part(key="main", body=filled("now.html", ask))])
