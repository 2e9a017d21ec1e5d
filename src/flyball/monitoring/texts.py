"""Free texts without a model: which columns hold them, and what can be said of a text in a few numbers."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Array
from flyball.data.category import text_of
from flyball.data.profile import ColumnReference

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

# What is known of a text without a model. Lengths are logarithms, the rest are shares of its words or characters.
FACTS = ("length", "words", "unknown words", "capitals", "digits", "signs", "other scripts")
# Of a long text so many characters are looked at; its length is that of the whole.
_LOOKED_AT = 1_000
# Scripts without spaces count each character as a word.
_WORD = re.compile("[\u2e80-\uffff]|[^\\W\u2e80-\uffff]+")
_PLANE = 65_536
_LATIN = 0x250
_CAPITAL, _LETTER, _DIGIT, _SIGN, _SPACE, _OTHER = range(6)
# Fewer different texts than this are categories, however many words they have.
_FEW = 20


def mostly_unique(column: ColumnReference) -> bool:
    """Whether most values of a category were seen once, or too rarely to be known by name: texts, and nothing to count."""
    there = column.rows - column.missing
    return column.kind == "category" and there > 0 and column.counts[-2] + column.once > 0.5 * there


def may_be_texts(values: Array) -> bool:
    """Whether the values look like texts although they repeat: many different ones, most of several words."""
    texts = [text for text in map(text_of, values.tolist()) if text is not None]
    return len(set(texts)) > _FEW and sum(len(text.split()) > 1 for text in texts) > 0.5 * len(texts)


def facts(before: Array, now: Array, day: Codes) -> tuple[Floats, Floats]:
    """A row of `FACTS` for each text then and now, NaN where there is none. `day`: of the rows before.

    A word is known if the training has it on another day: words of the same day are known to each other by being of that day.
    """
    words = [[_words(value) for value in side.tolist()] for side in (before, now)]
    days_of: dict[str, int] = {}
    for number in np.unique(day).tolist():
        fresh = {word for at in np.flatnonzero(day == number).tolist() for word in words[0][at]}
        for word in fresh:
            days_of[word] = days_of.get(word, 0) + 1
    own = [_rows(values, said, days_of, least) for values, said, least in ((before, words[0], 2), (now, words[1], 1))]
    return own[0], own[1]


def _words(value: object) -> list[str]:
    text = text_of(value)
    return [] if text is None else _WORD.findall(text[:_LOOKED_AT].lower())


def _rows(values: Array, words: Sequence[Sequence[str]], days_of: Mapping[str, int], least: int) -> Floats:
    rows = np.full((len(values), len(FACTS)), np.nan)
    for at, (value, said) in enumerate(zip(values.tolist(), words, strict=True)):
        text = text_of(value)
        if text is None:
            continue
        kinds, foreign = _characters(text[:_LOOKED_AT])
        unknown = sum(count for word, count in Counter(said).items() if days_of.get(word, 0) < least)
        letters = kinds[_CAPITAL] + kinds[_LETTER]
        shares = (unknown / max(len(said), 1), kinds[_CAPITAL] / letters if letters else 0.0, kinds[_DIGIT], kinds[_SIGN], foreign)
        rows[at] = (np.log1p(len(text)), np.log1p(len(said)), *shares)
    return rows


def _characters(text: str) -> tuple[Floats, float]:
    """Shares of the kinds of characters, and of letters outside the Latin alphabets."""
    codes = np.minimum(np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32), _PLANE - 1)
    kinds = _kinds()[codes]
    foreign = (codes >= _LATIN) & (kinds <= _LETTER)
    return np.bincount(kinds, minlength=6) / len(codes), float(foreign.mean())


@lru_cache(maxsize=1)
def _kinds() -> NDArray[np.int64]:
    """The kind of each character of the first plane of Unicode; all others count as one of its last."""
    first = {"L": _LETTER, "M": _LETTER, "N": _DIGIT, "P": _SIGN, "S": _SIGN, "Z": _SPACE, "C": _OTHER}
    names = [unicodedata.category(chr(code)) for code in range(_PLANE)]
    return np.array([_CAPITAL if name in ("Lu", "Lt") else _SPACE if name == "Cc" else first[name[0]] for name in names], dtype=np.int64)
