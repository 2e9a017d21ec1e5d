"""Reads `[stores]`, `[track]`, `[deliver]`, and what `[train]` says of resources and prices."""

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from flyball.core.errors import SpecError
from flyball.spec.delivery import DeliverSpec, Price, Resources, StoresSpec, TrackSpec
from flyball.spec.file_address import is_file_address, stays_inside
from flyball.spec.reader import Section, shown

FILE = "flyball.toml"
_SIZES = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_POSTGRES = ("postgresql", "postgres")
_SECRET = re.compile(r"pass|pwd|secret|token|credential|signature|^sig$|key$|^auth(orization)?$", re.IGNORECASE)
"""What the name of a value in an address says, if the value is a secret or leads to one."""


def read_stores(section: Section) -> StoresSpec:
    """`[stores]`."""
    record = StoresSpec(
        database=_address(section, "database", _POSTGRES, "env:FLYBALL_DATABASE"),
        mlflow=_address(section, "mlflow", ("http", "https", "postgresql", "mysql"), "http://mlflow.example.com:5000"),
        remote=_address(section, "remote", ("s3", "gs", "azure", "ssh", "http", "https"), "s3://bucket/churn"),
        keep=section.duration("keep", timedelta(0), least=timedelta(days=1)) if section.has("keep") else None,
    )
    section.done()
    return record


def read_track(section: Section) -> TrackSpec:
    """`[track]`."""
    wandb = section.text("wandb", example="team/churn") if section.has("wandb") else ""
    if wandb and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", wandb):
        raise section.refuse("wandb", wandb, '"project" or "entity/project" of letters, digits, ".", "_" and "-"')
    record = TrackSpec(
        wandb=wandb,
        lineage=_address(section, "lineage", ("http", "https", "file"), "https://lineage.example.com"),
        events=_address(section, "events", ("http", "https", "file"), "https://events.example.com"),
    )
    section.done()
    return record


def read_deliver(section: Section) -> DeliverSpec:
    """`[deliver]`."""
    default = DeliverSpec()
    record = DeliverSpec(
        branch=_branch(section, default.branch),
        python=_python(section, default.python),
        install=_words(section, "install", default.install),
        secrets=_variables(section, "secrets"),
        variables=_assignments(section, "variables"),
        image=section.text("image", example="registry.example.com/team/churn:1") if section.has("image") else "",
        namespace=_label(section, "namespace"),
        replicas=section.integer("replicas", default.replicas, least=1),
        most=section.integer("most", max(default.most, _number(section, "replicas")), least=1),
        server=read_resources(Section(FILE, "deliver.server", section.raw("server") if section.has("server") else {})),
        look=section.duration("look", default.look, least=timedelta(minutes=1)),
        runner=_labels(section, "runner"),
    )
    section.done()
    if record.most < record.replicas:
        raise section.refuse("most", record.most, f"at least replicas, which is {record.replicas}")
    return record


def read_resources(section: Section) -> Resources:
    """`{ cpu = 2, memory = "4Gi", gpu = 1 }`."""
    memory = None
    if section.has("memory"):
        found = section.text("memory", example="4Gi")
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]i?)?B?", found)
        memory = int(float(match[1]) * _SIZES[match[2] or ""]) if match else 0
        if not 2**20 <= memory < 2**53:
            raise section.refuse("memory", found, '"4Gi" or "512Mi" (at least 1Mi)')
    record = Resources(
        cpu=section.number("cpu", least=0.01, most=10_000) if section.has("cpu") else None,
        memory=memory,
        gpu=section.integer("gpu", 0),
    )
    section.done()
    return record


def read_price(section: Section) -> Price:
    """`{ cpu = 0.04, gpu = 2.5, currency = "EUR" }`."""
    record = Price(
        cpu=section.number("cpu", 0.0, least=0.0),
        gpu=section.number("gpu", 0.0, least=0.0),
        currency=section.text("currency", example="EUR") if section.has("currency") else "",
    )
    section.done()
    return record


def _address(section: Section, key: str, schemes: tuple[str, ...], example: str) -> str:
    """An address without a password in it, or `env:NAME`. What was found is never shown: whatever it is, it could hold a password."""
    if not section.has(key):
        return ""
    found = section.raw(key)
    if not isinstance(found, str):
        raise _no_address(section, key, f'an address such as "{example}", or "env:NAME"')
    if found.startswith("env:"):
        if not VARIABLE.fullmatch(found.removeprefix("env:")):
            raise _no_address(section, key, '"env:NAME", with the name of an environment variable')
        return found
    try:
        parts = urlsplit(found)
        scheme, named = parts.scheme, [name for part in (parts.query, parts.fragment) for name, _ in parse_qsl(part, True)]
        holds_secret = parts.password is not None or any(_SECRET.search(name) for name in named)
    except ValueError:
        scheme, holds_secret = "", False
    if scheme not in schemes or any(ord(c) < 33 for c in found):
        raise _no_address(section, key, f'an address such as "{example}", or "env:NAME"')
    if holds_secret:
        raise SpecError(
            f"{FILE}: {section.path}.{key} holds a password or a key, which everybody who reads the file could use",
            hint=f'put the address into a variable where it is used and write {key} = "env:NAME"',
        )
    if is_file_address(found) and not stays_inside(found):
        raise _no_address(section, key, 'a path in the project\'s folder, such as "file:events.jsonl"')
    return found


def _no_address(section: Section, key: str, write: str) -> SpecError:
    return SpecError(
        f"{FILE}: {section.path}.{key} cannot be used; what it says is not shown, since it may hold a password", hint=f"write {write}"
    )


def _branch(section: Section, default: str) -> str:
    """A name that git allows, and that no platform takes for a pattern or an expression."""
    found = section.text("branch", default)
    if re.search(r"[\x00-\x20\x7f~^:?*\[\]\\{}]|\.\.|@\{|//|^[/.-]|[/.]$|\.lock$|^@$", found):
        raise section.refuse("branch", found, 'the name of a branch, such as "main"')
    return found


def _labels(section: Section, key: str) -> tuple[str, ...]:
    found = section.names(key, example="gpu")
    for label in found:
        if not re.fullmatch(r"[A-Za-z0-9][\w.:/-]{0,99}", label):
            raise section.refuse(key, label, 'labels of a machine, such as ["self-hosted", "gpu"]')
    return found


def _python(section: Section, default: str) -> str:
    found = section.text("python", default)
    if not re.fullmatch(r"3\.\d{1,2}", found) or int(found[2:]) < 11:
        raise section.refuse("python", found, '"3.11" or newer')
    return found


def _words(section: Section, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if not section.has(key):
        return default
    value = section.raw(key)
    words = value if isinstance(value, list) else None
    if not words or not all(isinstance(word, str) and word and "\0" not in word for word in words):
        raise section.refuse(key, value, 'the list of its words, such as ["pip", "install", "-r", "requirements.txt"]')
    return tuple(words)


def _variables(section: Section, key: str) -> tuple[str, ...]:
    names = section.names(key, example="AWS_SECRET_ACCESS_KEY")
    for name in names:
        if not VARIABLE.fullmatch(name):
            raise section.refuse(key, name, "names of environment variables: letters, digits and _")
    return names


def _assignments(section: Section, key: str) -> dict[str, str]:
    value = section.raw(key) if section.has(key) else {}
    if not isinstance(value, dict) or not all(isinstance(text, str) and "\0" not in text for text in value.values()):
        raise section.refuse(key, value, '{ AWS_REGION = "eu-west-1" }: texts by the names of environment variables')
    for name in value:
        if not VARIABLE.fullmatch(name):
            raise section.refuse(key, name, "names of environment variables: letters, digits and _")
    return dict(value)


def _label(section: Section, key: str) -> str:
    if not section.has(key):
        return ""
    found = section.text(key, example="churn")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", found):
        raise section.refuse(key, shown(found), "a name of at most 63 small letters, digits and - (DNS label)")
    return found


def _number(section: Section, key: str) -> int:
    value = section.raw(key)
    return value if isinstance(value, int) else 0
