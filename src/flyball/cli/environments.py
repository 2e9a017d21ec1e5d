"""What is different in each environment of a project, as `flyball check` prints it."""

from collections.abc import Mapping
from pathlib import Path

from flyball.core.codec import to_plain
from flyball.spec.load import FILE, environments, parse_spec
from flyball.spec.records import Spec

_ABOUT_ITSELF = ("folder", "digest", "environment")
Differences = Mapping[str, tuple[object, object]]


def differing(folder: Path) -> dict[str, Differences]:
    """Of every environment: each key whose meaning differs from the file without it, and both values: `(without, in it)`.

    SpecError names the environment that cannot be read.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    plain = _flat(parse_spec(text, folder=folder))
    found: dict[str, Differences] = {}
    for name in environments(text):
        there = _flat(parse_spec(text, folder=folder, environment=name))
        keys = [key for key in dict.fromkeys([*plain, *there]) if plain.get(key) != there.get(key)]
        found[name] = {key: (plain.get(key), there.get(key)) for key in keys}
    return found


def unguarded(folder: Path) -> list[str]:
    """What is said of every environment, and of the file without one, that shares stores but not the one where tokens are kept."""
    text = (folder / FILE).read_text(encoding="utf-8")
    found = []
    for name in ("", *environments(text)):
        stores = parse_spec(text, folder=folder, environment=name).stores
        if (stores.mlflow or stores.remote) and not stores.database:
            shared = " and ".join(key for key in ("mlflow", "remote") if getattr(stores, key))
            found.append(
                f"{f'in {name}, ' if name else ''}[stores] shares {shared} and no database: each machine has a journal of its own, which "
                "keeps the first admin token that comes there, so nothing asks another machine for it; who may write to what is shared is "
                "decided by its own users and keys"
            )
    return found


def lines(differences: Differences) -> str:
    """The differences of one environment in one cell of a table."""
    return "\n".join(f"{key} = {_shown(there)} (else {_shown(here)})" for key, (here, there) in differences.items()) or "nothing differs"


def _flat(spec: Spec) -> dict[str, object]:
    """`section.key` → value."""
    parts = {name: to_plain(getattr(spec, name)) for name in spec.__dataclass_fields__ if name not in _ABOUT_ITSELF}
    found: dict[str, object] = {}
    for name, part in parts.items():
        place = name if name not in ("resources", "price") else f"train.{name}"
        found |= _below(place, part)
    return found


def _below(place: str, part: object) -> dict[str, object]:
    if not isinstance(part, dict) or not part:
        return {place: part}
    found: dict[str, object] = {}
    for key, value in part.items():
        found |= _below(f"{place}.{key}", value)
    return found


def _shown(value: object) -> str:
    return "not set" if value in (None, "", [], {}) else f'"{value}"' if isinstance(value, str) else str(value)
