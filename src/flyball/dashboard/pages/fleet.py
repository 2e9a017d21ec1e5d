"""The list of models: a row each, with health, last decision, who is waited for, and what is due next."""

from datetime import datetime

from markupsafe import Markup

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.dashboard.paper import environment, section
from flyball.dashboard.records import Ask, DashboardPorts, Health, Part, Project
from flyball.dashboard.standing import Facts, Standing, facts, standing
from flyball.render.report.text import clean
from flyball.words.sentences import Language

PART = "fleet"
_EVERY = 5
_FIRST: dict[Health, int] = {"act": 0, "look": 1, "unknown": 2, "good": 3}
_PAGES = ("now", "drift", "performance", "decisions")


@record
class Row:
    """A model in the list. `found` None: it cannot be read, and `error` says why. `champion` 0: none answers."""

    ask: Ask
    found: Standing | None
    error: str = ""
    champion: int = 0
    at: datetime | None = None
    frozen: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """What needs somebody comes first."""
        return (-1 if self.found is None else _FIRST[self.found.health], self.ask.model)

    @property
    def pages(self) -> list[tuple[str, str]]:
        """Links to pages of the model that are asked for often: address and name."""
        return [(self.ask.link(name), self.ask.t(f"menu.{name}")) for name in _PAGES]


def fleet(ports: DashboardPorts, language: Language, *, chosen: str = "") -> Part:
    """The table. A model whose project cannot be read has its row all the same, and says why. `chosen`: the language in the address."""
    rows = sorted((_row(ports, project, language, chosen) for project in ports.projects), key=lambda row: row.order)
    body = environment().get_template("fleet.html").render(rows=rows, t=rows[0].ask.t)
    return Part(key=PART, body=Markup(body), every=_EVERY)  # noqa: S704 - autoescaped


def fleet_section(ports: DashboardPorts, language: Language, *, chosen: str = "") -> Markup:
    """The table as the browser fetches it again."""
    return section(fleet(ports, language, chosen=chosen))


def _row(ports: DashboardPorts, project: Project, language: Language, chosen: str) -> Row:
    query = {"lang": chosen} if chosen else {}
    ask = Ask(project=project, page="loop", query=query, language=language, now=ports.clock())
    try:
        known: Facts = facts(ask)
        found = standing(ask, known)
    except FlyballError as error:
        return Row(ask=ask, found=None, error=clean(error.message, 300))
    except Exception as error:  # noqa: BLE001 - the others have their rows whatever is wrong with this one
        return Row(ask=ask, found=None, error=clean(f"{type(error).__name__}: {error}", 300))
    frozen = known.state.frozen(ask.now) is not None
    return Row(ask=ask, found=found, champion=known.state.champion or 0, at=known.at, frozen=frozen)
