"""Environments: `[env.prod]` in `flyball.toml` says what is different there, section by section, from what the file says above it."""

from collections.abc import Mapping

from flyball.core.errors import SpecError
from flyball.core.schema import did_you_mean

FILE = "flyball.toml"
_WAYS = frozenset({"run", "command", "external"})


def names(document: Mapping[str, object]) -> list[str]:
    """The environments a document knows, in its order."""
    found = document.get("env", {})
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise SpecError(f"{FILE}: [env] holds something else than environments", hint="write [env.prod.serve] and the keys below it")
    return list(found)


def overlaid(document: Mapping[str, object], environment: str) -> dict[str, object]:
    """The document as it is in an environment (empty: as it stands), without `[env]`. Tables are laid over key by key."""
    known = names(document)
    plain = {name: value for name, value in document.items() if name != "env"}
    if not environment:
        return plain
    if environment not in known:
        hint = f"environments: {', '.join(known)}" if known else f"add [env.{environment}.stores] with what is different there"
        raise SpecError(f"{FILE} has no environment {environment!r}{did_you_mean(environment, known)}", hint=hint)
    every = document["env"]
    assert isinstance(every, dict)
    return _laid_over(plain, every[environment])


def _laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    made = dict(below)
    for name, value in above.items():
        under = below.get(name)
        made[name] = (
            _laid_over(_without_other_ways(name, under, value), value) if isinstance(under, dict) and isinstance(value, dict) else value
        )
    return made


def _without_other_ways(name: str, below: Mapping[str, object], above: Mapping[str, object]) -> Mapping[str, object]:
    """A model is trained in one way: an environment that names another way replaces the one below it."""
    if name != "train" or not _WAYS & above.keys():
        return below
    return {key: value for key, value in below.items() if key not in _WAYS and not (key == "python" and "run" not in above)}
