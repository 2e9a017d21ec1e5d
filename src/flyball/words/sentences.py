"""Turns reasons into sentences, in English or Chinese: the only place where a code becomes words."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Literal

from flyball.core.reason import Reason, Value

Language = Literal["en", "zh"]

# One catalogue per stage: code → (English, Chinese).
CATALOGUES = ("data", "training", "evaluation", "serving", "drift", "performance", "loop", "adopt", "reference", "multivariate")


@cache
def catalogue() -> Mapping[str, tuple[str, str]]:
    """All sentences of all stages; a code stands in exactly one catalogue."""
    sentences: dict[str, tuple[str, str]] = {}
    for name in CATALOGUES:
        stage: Mapping[str, tuple[str, str]] = import_module(f"flyball.words.{name}").SENTENCES
        doubled = stage.keys() & sentences.keys()
        if doubled:
            raise ValueError(f"two catalogues explain the same code: {sorted(doubled)}")
        sentences.update(stage)
    return sentences


def sentence(reason: Reason, language: Language = "en") -> str:
    """The sentence of a reason. A code of a newer version is shown with its values, never lost."""
    templates = catalogue().get(reason.code)
    values = {name: _shown(value) for name, value in reason.values.items()}
    if templates is None:
        return f"{reason.code} ({', '.join(f'{name}={value}' for name, value in values.items())})" if values else reason.code
    return templates[0 if language == "en" else 1].format_map(values)


class _Nothing:
    """A value that is not known: any number format prints a dash."""

    def __format__(self, spec: str) -> str:
        return "-"


def _shown(value: Value) -> object:
    return _Nothing() if value is None else value
