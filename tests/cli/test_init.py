"""`flyball init` as a user calls it: what it writes, and what it refuses to touch."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from flyball.cli.init import describe
from flyball.core.errors import DataError
from flyball.spec.load import load_spec


def flyball(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-P", "-m", "flyball", *words], cwd=cwd, capture_output=True, text=True, check=False)


def test_an_example_is_written_with_its_data_and_its_spec_can_be_read(tmp_path: Path) -> None:
    done = flyball("init", "--example", "churn", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    code = ["generate.py", "model_tests.py", "pipeline.py"]
    assert sorted(done.stdout.split()) == [".gitignore", "README.md", "data/customers.csv", "flyball.toml", *code, "tests.toml"]
    assert "next: flyball train" in done.stderr
    assert load_spec(tmp_path).model.name == "churn"
    assert len(pd.read_csv(tmp_path / "data" / "customers.csv")) == 12_000


def test_nothing_is_overwritten_and_what_exists_is_listed(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text("mine\n")
    done = flyball("init", "--example", "churn", cwd=tmp_path)
    assert done.returncode == 1
    assert "pipeline.py exists already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.py"]
    assert (tmp_path / "pipeline.py").read_text() == "mine\n"


def test_a_csv_leads_to_a_spec_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rows = pd.DataFrame({"user_id": [1, 2, 3, 4], "age": [20, 30, 40, 50.5], "city": ["a", "b", "a", None], "churned": [0, 1, 0, 1]})
    rows.to_csv(tmp_path / "data" / "users.csv", index=False)
    done = flyball("init", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    spec = load_spec(tmp_path)
    assert (spec.data.source, spec.data.target, spec.data.id, spec.data.features) == (
        "data/users.csv",
        "churned",
        "user_id",
        ("age", "city"),
    )
    again = flyball("init", cwd=tmp_path)
    assert again.returncode == 1
    assert "flyball.toml, pipeline.py exist already" in again.stderr


def test_an_empty_folder_is_told_what_to_do(tmp_path: Path) -> None:
    done = flyball("init", cwd=tmp_path)
    assert done.returncode == 2
    assert "no CSV or Parquet file" in done.stderr
    assert "--example churn" in done.stderr


def test_a_name_makes_a_folder_and_says_what_comes_next(tmp_path: Path) -> None:
    done = flyball("init", "shop", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "shop" / "data").is_dir()
    assert "cd shop && flyball init" in done.stderr


def test_an_unknown_example_is_a_usage_error(tmp_path: Path) -> None:
    done = flyball("init", "--example", "chrn", cwd=tmp_path)
    assert done.returncode == 2
    assert "churn" in done.stderr


def test_times_are_seen_by_their_values_and_their_order(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame(
        {
            "seen": ["2024-01-01T10:00:00Z", "2024-01-02T10:00:00Z"],
            "ended": ["2024-01-01T11:00:00Z", None],
            "code": ["2024", "x"],
            "count": [1, None],
            "flag": [True, False],
        }
    ).to_csv(path, index=False)
    columns = {column.name: column for column in describe(path)}
    assert {name: column.kind for name, column in columns.items()} == {
        "seen": "time",
        "ended": "time",
        "code": "text",
        "count": "integer",
        "flag": "boolean",
    }
    assert columns["ended"].never_before == ("seen",)
    assert columns["seen"].never_before == ()
    assert columns["ended"].missing == 1


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe\x00garbage\x00"])
def test_a_file_without_rows_or_without_sense_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.csv"):
        describe(path)


def test_a_broken_parquet_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="cannot be read"):
        describe(path)
