"""The receiver `alertmanager`: alerts posted to its API v2, which groups, routes and silences them as its own rules say."""

import hashlib
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flyball.adapters.notify.http import address, post_json
from flyball.adapters.notify.text import clean, rfc3339, title, told
from flyball.adapters.notify.tools import Tools
from flyball.alerting.records import Line, Notification, Parcel
from flyball.alerting.rules import kind_of, subject_of
from flyball.core.codec import to_json
from flyball.words.sentences import Language

SOURCE = "flyball"
"""The label `source` of every alert Flyball sends: by it the server knows its own when they come back."""
_PATH = "/api/v2/alerts"
# Alertmanager takes an alert for over when it is not repeated. A loop may look as rarely as once a day, so each repetition holds for two.
_HOLDS = timedelta(days=2)
_LONGEST = 200
# what the subject of a kind is called as a label
_SUBJECTS = {"performance": "metric", "drift": "column", "quality": "column"}


def deliver(parcel: Parcel, tools: Tools) -> None:
    """POST what fires and what is over."""
    url = address(tools.secret(parcel.receiver.url)).rstrip("/")
    whole = url if url.endswith(_PATH) else url + _PATH
    post_json(whole, to_json(alerts(parcel.notification, tools.language)).encode(), seconds=tools.seconds)


def alerts(notification: Notification, language: Language) -> list[dict[str, object]]:
    """The alerts as Alertmanager's API v2 takes them."""
    if notification.test:
        labels = {"alertname": "FlyballTest", "model": _label(notification.model), "severity": "warning", "source": SOURCE}
        words = title(notification, language)
        over = notification.at + timedelta(minutes=5)
        return [_posted(labels, {"summary": words, "description": words}, notification.at, over, notification.link)]
    return [_alert(line, notification, language) for line in notification.lines]


def _alert(line: Line, notification: Notification, language: Language) -> dict[str, object]:
    kind, subject = kind_of(line.key), subject_of(line.key)
    labels = {
        "alertname": _label(f"Flyball{kind[:1].upper()}{kind[1:]}"),
        "model": _label(notification.model),
        "severity": line.severity,
        "source": SOURCE,
    }
    if subject:
        labels[_SUBJECTS.get(kind, "subject")] = _label(subject)
    annotations = {
        "summary": clean(f"{notification.model}: {line.key}", _LONGEST),
        "description": told(line, language),
        "key": clean(line.key, _LONGEST),
        "version": "" if notification.version is None else str(notification.version),
        "window": "" if line.window is None else f"{rfc3339(line.window.start)}/{rfc3339(line.window.end)}",
        "link": notification.link,
    }
    ends_at = line.until if line.until is not None else notification.at + _HOLDS
    return _posted(labels, {name: text for name, text in annotations.items() if text}, line.since, ends_at, notification.link)


def _posted(labels: dict[str, str], annotations: dict[str, str], starts_at: datetime, ends_at: datetime, link: str) -> dict[str, object]:
    posted: dict[str, object] = {
        "labels": labels,
        "annotations": annotations,
        "startsAt": rfc3339(starts_at),
        "endsAt": rfc3339(max(starts_at, ends_at)),
    }
    if urlsplit(link).scheme in ("http", "https"):
        posted["generatorURL"] = link
    return posted


def _label(text: str) -> str:
    """A label's value: short, on one line, and still different from every other."""
    plain = clean(text, _LONGEST)
    if plain == text:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: _LONGEST - 9]}-{digest}"
