"""The spec proposed around an adopted model is sound whatever the model's columns are called."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flyball.core.schema import Column, Schema
from flyball.spec.adopted import Around, propose_around
from flyball.spec.load import parse_spec

NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1, max_size=6, unique=True)


def around(names: list[str], **changes: str) -> Around:
    given = {"data": "", "target": "", "source": "models:/m@live", "note": "here", **changes}
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in names))
    return Around(name="m", task="binary", schema=schema, classes=("no\n", '"yes"'), made="2026-01-01", **given)


@given(NAMES)
def test_it_is_always_a_sound_spec_with_the_columns_in_their_order(names: list[str]) -> None:
    spec = parse_spec(propose_around(around(names)), folder=Path())
    assert spec.data.features == tuple(names)
    assert spec.data.target not in names
    assert spec.retrain.on == ()


def test_what_was_named_is_not_left_to_be_completed() -> None:
    text = propose_around(around(["age"], data="rows.csv", target="left", note="in the\nstore"))
    spec = parse_spec(text, folder=Path())
    assert (spec.data.source, spec.data.target) == ("rows.csv", "left")
    assert text.count("complete: ") == 2 and "in the store" in text
