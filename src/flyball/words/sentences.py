"""Turns reasons into sentences, in English or Chinese: the only place where a code becomes words.

A sentence is a format string. Beside the usual formats two follow the value: `{rows:row|rows}` is the word for one or for another number,
and `{broken:? ({broken} left out)}` is there only if the value is neither 0 nor unknown.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from string import Formatter
from typing import Any, Literal

from flyball.core.reason import Reason, Value

Language = Literal["en", "zh"]

# One catalogue per stage: code → (English, Chinese).
CATALOGUES = (
    "data",
    "training",
    "evaluation",
    "serving",
    "drift",
    "quality",
    "skew",
    "performance",
    "estimated",
    "loop",
    "adopt",
    "alerts",
    "report",
    "review",
    "reference",
    "multivariate",
    "history",
    "replay",
    "experiment",
    "ab",
    "backtest",
    "behaviour",
    "team",
    "dashboard",
    "dashboard_now",
    "dashboard_model",
    "dashboard_model_acts",
    "dashboard_drift",
    "dashboard_performance",
    "dashboard_experiment",
    "dashboard_decisions",
    "dashboard_alerts",
    "dashboard_prediction",
    "dashboard_backtest",
)


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


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
    values = _Values((name, _shown(name, value, language)) for name, value in reason.values.items())
    if templates is None:
        return f"{reason.code} ({', '.join(f'{name}={value}' for name, value in values.items())})" if values else reason.code
    return _FORMATTER.vformat(templates[0 if language == "en" else 1], (), values)


class _Worded(Formatter):
    """Formats that choose words by a number."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("?"):
            return format_spec[1:] if value and not isinstance(value, _Nothing) else ""
        one, several, others = format_spec.partition("|")
        if several:
            return one if value == 1 else others
        return format(value, format_spec)


_FORMATTER = _Worded()


class _Nothing:
    """A value that is not known: any number format prints a dash."""

    def __format__(self, spec: str) -> str:
        return "-"


class _Values(dict[str, object]):
    """Values by name. One that a reason of an older version does not have is not known."""

    def __missing__(self, name: str) -> object:
        return _Nothing()


_IN_CHINESE: Mapping[str, Mapping[object, str]] = {
    "verdict": {"pass": "通过", "fail": "未通过", "undecided": "未定", "not applicable": "不适用"},
    "cause": {"schedule": "定期", "drift": "漂移", "performance": "性能", "manual": "人工", "alert": "外部警报"},
}
"""Values that are words themselves, by the name of the value."""


def _shown(name: str, value: Value, language: Language) -> object:
    if value is None:
        return _Nothing()
    if language == "zh" and name in _IN_CHINESE:
        return _IN_CHINESE[name].get(value, value)
    return spoken_time(value, language) if name == "since" and isinstance(value, str) else value


def spoken_time(text: str, language: Language) -> str:
    """A time as people say it; midnight is the day alone. What is no RFC 3339 time stays as it is.

    >>> spoken_time("2013-04-01T00:00-04:00", "en"), spoken_time("2013-04-01T14:35Z", "en")
    ('1 April 2013', '14:35 on 1 April 2013')
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    clock = "" if (at.hour, at.minute) == (0, 0) else f"{at:%H:%M}"
    if language == "zh":
        return f"{at.year} 年 {at.month} 月 {at.day} 日" + (f" {clock}" if clock else "")
    return (f"{clock} on " if clock else "") + f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
