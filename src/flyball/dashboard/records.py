"""Nouns of the dashboard: whose pages they are, what a page is asked, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

from markupsafe import Markup

from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.dashboard.folded import Folded
from flyball.dashboard.pulses import Pulse
from flyball.journal.known import State
from flyball.loop.world import World
from flyball.render.report.text import cleaned
from flyball.server.admin.tokens import AdminToken
from flyball.spec.records import Spec
from flyball.words.sentences import Language, sentence


@record
class Links:
    """Where the tools beside us are, as far as they are known."""

    mlflow: str = ""
    prometheus: str = ""
    grafana: str = ""


@record
class Project:
    """One model's project. `spec` reads flyball.toml as it is now; `world` are its ports and `tokens` what opens its actions (none: they
    are closed), both opened at the first use. `pulse` asks its server how fast it answers, `folded` keeps what follows
    from its journal; in `state` is what can be made again."""

    slug: str
    name: str
    folder: Path
    state: Path
    spec: Callable[[], Spec]
    world: Callable[[], World]
    tokens: Callable[[], tuple[AdminToken, ...]]
    pulse: Pulse = field(default_factory=Pulse)
    links: Links = Links()
    folded: Folded = field(default_factory=Folded)


@record
class DashboardPorts:
    """What the dashboard needs. `clock` says what time it is."""

    projects: tuple[Project, ...]
    clock: Callable[[], datetime]
    language: Language = "en"


@record
class Ask:
    """What a page is asked: for which project, with which words behind the question mark, in which language, at what time."""

    project: Project
    page: str
    query: Mapping[str, str]
    language: Language
    now: datetime

    @property
    def model(self) -> str:
        """The model's name."""
        return self.project.name

    @property
    def links(self) -> Links:
        """Where the tools beside its project are."""
        return self.project.links

    @property
    def world(self) -> World:
        """The ports of the project."""
        return self.project.world()

    def state(self) -> State:
        """What is known of the model now."""
        return self.project.folded.state(self.model, self.world.journal.read(self.model))

    def t(self, code: str, **values: Value) -> str:
        """A text of the dashboard: `t("loop.title")` is the sentence `dashboard.loop.title`."""
        return sentence(because(f"dashboard.{code}", **values), self.language)

    def tell(self, reason: Reason) -> str:
        """Any reason as a sentence, with harmless names in it."""
        return sentence(cleaned(reason), self.language)

    def link(self, page: str = "", /, **query: object) -> str:
        """The address of a page of this project, in the reader's language. `page` stands for itself, so that a query may have one too."""
        chosen = {name: str(value) for name, value in query.items() if value is not None}
        if "lang" in self.query:
            chosen = {"lang": self.query["lang"], **chosen}
        return f"/m/{quote(self.project.slug)}/{page or self.page}" + (f"?{urlencode(chosen)}" if chosen else "")


@record
class Part:
    """A section of a page that is fetched again every so many seconds while somebody looks (0: it stays as it was)."""

    key: str
    body: Markup
    every: int = 0


@record
class Page:
    """A page: its title, and its sections in order."""

    title: str
    parts: Sequence[Part]


Maker = Callable[[Ask], Page]
Health = Literal["good", "look", "act", "unknown"]
