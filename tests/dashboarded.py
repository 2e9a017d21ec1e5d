"""What tests of the dashboard stand on: a page asked as the application asks it, and an application that is asked without a network."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import httpx

from flyball.dashboard.app import make_app
from flyball.dashboard.records import Ask, DashboardPorts
from flyball.dashboard.table import maker
from flyball.journal.events import Event
from flyball.wiring import open_dashboard
from flyball.words.sentences import Language

TOKEN = "t" * 40
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])


def asked(folder: Path, page: str, /, language: Language = "en", now: datetime | None = None, **query: str) -> Ask:
    """The question for a page of the project in a folder."""
    project = open_dashboard([folder]).projects[0]
    return Ask(project=project, page=page, query=query, language=language, now=now or datetime.now(UTC))


def made(folder: Path, page: str, /, language: Language = "en", now: datetime | None = None, **query: str) -> str:
    """The sections of a page, one after the other, as HTML that was checked to be closed properly."""
    make = maker(page)
    assert make is not None
    found = "".join(str(part.body) for part in make(asked(folder, page, language, now, **query)).parts)
    well_formed(found)
    return found


def write(folder: Path, *events: Event) -> None:
    """Happen: append events to the journal of the project in a folder, now, by `loop`."""
    ask = asked(folder, "loop")
    journal = ask.world.journal
    journal.append(ask.model, events, expected=len(journal.read(ask.model)), actor="loop", at=ask.now)


def client(ports: DashboardPorts) -> httpx.AsyncClient:
    """Asks the application itself."""
    transport = httpx.ASGITransport(app=make_app(ports, hosts=frozenset({b"127.0.0.1"})))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


class _Nesting(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs), f"<{tag}> with a script or style of its own"
        assert tag not in ("script", "style", "iframe", "object"), f"<{tag}> in a section"
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()


def well_formed(html: str) -> None:
    """AssertionError unless every element is closed where it should be, and none brings a script or a style."""
    reader = _Nesting()
    reader.feed(html)
    reader.close()
    assert reader.open == []
