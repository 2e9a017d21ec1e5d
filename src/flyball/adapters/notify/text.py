"""A notification in words and as a plain document: what every kind of receiver is made from."""

import re
import unicodedata
from datetime import UTC, datetime

from flyball.alerting.records import Line, Notification
from flyball.core.reason import because
from flyball.words.sentences import Language, sentence

SCHEMA = 1
"""The version of the document. It changes when a key changes its meaning; new keys may come at any time."""
_LONGEST = 500
_INVISIBLE = re.compile(r"\s+")


def title(notification: Notification, language: Language) -> str:
    """One line that says it all: how many alerts fire, and which is the worst."""
    if notification.test:
        return clean(sentence(because("alerts.title_test", model=notification.model), language))
    firing = [line for line in notification.lines if line.status == "firing"]
    over = [line for line in notification.lines if line.status == "resolved"]
    parts = []
    for code, count, lines in (("firing", notification.firing, firing), ("over", notification.resolved, over)):
        if count:
            worst = lines[0].key if lines else "-"
            parts.append(sentence(because(f"alerts.title_{code}{'_more' if count > 1 else ''}", worst=worst, others=count - 1), language))
    return clean(f"{notification.model}: {'; '.join(parts)}")


def lines(notification: Notification, language: Language, *, most: int) -> list[str]:
    """One line for each alert, the worst first, and one that counts the rest."""
    if notification.test:
        return [clean(sentence(because("alerts.test", model=notification.model), language))]
    shown = [_line(line, language) for line in notification.lines[:most]]
    left = notification.firing + notification.resolved - len(shown)
    return [*shown, sentence(because("alerts.more", count=left), language)] if left > 0 else shown


def told(line: Line, language: Language) -> str:
    """Why an alert fires, or why it is over."""
    return clean(sentence(line.reason, language))


def document(notification: Notification, language: Language) -> dict[str, object]:
    """The notification as JSON-ready values: what a webhook gets."""
    return {
        "schema": SCHEMA,
        "id": notification.id,
        "model": notification.model,
        "version": notification.version,
        "status": notification.status,
        "at": rfc3339(notification.at),
        "title": title(notification, language),
        "firing": notification.firing,
        "resolved": notification.resolved,
        "more": notification.more,
        "test": notification.test,
        "link": notification.link or None,
        "alerts": [
            {
                "key": line.key,
                "status": line.status,
                "severity": line.severity,
                "again": line.again,
                "since": rfc3339(line.since),
                "until": None if line.until is None else rfc3339(line.until),
                "window": None if line.window is None else {"start": rfc3339(line.window.start), "end": rfc3339(line.window.end)},
                "reason": {"code": line.reason.code, "values": dict(line.reason.values)},
                "sentence": told(line, language),
            }
            for line in notification.lines
        ],
    }


def clean(text: str, longest: int = _LONGEST) -> str:
    """A text on one line: what a terminal, a header or a log would take for an instruction is a space, and too much is cut off."""
    plain = "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs") else sign for sign in text[: 4 * longest])
    plain = _INVISIBLE.sub(" ", plain).strip()
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def rfc3339(at: datetime) -> str:
    """A time in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(line: Line, language: Language) -> str:
    code = "over" if line.status == "resolved" else "again" if line.again else "firing"
    severity = sentence(because(f"alerts.{line.severity}"), language)
    reason = because(
        f"alerts.line_{code}",
        key=line.key,
        severity=severity,
        began=_minute(line.since),
        until=None if line.until is None else _minute(line.until),
        told=told(line, language),
    )
    return clean(sentence(reason, language))


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
