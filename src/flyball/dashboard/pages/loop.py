"""The loop: is the model good, what waits for whom, and the button that stops it."""

from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import facts, standing


def page(ask: Ask) -> Page:
    """The page."""
    known = facts(ask)
    frozen = known.state.frozen(ask.now) is not None
    body = filled("loop.html", ask, standing=standing(ask, known), state=known.state, frozen=frozen)
    return Page(title=ask.t("loop.title"), parts=[Part(key="answer", body=body, every=2)])
