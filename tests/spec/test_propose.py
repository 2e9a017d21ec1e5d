"""What is guessed from columns, and that the guesses are a spec that can be read."""

import ast
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.spec.load import parse_spec
from flyball.spec.propose import ColumnSeen, Kind, Proposal, propose


def seen(
    name: str, kind: Kind = "number", *, distinct: int = 500, rows: int = 1000, missing: int = 0, never_before: tuple[str, ...] = ()
) -> ColumnSeen:
    return ColumnSeen(name=name, kind=kind, rows=rows, distinct=distinct, missing=missing, never_before=never_before)


SHOP = [
    seen("order_id", "integer", distinct=1000),
    seen("customer_id", "text", distinct=300),
    seen("ordered_at", "time", distinct=990),
    seen("returned_at", "time", distinct=200, missing=700, never_before=("ordered_at",)),
    seen("amount"),
    seen("country", "text", distinct=12, missing=4),
    seen("gift", "boolean", distinct=2),
    seen("comment", "text", distinct=900),
    seen("currency", "text", distinct=1),
    seen("label", "integer", distinct=2),
]


def propose_shop() -> Proposal:
    return propose("shop", "data/orders.csv", SHOP, others=["data/old.csv"])


def test_roles_are_guessed_from_names_kinds_and_repeats() -> None:
    data = tomllib.loads(propose_shop().toml)["data"]
    roles = {role: data.get(role) for role in ("target", "id", "unit", "time", "outcome_time")}
    assert roles == {"target": "label", "id": "order_id", "unit": "customer_id", "time": "ordered_at", "outcome_time": "returned_at"}
    assert data["features"] == ["amount", "country", "gift"]


def test_what_was_left_out_is_said_with_its_reason() -> None:
    text = propose_shop().toml
    assert '# "comment" was left out: text with 900 different values' in text
    assert '# "currency" was left out: it has one value only' in text
    assert "data/old.csv" in text


def test_every_guess_is_told_in_a_note_and_a_comment() -> None:
    proposal = propose_shop()
    assert [note.split(":")[0] for note in proposal.notes] == [
        "target 'label'",
        "task 'binary'",
        "id 'order_id'",
        "unit 'customer_id'",
        "time 'ordered_at'",
        "outcome_time 'returned_at'",
        "left out 'comment'",
        "left out 'currency'",
    ]
    assert "# its name says so" in proposal.toml


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (seen("target", "text", distinct=2), "binary"),
        (seen("target", "text", distinct=5), "multiclass"),
        (seen("target", "integer", distinct=7), "multiclass"),
        (seen("target", "integer", distinct=700), "regression"),
        (seen("target", "number", distinct=400), "regression"),
    ],
)
def test_the_task_follows_from_the_values_of_the_target(target: ColumnSeen, task: str) -> None:
    proposal = propose("x", "x.csv", [seen("a"), target])
    assert tomllib.loads(proposal.toml)["model"]["task"] == task
    assert ("RandomForestRegressor" in proposal.pipeline) == (task == "regression")


def test_without_a_telling_name_the_last_column_is_the_target_and_asks_to_be_corrected() -> None:
    proposal = propose("x", "x.csv", [seen("a"), seen("b"), seen("row_id", "integer", distinct=1000)])
    assert tomllib.loads(proposal.toml)["data"]["target"] == "b"
    assert "correct it" in proposal.toml


def test_columns_without_time_are_split_by_rows() -> None:
    proposal = propose("x", "x.csv", [seen("a"), seen("y", "integer", distinct=2)])
    assert tomllib.loads(proposal.toml)["evaluate"]["split"]["by"] == "rows"


def test_the_training_function_handles_categories_gaps_and_flags_apart() -> None:
    columns = [seen("a", missing=3), seen("c", "text", distinct=4), seen("f", "boolean", distinct=2), seen("y", "integer", distinct=2)]
    pipeline = propose("x", "x.csv", columns).pipeline
    assert 'CATEGORIES = ["c"]' in pipeline
    assert "SimpleImputer" in pipeline
    assert 'FLAGS = ["f"]' in pipeline
    assert "sample_weight=None" in pipeline and "randomforestclassifier__sample_weight=sample_weight" in pipeline
    assert "flyball" not in pipeline.replace("flyball.toml", "")


NAMES = st.text(min_size=1, max_size=12).filter(lambda name: name.isprintable() and name.strip() != "")
ODD_NAMES = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name.strip() != "")
COLUMNS = st.lists(
    st.builds(
        seen,
        ODD_NAMES | st.sampled_from(["id", "y", "user_id", "time", "known_at"]),
        st.sampled_from(["text", "number", "integer", "boolean", "time"]),
        distinct=st.integers(2, 1000),
        missing=st.integers(0, 500),
    ),
    min_size=2,
    max_size=12,
    unique_by=lambda column: column.name,
)


@given(NAMES, ODD_NAMES, COLUMNS)
def test_any_columns_give_toml_and_python_that_can_be_read(name: str, source: str, columns: list[ColumnSeen]) -> None:
    proposal = propose(name, source, columns, others=[source])
    document = tomllib.loads(proposal.toml)
    ast.parse(proposal.pipeline)
    if document["data"]["features"]:
        spec = parse_spec(proposal.toml, folder=Path())
        assert spec.data.source == source
        assert set(spec.data.features or ()) <= {column.name for column in columns}
