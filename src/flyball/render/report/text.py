"""Words and numbers of a report as they can be shown anywhere: names made harmless and short, times with their zone, counts with commas."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flyball.core.reason import Reason, Value
from flyball.words.sentences import Language, sentence

# Category → shown as its number: control characters, characters that turn the direction of what follows, halves of characters.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# More marks than this on one letter reach into the lines above and below.
_MARKS = 2
# Values that are sentences of somebody, not names.
_MESSAGES = frozenset({"message", "error", "reason", "metrics"})
_LONG = 400


def clean(text: str, limit: int = 80) -> str:
    """A text from the data as one visible line of at most `limit` characters: nothing in it moves a cursor, turns a line or hides.

    >>> clean("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    shown: list[str] = []
    marks = length = 0
    for letter in text:
        if length >= limit:
            shown[-1:] = ["…"]
            break
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks > _MARKS:
            continue
        shown.append(_escaped(letter) if kind in _UNSEEN else letter)
        length += 1
    return "".join(shown)


def cleaned(reason: Reason) -> Reason:
    """A reason whose texts, most of them from the data, are clean."""
    values: Mapping[str, Value] = {
        name: clean(value, _LONG if name in _MESSAGES else 80) if isinstance(value, str) else value for name, value in reason.values.items()
    }
    return Reason(code=reason.code, values=values)


class Words:
    """The sentences of the report in one language: `words("rows", rows=5)` is the sentence `report.rows`."""

    __slots__ = ("language",)

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, code: str, **values: Value) -> str:
        """A text of the report."""
        return sentence(Reason(code=f"report.{code}", values=values), self.language)

    def pair(self, name: str, text: str) -> str:
        """A name and what is said of it."""
        return f"{name}：{text}" if self.language == "zh" else f"{name}: {text}"

    def tell(self, reason: Reason) -> str:
        """Any reason, with clean names in it."""
        return sentence(cleaned(reason), self.language)


def when(at: datetime) -> str:
    """A time to the minute, with its zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def day(at: datetime) -> str:
    """A day of a year that is told elsewhere."""
    return f"{at.astimezone(UTC):%m-%d}"


def whole(number: int) -> str:
    """A count.

    >>> whole(1234567)
    '1,234,567'
    """
    return f"{number:,}"


def short(number: float) -> str:
    """A number in few characters, for axes.

    >>> short(0.5), short(1200000.0), short(1e-9), short(25.0), short(2500.0)
    ('0.5', '1.2M', '1e-09', '25', '2500')
    """
    if 1e3 <= abs(number) < 1e4:
        return f"{number:.0f}"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(number) < 1e12:
            return f"{number / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{number:.3g}"


def percent(share: float) -> str:
    """A share, with as many digits as small ones need.

    >>> percent(0.0), percent(0.5), percent(0.0123), percent(0.00004)
    ('0 %', '50 %', '1.2 %', '0.004 %')
    """
    number = share * 100
    if number == 0:
        return "0 %"
    return f"{number:.0f} %" if number >= 10 else f"{number:.1f} %" if number >= 0.1 else f"{number:.1g} %"


def lasting(seconds: float | None) -> str:
    """A span of time, roughly.

    >>> lasting(None), lasting(42.0), lasting(5400.0), lasting(200000.0), lasting(1e7)
    ('-', '42 s', '1.5 h', '2.3 d', '116 d')
    """
    if seconds is None:
        return "-"
    span = timedelta(seconds=seconds)
    for size, unit in ((timedelta(days=2), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if span >= size:
            one = timedelta(days=1) if unit == "d" else size
            number = span / one
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"
    return f"{seconds:.2g} s"


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
