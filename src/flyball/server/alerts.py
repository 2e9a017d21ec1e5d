"""`/alerts/alertmanager`: Alertmanager's webhook (version 4), by which an alert of any system can ask the loop for a training."""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from urllib.parse import parse_qs

from flyball.core.errors import RefusedError, RequestError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.window import from_micros
from flyball.loop.telling.inbound import MOST_OPEN, hear
from flyball.server.answers import HttpError, Reply, json_reply
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.codecs import decode_json
from flyball.serving.contract import kind_of, shown

ROUTE = "alerts/alertmanager"
ACTOR = "alertmanager"
_MOST_WAITING = 32
_MOST_ALERTS = 1000
_LONGEST_KEY = 500
_LONGEST_TEXT = 200


@record
class Group:
    """What Alertmanager tells of one group of alerts. `firing`: any of them still does. `own`: all of them are Flyball's."""

    key: str
    firing: bool
    own: bool
    names: tuple[str, ...]
    summary: str


class AlertTaker:
    """Takes what Alertmanager tells of this server's model. The journal is asked in `threads`."""

    def __init__(self, settings: ServerSettings, ports: ServerPorts, *, clock: Callable[[], int], threads: Executor) -> None:
        self._settings = settings
        self._ports = ports
        self._clock = clock
        self._threads = threads
        self._waiting = 0

    async def answer(self, body: bytes, query: bytes) -> Reply:
        """Check and write down. Alertmanager repeats what is answered with 5xx or 429, and drops what is answered with another 4xx."""
        group = read_group(decode_json(body), own=wants_own(query))
        model = self._settings.model
        if not self._settings.takes_alerts:
            raise RefusedError(
                f"alerts from outside may not ask for a training of {model!r}",
                hint='add "alert" to [retrain] on in flyball.toml, and restart the server',
            )
        if group.own:
            return self._reply("own", group, "Flyball sent this alert itself: what it asks for was decided when it fired")
        if self._waiting >= _MOST_WAITING:
            raise HttpError(429, "too many requests with alerts at once", headers=[(b"retry-after", b"1")])
        self._waiting += 1
        try:
            heard = await asyncio.get_running_loop().run_in_executor(self._threads, self._hear, group)
        finally:
            self._waiting -= 1
        if heard == "too many":
            raise HttpError(429, f"{MOST_OPEN} alerts ask for a training of {model} already", headers=[(b"retry-after", b"60")])
        return self._reply(heard, group, _SAID[heard])

    def _hear(self, group: Group) -> str:
        now = from_micros(self._clock())
        return hear(self._ports.journal, self._settings.model, group.key, firing=group.firing, reason=_reason(group), actor=ACTOR, now=now)

    def _reply(self, result: str, group: Group, said: str) -> Reply:
        return json_reply(200, {"result": result, "model": self._settings.model, "key": group.key, "reason": said})


_SAID = {
    "requested": "a training is asked for; the next tick starts it, or says in the journal why it waits",
    "known": "this alert has asked already, and still fires",
    "closed": "the alert is over; if it fires again, it asks again",
    "not open": "this alert had not asked for anything",
}


def model_of(body: bytes) -> str | None:
    """The model that all alerts of a group are about, if they say so: what a server of several models goes by."""
    given = decode_json(body)
    labels = given.get("commonLabels") if isinstance(given, dict) else None
    model = labels.get("model") if isinstance(labels, dict) else None
    return model if isinstance(model, str) else None


def wants_own(query: bytes) -> bool:
    """Whether the address says `?own=allow`: alerts that Flyball sent may then come back and ask."""
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=20) if query.count(b"&") < 20 else {}
    given = values.get("own", [])
    if given not in ([], ["allow"]):
        raise RequestError("'own' can only be 'allow'", field="own")
    return bool(given)


def read_group(given: object, *, own: bool) -> Group:
    """The group in a webhook's body; RequestError names the field. With `own`, Flyball's own alerts count like others."""
    if not isinstance(given, dict):
        raise RequestError(f"the body must be an object as Alertmanager's webhook sends it, not {kind_of(given)}")
    version = given.get("version")
    if version != "4":
        raise RequestError(f"'version' must be the text '4', not {shown(version)}", field="version")
    key = _text(given, "groupKey")
    status = _status(given, "status")
    alerts = given.get("alerts")
    if not isinstance(alerts, list) or not alerts:
        raise RequestError("'alerts' must be a list with at least one alert", field="alerts")
    if len(alerts) > _MOST_ALERTS:
        raise RequestError(
            f"'alerts' has {len(alerts)} alerts; at most {_MOST_ALERTS} are taken (max_alerts in Alertmanager)", field="alerts"
        )
    _texts(given, "commonLabels")
    notes = _texts(given, "commonAnnotations")
    read = [_alert(alert, f"alerts[{number}]") for number, alert in enumerate(alerts)]
    others = [one for one in read if own or one[1].get("source") != "flyball"]
    firing = [labels for state, labels, _ in others if state == "firing"]
    names = tuple(dict.fromkeys(labels.get("alertname", "an alert without a name") for labels in firing))
    summaries = [notes.get("summary", ""), *(annotations.get("summary", "") for _, _, annotations in others)]
    return Group(
        key=_key(key),
        firing=status == "firing" and bool(firing),
        own=not others,
        names=names,
        summary=next((one for one in summaries if one.strip()), ""),
    )


def _alert(given: object, place: str) -> tuple[str, dict[str, str], dict[str, str]]:
    if not isinstance(given, dict):
        raise RequestError(f"'{place}' must be an object, not {kind_of(given)}", field=place)
    return _status(given, "status", place), _texts(given, "labels", place), _texts(given, "annotations", place)


def _status(given: dict[str, object], key: str, place: str = "") -> str:
    name = f"{place}.{key}" if place else key
    value = given.get(key)
    if value not in ("firing", "resolved"):
        raise RequestError(f"'{name}' must be 'firing' or 'resolved', not {shown(value)}", field=name)
    return str(value)


def _text(given: dict[str, object], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise RequestError(f"'{key}' must be a text, not {kind_of(value)}", field=key)
    return value


def _texts(given: dict[str, object], key: str, place: str = "") -> dict[str, str]:
    """An object of texts; one that is not there is empty."""
    name = f"{place}.{key}" if place else key
    value = given.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestError(f"'{name}' must be an object of texts, not {kind_of(value)}", field=name)
    for inner, text in value.items():
        if not isinstance(text, str):
            raise RequestError(f"'{name}.{inner[:60]}' must be a text, not {kind_of(text)}", field=f"{name}.{inner[:60]}")
    return value


def _key(key: str) -> str:
    """The group's key, as short and harmless as the journal and a terminal need it, and still different from every other."""
    plain = "".join(sign if sign.isprintable() else " " for sign in key[:_LONGEST_KEY])
    if plain == key:
        return key
    return f"{plain[: _LONGEST_KEY - 65]} {hashlib.sha256(key.encode()).hexdigest()}"


def _reason(group: Group) -> Reason:
    names = ", ".join(_plain(name) for name in group.names[:3]) + (f" and {len(group.names) - 3} more" if len(group.names) > 3 else "")
    if not group.summary:
        return because("retrain.alert_bare", sender="Alertmanager", alerts=names)
    return because("retrain.alert", sender="Alertmanager", alerts=names, summary=_plain(group.summary))


def _plain(text: str) -> str:
    """A text from outside on one line, and not a long one."""
    words = "".join(sign if sign.isprintable() else " " for sign in text[:1000])
    words = " ".join(words.split())
    return words if len(words) <= _LONGEST_TEXT else words[: _LONGEST_TEXT - 1] + "…"


def request_schema() -> dict[str, object]:
    """The JSON schema of a body."""
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    status = {"enum": ["firing", "resolved"]}
    alert = {
        "type": "object",
        "properties": {"status": status, "labels": texts, "annotations": texts},
        "required": ["status"],
    }
    return {
        "type": "object",
        "properties": {
            "version": {"const": "4"},
            "groupKey": {"type": "string", "minLength": 1},
            "status": status,
            "commonLabels": texts,
            "commonAnnotations": texts,
            "alerts": {"type": "array", "items": alert, "minItems": 1, "maxItems": _MOST_ALERTS},
        },
        "required": ["version", "groupKey", "status", "alerts"],
    }
