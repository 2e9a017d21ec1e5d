"""A site whose model has a journal, a spec and admin tokens, and a way to speak to its admin routes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

import versions
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import Entry, Event, Promoted, Registered
from flyball.server.admin.tokens import read_tokens
from flyball.server.app import make_app, running
from flyball.server.settings import ServerPorts
from served import MODEL, Served, Site, linear, site
from versions import judged

SECRET = "0123456789abcdef" * 4
NAMED = "alice:" + "fedcba9876543210" * 4
AT = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = f"""
[model]
name = "{MODEL}"
task = "binary"
influences_outcome = false

[data]
source = "rows.csv"
target = "late"
time = "at"

[train]
run = "pipeline:train"
"""

T = TypeVar("T")


class Caller(Served):
    """Speaks to an app with a token."""

    token = SECRET

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """GET with the token."""
        return await self.client.get(path, headers=self._with(headers))

    async def post(self, path: str, content: bytes | dict[str, Any] | list[Any], **headers: str) -> httpx.Response:
        """POST JSON with the token."""
        return await super().post(path, content, **self._with(headers))

    async def plain(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any request, without a token unless one is given."""
        return await self.client.request(method, path, **more)

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", **headers}


def administered(folder: Path) -> Site:
    """Three versions: 1 was champion, 2 is, 3 failed its gate."""
    made = site(folder)
    (folder / "flyball.toml").write_text(SPEC)
    made.add(2, linear([0.0, 1.0, 0.0], 0.0))
    made.add(3, linear([1.0, 0.0, 0.0], 0.0))
    write(made, *(registered(made, version, Verdict.FAIL if version == 3 else Verdict.PASS) for version in (1, 2, 3)))
    why = because("promote.first", version=1)
    write(made, Promoted(version=1, replaced=None, reason=why, forced=False, watch_until=None))
    write(made, Promoted(version=2, replaced=1, reason=why, forced=False, watch_until=None))
    made.seq = len(journal(made))
    made.deploy(2)
    return made


def ports(made: Site, tokens: str = f"{SECRET} {NAMED}", **changes: Any) -> ServerPorts:
    """The site's ports with these tokens."""
    return replace(made.ports, tokens=read_tokens(tokens), **changes)


async def admin(made: Site, story: Callable[[Caller], Awaitable[T]], given: ServerPorts | None = None, **settings: Any) -> T:
    """Tell a story against the site's app."""
    async with running(make_app(made.settings(poll_every=3600.0, **settings), given or ports(made))) as app:
        caller = Caller(made, app)
        try:
            return await story(caller)
        finally:
            await caller.client.aclose()


def write(made: Site, *events: Event) -> None:
    """Append to the journal, as somebody else."""
    made.ports.journal.append(MODEL, events, expected=len(journal(made)), actor="loop", at=AT)


def journal(made: Site) -> list[Entry]:
    """What happened."""
    return made.ports.journal.read(MODEL)


def registered(made: Site, version: int, verdict: Verdict) -> Registered:
    """A version whose gate said this."""
    told = {"identity": f"{version}" * 64, "snapshot": "s" * 64, "rows": 1000, "trained_until": AT}
    return versions.registered(version, bundle=made.digests[version], gate=judged(verdict), **told)
