"""Notifications to send, and a sender that keeps what it says to people."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flyball.adapters.notify.sender import NotifySender
from flyball.alerting.records import Line, Notification, Parcel
from flyball.core.reason import because
from flyball.core.window import Window
from flyball.settings import secret
from flyball.spec.records import Receiver
from flyball.words.sentences import Language

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def line(key: str = "drift:temp", **changes: object) -> Line:
    """An alert that fires since noon."""
    reason = because(
        "drift.moved", column=key.partition(":")[2], distance=0.67, lower=0.66, upper=0.68, threshold=0.05, before=11.5, now=24.0
    )
    plain = {
        "key": key,
        "seq": 7,
        "status": "firing",
        "severity": "warning",
        "reason": reason,
        "since": NOON,
        "window": Window(start=NOON - timedelta(days=1), end=NOON),
    }
    return Line(**{**plain, **changes})  # type: ignore[arg-type]  # the fields a test names


def notification(*lines: Line, **changes: object) -> Notification:
    """A notification of `churn`."""
    lines = lines or (line(),)
    firing = sum(one.status == "firing" for one in lines)
    plain = {"id": "a" * 32, "model": "churn", "at": NOON, "version": 3, "lines": lines, "firing": firing, "resolved": len(lines) - firing}
    return Notification(**{**plain, **changes})  # type: ignore[arg-type]  # the fields a test names


class Post:
    """A sender, what it told people, and how to send one notification. `environment` holds what `env:NAME` stands for."""

    def __init__(self, folder: Path, *, language: Language = "en", patience: float = 8.0, **environment: str) -> None:
        self.said: list[str] = []
        self.folder = folder
        self.sender = NotifySender(
            folder=folder, language=language, secret=lambda text: secret(text, environment), echo=self.said.append, patience=patience
        )

    def send(self, receiver: Receiver, message: Notification | None = None) -> str:
        """What kept it from being taken."""
        (error,) = self.sender.send([Parcel(receiver=receiver, notification=message or notification())])
        return error
