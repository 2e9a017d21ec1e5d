"""Names and numbers as they are shown."""

import doctest
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.reason import because
from flyball.render.report import svg, text
from flyball.render.report.text import Words, clean


@pytest.mark.parametrize("module", [text, svg])
def test_the_examples_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module


@given(st.text(), st.integers(1, 100))
def test_a_clean_name_is_one_line_of_visible_characters(name: str, limit: int) -> None:
    shown = clean(name, limit)
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
    assert len(shown) <= limit * 10, "an escaped character takes ten places at most"
    shown.encode()  # raises for half a character


@given(st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=80))
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert clean(name) == name


def test_a_reason_is_told_with_clean_names() -> None:
    told = Words("en").tell(because("suppressed.outcomes", found="\x1b[2J", needed="x" * 500))
    assert "\x1b" not in told and "\\x1b[2J" in told and len(told) < 200
