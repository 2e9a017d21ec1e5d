"""The shipped example projects: readable, plain, and learnable."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from flyball.core.errors import RefusedError, UsageError
from flyball.demo.dataset import load_flights
from flyball.demo.project import EXAMPLES, example_files, write_example
from flyball.spec.load import parse_spec


def module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    folder = tmp_path_factory.mktemp("churn")
    write_example("churn", folder)
    yield folder
    sys.dont_write_bytecode = before


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_spec_is_read_and_names_the_data_that_is_made(name: str) -> None:
    spec = parse_spec(example_files(name)["flyball.toml"], folder=Path())
    assert spec.data.source == EXAMPLES[name]


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_users_code_contains_nothing_of_ours(name: str) -> None:
    for file, text in example_files(name).items():
        if file.endswith(".py"):
            imported = {
                alias.name if isinstance(node, ast.Import) else (node.module or "")
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            }
            assert not {module for module in imported if module.startswith("flyball")}


def test_every_feature_of_the_churn_spec_exists_after_prepare(churn: Path) -> None:
    spec = parse_spec((churn / "flyball.toml").read_text(), folder=churn)
    frame = module_of(churn / "pipeline.py").prepare(pd.read_csv(churn / spec.data.source))
    assert set(spec.data.features or ()) <= set(frame.columns)
    assert {spec.data.id, spec.data.time, spec.data.outcome_time, spec.data.target} <= set(frame.columns)


def test_every_feature_of_the_flights_spec_exists_after_prepare(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(example_files("flights")["pipeline.py"])
    spec = parse_spec(example_files("flights")["flyball.toml"], folder=tmp_path)
    frame = module_of(tmp_path / "pipeline.py").prepare(load_flights().head(1000))
    assert set(spec.data.features or ()) <= set(frame.columns)
    late_evening = frame[frame["sched_dep_time"] == 1805].iloc[0]
    assert (late_evening["hour"], late_evening["minute"]) == (18, 5)


def test_churn_can_be_learnt(churn: Path) -> None:
    spec = parse_spec((churn / "flyball.toml").read_text(), folder=churn)
    pipeline = module_of(churn / "pipeline.py")
    frame = pipeline.prepare(pd.read_csv(churn / spec.data.source))
    features = list(spec.data.features or ())
    model = pipeline.train(frame[features].head(9000), frame["churned"].head(9000), n_estimators=30)
    held_out = frame.tail(2000)
    assert roc_auc_score(held_out["churned"], model.predict_proba(held_out[features])[:, 1]) > 0.7


def test_the_same_seed_invents_the_same_customers(churn: Path) -> None:
    generate = module_of(churn / "generate.py")
    pd.testing.assert_frame_equal(generate.customers(500, seed=3), generate.customers(500, seed=3))
    assert not generate.customers(500, seed=3).equals(generate.customers(500, seed=4))
    assert 0.04 < generate.customers()["payment_method"].isna().mean() < 0.08


def test_the_price_increase_changes_nothing_before_its_day_and_much_after(churn: Path) -> None:
    generate = module_of(churn / "generate.py")
    calm, drifted = generate.customers(), generate.customers(drift="price-increase", since="2024-07-01")
    before = calm["observed_at"] < "2024-07-01"
    pd.testing.assert_frame_equal(calm[before], drifted[before])
    ratio = drifted["monthly_charges"][~before] / calm["monthly_charges"][~before]
    assert np.allclose(ratio, 1.2, atol=0.01)
    assert drifted["churned"][~before].mean() > calm["churned"][~before].mean() + 0.03


def test_an_example_is_never_written_over_another_file(churn: Path) -> None:
    with pytest.raises(RefusedError, match="exist already"):
        write_example("churn", churn)
    with pytest.raises(UsageError, match="did you mean 'churn'"):
        write_example("chrun", churn)
