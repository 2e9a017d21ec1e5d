"""Where in a model the texts of one column become numbers, and what becomes of those."""

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from flyball.adapters.child.embed import DIRECTIONS, WIDE, embedding
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.convert import unwrapped
from flyball.core.table import Table

ROWS = 120
TARGET = np.arange(ROWS) % 2


def _table() -> Table:
    chance = np.random.default_rng(0)
    note, plan = np.empty(ROWS, dtype=object), np.empty(ROWS, dtype=object)
    note[:] = [" ".join(f"word{number}" for number in chance.integers(0, 90, 8)) for _ in range(ROWS)]
    plan[:] = list(chance.choice(["a", "b"], ROWS))
    return Table({"x": chance.normal(size=ROWS), "note": note, "plan": plan})


TABLE = _table()
SELECT = FunctionTransformer(lambda frame: frame["note"])
SHOUTED = FunctionTransformer(lambda frame: frame["note"].str.upper().to_numpy())


def _wide(frame: Any) -> Any:
    """A model of sentences, as far as a test needs one: dense and wide."""
    chance = np.random.default_rng(1).normal(size=(90, WIDE + 44))
    return np.stack([chance[[int(word[4:]) for word in text.split()]].sum(axis=0) for text in frame.iloc[:, 0]])


def _then(*steps: Any) -> Any:
    return make_pipeline(*steps, LogisticRegression())


@pytest.mark.parametrize(
    ("model", "by", "wide"),
    [
        (_then(make_column_transformer((TfidfVectorizer(), "note"), ("passthrough", ["x"]))), "TfidfVectorizer", DIRECTIONS),
        (_then(ColumnTransformer([("t", CountVectorizer(), 1), ("o", OneHotEncoder(), [2])])), "CountVectorizer", DIRECTIONS),
        (
            _then(make_column_transformer((make_pipeline(TfidfVectorizer(), TruncatedSVD(5)), "note"), (OneHotEncoder(), ["plan"]))),
            "TfidfVectorizer → TruncatedSVD",
            5,
        ),
        (
            _then(make_column_transformer((TfidfVectorizer(), "note"), (HashingVectorizer(analyzer="char"), "note"))),
            "TfidfVectorizer + HashingVectorizer",
            DIRECTIONS,
        ),
        (_then(FeatureUnion([("t", make_pipeline(SELECT, TfidfVectorizer()))])), "TfidfVectorizer", DIRECTIONS),
        (_then(SELECT, HashingVectorizer(), TruncatedSVD(7)), "HashingVectorizer → TruncatedSVD", 7),
        (_then(make_column_transformer((FunctionTransformer(_wide), ["note"]))), "FunctionTransformer", DIRECTIONS),
        (
            _then(ColumnTransformer([("part", ColumnTransformer([("t", TfidfVectorizer(), "note")]), ["note", "plan"])])),
            "TfidfVectorizer",
            DIRECTIONS,
        ),
        (
            GridSearchCV(_then(make_column_transformer((TfidfVectorizer(), "note"))), {"logisticregression__C": [1.0]}, cv=2),
            "TfidfVectorizer",
            DIRECTIONS,
        ),
        (CalibratedClassifierCV(_then(make_column_transformer((TfidfVectorizer(), "note"))), cv=2), "TfidfVectorizer", DIRECTIONS),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_steps_that_read_the_texts_of_a_column_alone_are_found(model: Any, by: str, wide: int) -> None:
    fitted = unwrapped(model.fit(to_frame(TABLE, TABLE.columns), TARGET))
    found = embedding(fitted, TABLE, "note", any_step=True)
    assert found is not None and found[0] == by
    assert found[1].shape == (ROWS, wide) and np.isfinite(found[1]).all() and found[1].std() > 0.0


@pytest.mark.parametrize(
    "model",
    [
        _then(make_column_transformer((OneHotEncoder(), ["note", "plan"]))),  # two columns in one step
        _then(make_column_transformer(("passthrough", ["x"]), remainder="drop")),
        _then(SHOUTED, TfidfVectorizer()),  # texts of nobody knows which column
    ],
    ids=["two columns", "unread", "unknown"],
)
def test_texts_that_no_step_reads_alone_have_no_vectors(model: Pipeline) -> None:
    model.fit(to_frame(TABLE, TABLE.columns), TARGET)
    assert embedding(model, TABLE, "note", any_step=True) is None


def test_codes_of_a_category_are_no_vectors_of_a_text_unless_any_step_counts() -> None:
    model = _then(make_column_transformer((OneHotEncoder(), ["plan"]))).fit(to_frame(TABLE, TABLE.columns), TARGET)
    assert embedding(model, TABLE, "plan", any_step=False) is None
    assert embedding(model, TABLE, "plan", any_step=True) is not None


def test_rows_without_a_text_have_no_vector_and_the_same_rows_the_same_ones() -> None:
    model = _then(make_column_transformer((TfidfVectorizer(), "note"))).fit(to_frame(TABLE, TABLE.columns), TARGET)
    holed = TABLE["note"].copy()
    holed[[3, 50]] = None, ""
    first, again = (embedding(model, TABLE.with_columns({"note": holed}), "note", any_step=True) for _ in range(2))
    assert first is not None and again is not None
    assert np.flatnonzero(np.isnan(first[1]).all(axis=1)).tolist() == [3, 50]
    assert np.array_equal(first[1], again[1], equal_nan=True)
    nothing = np.full(ROWS, None, dtype=object)
    assert embedding(model, TABLE.with_columns({"note": nothing}), "note", any_step=True) is None


def test_texts_of_which_the_model_knows_no_word_are_all_at_one_place() -> None:
    model = _then(make_column_transformer((TfidfVectorizer(), "note"))).fit(to_frame(TABLE, TABLE.columns), TARGET)
    strange = np.full(ROWS, "quite another language", dtype=object)
    found = embedding(model, TABLE.with_columns({"note": strange}), "note", any_step=True)
    assert found is not None and not found[1].any()
