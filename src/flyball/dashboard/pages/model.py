"""Model: every version against the others, one version with all that is known of it, or two of them side by side."""

from flyball.dashboard.pages.model_compare import compared
from flyball.dashboard.pages.model_list import listed
from flyball.dashboard.pages.model_version import shown
from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import facts


def page(ask: Ask) -> Page:
    """The page: `?version=3` is about that version, `?version=3&against=2` compares two."""
    known, title = facts(ask), ask.t("model.title")
    if not known.state.versions:
        return Page(title=title, parts=[Part(key="main", body=filled("model.html", ask), every=5)])
    wanted = [ask.query[name] for name in ("version", "against") if ask.query.get(name)]
    missing = [text for text in wanted if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in known.state.versions)]
    if missing:
        return Page(title=title, parts=[Part(key="main", body=filled("model_gone.html", ask, missing=missing[0]))])
    if "version" not in ask.query or not wanted:
        return Page(title=title, parts=listed(ask, known))
    version = int(wanted[0])
    if len(wanted) == 2:
        return Page(
            title=ask.t("model.compared", version=version, against=int(wanted[1])), parts=compared(ask, known, version, int(wanted[1]))
        )
    return Page(title=ask.t("model.version_title", version=version), parts=shown(ask, known, version))
