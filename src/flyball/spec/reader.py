"""Reads one section of a TOML file key by key, so that every refusal names the file, the path, what was found and what to write."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeGuard, TypeVar

from flyball.core.errors import SpecError
from flyball.core.schema import did_you_mean
from flyball.core.window import LONGEST_DURATION, parse_duration
from flyball.spec.records import Task
from flyball.stats.scores import metric_for

T = TypeVar("T", bound=str)
_LARGEST_INTEGER = 2**53 - 1


class Section:
    """One table of the file. Ask for each key, then call `done`, which refuses what was never asked for.

    `later` names keys of later versions, with what to do until then: they are refused as not yet supported.
    """

    def __init__(self, file: str, path: str, values: object, *, later: Mapping[str, str] | None = None) -> None:
        self.file = file
        self.path = path
        if not isinstance(values, dict):
            raise SpecError(f"{file}: [{path}] is {shown(values)}, not a table", hint=f"write a line [{path}] and its keys below it")
        self._values: dict[str, object] = values
        self._asked: set[str] = set()
        self._later = later or {}
        for key in self._values:
            if key in self._later:
                place = f"{path}.{key}" if path else key
                raise SpecError(f"{file}: {place} is not yet supported", hint=self._later[key])

    def refuse(self, key: str, found: object, write: str) -> SpecError:
        """The error for a value that cannot be used; `write` says what would do."""
        place = f"{self.path}.{key}" if self.path else key
        return SpecError(f"{self.file}: {place} = {shown(found)} cannot be used", hint=f"write {write}")

    def has(self, key: str) -> bool:
        """Whether the file says anything for this key."""
        self._asked.add(key)
        return key in self._values

    def given(self) -> tuple[str, ...]:
        """Every key of the file, where each is a name of the user's own."""
        return tuple(self._values)

    def raw(self, key: str) -> object:
        """The value as TOML gave it, or None."""
        self._asked.add(key)
        return self._values.get(key)

    def text(self, key: str, default: str | None = None, *, example: str = "a text") -> str:
        """A non-empty string; required when there is no default."""
        value = self._required(key, default, example)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, value, f'{key} = "{example}"')
        return value

    def maybe_text(self, key: str) -> str | None:
        """A string, or None when the key is absent."""
        return self.text(key) if self.has(key) else None

    def choice(self, key: str, choices: Sequence[T], default: T | None = None, *, later: Sequence[str] = ()) -> T:
        """One of the choices; a choice in `later` is known and not yet supported."""
        value = self._required(key, default, str(choices[0]))
        for option in choices:
            if value == option:
                return option
        if value in later:
            raise SpecError(
                f"{self.file}: {self.path}.{key} = {shown(value)} is not yet supported", hint=f"this version knows {listed(choices)}"
            )
        guess = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise self.refuse(key, value, f"one of {listed(choices)}{guess}")

    def number(self, key: str, default: float | None = None, *, least: float | None = None, most: float | None = None) -> float:
        """A finite number within bounds, the bounds included."""
        value = self._required(key, default, "0.5")
        limits = " and ".join(
            part for part in (f"at least {least:g}" if least is not None else "", f"at most {most:g}" if most is not None else "") if part
        )
        wanted = f"a number {limits}".rstrip()
        if not is_plain(value) or isinstance(value, bool | str):
            raise self.refuse(key, value, wanted)
        if (least is not None and value < least) or (most is not None and value > most):
            raise self.refuse(key, value, wanted)
        return float(value)

    def integer(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number of at least `least`, within what JSON can tell apart."""
        value = self._required(key, default, "1")
        if not is_plain(value) or not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.refuse(key, value, f"a whole number of at least {least}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._required(key, default, "true")
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true or false")
        return value

    def duration(self, key: str, default: timedelta, *, least: timedelta = timedelta(0)) -> timedelta:
        """A span of time such as "24h"."""
        if not self.has(key):
            return default
        value = self.raw(key)
        try:
            span = parse_duration(value if isinstance(value, str) else "")
        except ValueError:
            most = LONGEST_DURATION.days
            raise self.refuse(key, value, f'a span such as "24h" or "14d" (s, m, h, d, w), {most}d at the most') from None
        if span < least:
            raise self.refuse(key, value, f"a span of at least {least}")
        return span

    def names(self, key: str, *, example: str = "a") -> tuple[str, ...]:
        """A list of distinct non-empty strings; one string counts as a list of one; absent is the empty list."""
        if not self.has(key):
            return ()
        value = self.raw(key)
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item for item in items):
            raise self.refuse(key, value, f'a list of texts, such as ["{example}"]')
        repeated = sorted({item for item in items if items.count(item) > 1})
        if repeated:
            raise self.refuse(key, value, f"each name once; {listed(repeated)} repeats")
        return tuple(items)

    def done(self) -> None:
        """Refuse every key that nobody asked for."""
        for key in self._values:
            if key in self._asked:
                continue
            place = f"{self.path}.{key}" if self.path else key
            known = sorted({*self._asked, *self._later})
            raise SpecError(f"{self.file}: unknown key {place}{did_you_mean(key, known)}", hint=f"known here: {', '.join(known)}")

    def _required(self, key: str, default: object, example: str) -> object:
        self._asked.add(key)
        if key in self._values:
            return self._values[key]
        if default is None:
            place = f"[{self.path}] {key}" if self.path else key
            near = did_you_mean(key, [other for other in self._values if other not in self._asked])
            guess = near.replace("did you mean", "is it meant by")
            raise SpecError(f"{self.file}: {place} is missing{guess}", hint=f"add {key} = {shown(example)} under [{self.path}]")
        return default


def a_metric(section: Section, key: str, name: str, task: Task) -> str:
    """The name of a metric of the task, or the refusal of another."""
    try:
        metric_for(name, task)
    except SpecError as error:
        raise SpecError(f"{section.file}: {section.path}.{key}: {error.message}", hint=error.hint) from None
    return name


def a_function(section: Section, key: str, name: str) -> str:
    """`module:function`, or the refusal of something else."""
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
        raise section.refuse(key, name, '"module:function", such as "pipeline:train" for the function train in pipeline.py')
    return name


def is_plain(value: object) -> TypeGuard[str | int | float | bool]:
    """Whether this can stand in the spec's digest: a text, true or false, or a number that JSON keeps exactly (RFC 8785)."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str) or (isinstance(value, int) and abs(value) <= _LARGEST_INTEGER)


def shown(value: object) -> str:
    """A found value as TOML would write it, shortened."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def listed(names: Sequence[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
