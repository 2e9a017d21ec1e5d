"""Reads `[alerts]`: who is told when something is wrong, and when it is over."""

from datetime import timedelta
from pathlib import PurePath
from typing import Literal
from urllib.parse import urlsplit

from flyball.core.errors import SpecError
from flyball.spec.reader import Section
from flyball.spec.records import AlertsSpec, Receiver

KINDS: tuple[Literal["log", "webhook", "slack", "email", "alertmanager"], ...] = ("log", "webhook", "slack", "email", "alertmanager")


def read_alerts(section: Section) -> AlertsSpec:
    """The section as a record."""
    lines = section.raw("to") if section.has("to") else []
    if not isinstance(lines, list):
        raise section.refuse("to", lines, 'a list such as [ { kind = "log" } ]')
    receivers = tuple(_receiver(Section(section.file, f"alerts.to[{number}]", line)) for number, line in enumerate(lines))
    for number, receiver in enumerate(receivers):
        if receiver in receivers[:number]:
            raise SpecError(
                f"{section.file}: alerts.to[{number}] is the same receiver as alerts.to[{receivers.index(receiver)}]", hint="name it once"
            )
    record = AlertsSpec(
        to=receivers,
        repeat=section.duration("repeat", timedelta(0), least=timedelta(minutes=1)) if section.has("repeat") else None,
        link=section.text("link", example="https://wiki.example/churn") if section.has("link") else "",
    )
    if not record.link.isprintable():
        raise section.refuse("link", record.link, "a text on one line")
    section.done()
    return record


def _receiver(part: Section) -> Receiver:
    kind = part.choice("kind", KINDS)
    if kind == "log":
        record = Receiver(kind=kind, file=_file(part) if part.has("file") else "")
    elif kind == "email":
        record = _email(part)
    else:
        record = Receiver(kind=kind, url=_url(part, "url"))
    part.done()
    return record


def _file(part: Section) -> str:
    name = part.text("file", example="alerts.log")
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or not name.isprintable():
        raise part.refuse("file", name, 'a file in the project, such as "alerts.log"')
    return name


def _email(part: Section) -> Receiver:
    record = Receiver(
        kind="email",
        server=part.text("server", example="smtp.example.com:587"),
        sender=part.text("from", example="flyball@example.com"),
        recipients=part.names("to", example="you@example.com"),
        user=part.text("user", example="env:SMTP_USER") if part.has("user") else "",
        password=part.text("password", example="env:SMTP_PASSWORD") if part.has("password") else "",
        tls=part.choice("tls", ("starttls", "tls", "none"), "starttls"),
    )
    host, _, port = record.server.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise part.refuse("server", record.server, '"smtp.example.com:587"')
    if not record.recipients:
        raise part.refuse("to", [], '["you@example.com"]')
    for address in (record.sender, *record.recipients):
        if "@" not in address or any(c in address for c in "\r\n, "):
            raise part.refuse("to", address, "an address such as you@example.com")
    if record.password and not record.password.startswith("env:"):
        raise SpecError(
            f"{part.file}: {part.path}.password stands in the file",
            hint='name the environment variable that holds it: password = "env:SMTP_PASSWORD"',
        )
    if record.password and record.tls == "none" and host.strip("[]") not in ("localhost", "127.0.0.1", "::1"):
        raise SpecError(
            f'{part.file}: {part.path}.tls = "none" would send the password over the network for all to read',
            hint='write tls = "starttls" or tls = "tls"',
        )
    return record


def _url(part: Section, key: str) -> str:
    url = part.text(key, example="env:ALERT_URL")
    if url.startswith("env:"):
        if not url.removeprefix("env:").isidentifier():
            raise part.refuse(key, url, '"env:NAME" with the name of an environment variable')
        return url
    try:
        split = urlsplit(url)
        sound = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        sound = False
    if not sound:  # what was found may be a secret, so it is not repeated
        raise part.refuse(key, "...", '"https://..." or "env:NAME" with the name of an environment variable that holds it')
    if split.username or split.password:
        raise SpecError(
            f"{part.file}: {part.path}.{key} holds a password", hint='put the whole address into a variable: url = "env:ALERT_URL"'
        )
    return url
