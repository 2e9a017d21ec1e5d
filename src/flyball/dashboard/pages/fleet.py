"""The list of models: a row each, with health, last decision, who is waited for, and what is due next."""

from markupsafe import Markup

from flyball.core.errors import FlyballError
from flyball.core.reason import because
from flyball.dashboard.paper import at, environment
from flyball.dashboard.records import Ask, DashboardPorts, Project
from flyball.dashboard.standing import Standing, standing
from flyball.words.sentences import Language, sentence


def fleet(ports: DashboardPorts, language: Language) -> Markup:
    """The table. A model whose project cannot be read has its row all the same, and says why."""
    rows: list[tuple[Project, str, Standing | None, str]] = []
    for project in ports.projects:
        ask = Ask(project=project, page="loop", query={}, language=language, now=ports.clock())
        try:
            rows.append((project, ask.link("loop"), standing(ask), ""))
        except FlyballError as error:
            rows.append((project, ask.link("loop"), None, error.message))

    def t(code: str) -> str:
        return sentence(because(f"dashboard.{code}"), language)

    return Markup(environment().get_template("fleet.html").render(rows=rows, t=t, at=at))  # noqa: S704 - autoescaped
