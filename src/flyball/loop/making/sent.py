"""What was sent to another system, by action: written before it is sent, so that an attempt that died, or was given up, is known of later.

In `.flyball/asked/` of the project, one small file for each action.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from flyball.core.codec import from_json, to_json
from flyball.core.digest import sha256_bytes
from flyball.core.errors import DataError
from flyball.core.record import record

_KEPT = timedelta(days=90)


@record
class Sent:
    """One request. `state`: `sending` until the other system took it; `taken`; `answered` by `answer`; `late`: by a version that nobody
    waited for any more, which was told.
    """

    action: str
    state: Literal["sending", "taken", "answered", "late"]
    at: datetime
    body: Mapping[str, Any]
    answer: str = ""

    @property
    def snapshot(self) -> str:
        """SHA-256 of the rows that the other system was told of; empty if the request names none."""
        data = self.body.get("data")
        return str(data.get("sha256", "")) if isinstance(data, dict) else ""


def sent_for(project: Path, action: str) -> Sent | None:
    """What was sent for an action from this machine."""
    return _read(_path(project, action))


def write_sent(project: Path, sent: Sent) -> None:
    """Keep it; whoever reads finds all of it or what was there before."""
    path = _path(project, sent.action)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(to_json(sent), encoding="utf-8")
    draft.replace(path)


def answered(project: Path, action: str, answer: str, *, late: bool = False) -> None:
    """Note what came for an action."""
    found = sent_for(project, action)
    if found is not None:
        write_sent(project, replace(found, state="late" if late else "answered", answer=answer))


def unanswered(project: Path, *, but: str, now: datetime) -> list[Sent]:
    """Requests of other actions that nothing came for, the oldest first. What is older than ninety days is forgotten."""
    found = []
    for path in sorted((project / ".flyball" / "asked").glob("*.json")):
        one = _read(path)
        if one is None or one.action == but:
            continue
        if now - one.at > _KEPT:
            path.unlink(missing_ok=True)
        elif one.state in ("sending", "taken"):
            found.append(one)
    return sorted(found, key=lambda one: one.at)


def _path(project: Path, action: str) -> Path:
    return project / ".flyball" / "asked" / f"{sha256_bytes(action.encode())[:32]}.json"


def _read(path: Path) -> Sent | None:
    """None too for what cannot be read: it is then asked again with the same key."""
    try:
        return from_json(path.read_bytes(), Sent)
    except (FileNotFoundError, DataError):
        return None
