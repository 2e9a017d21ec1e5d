"""Columns may be called what people call them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.sklearn.convert import convert, native_scores
from flyball.core.schema import Column, Schema
from flyball.core.table import Table


@pytest.mark.parametrize("names", [("Has Car?", "Monthly charge (€)"), ("a b", "a_b"), ("里程", "1st-visit")])
def test_a_model_is_compiled_whatever_its_columns_are_called(names: tuple[str, str]) -> None:
    text, number = names
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({text: generator.choice(["yes", "no"], 300), number: generator.normal(size=300)})
    actual = ((frame[text] == "yes") ^ (frame[number] > 0)).astype(int)
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [text]), ("passthrough", [number])),
        RandomForestClassifier(20, max_depth=4, random_state=0),
    ).fit(frame, actual)
    schema = Schema(
        columns=(
            Column(name=text, kind="category", nullable=False, categories=("no", "yes")),
            Column(name=number, kind="number", nullable=False),
        )
    )
    engine = OnnxEngine(convert(model, schema, "binary", frame.head(20)), schema=schema, task="binary", classes=2, threshold=0.5)
    found = engine.score(Table({text: frame[text].to_numpy(dtype=object), number: frame[number].to_numpy()}))
    assert np.abs(found - native_scores(model, frame, "binary")).max() < 1e-5
