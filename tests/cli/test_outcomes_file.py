"""Outcomes from files as people have them: empty cells, numbers for names."""

import json
from pathlib import Path

import pandas as pd
import pytest

from flyball.settings import read_settings
from flyball.stores import open_stores
from flyball.testing.samples import NOON, predictions
from projects import SPEC
from trained import flyball

NOW = "2024-05-02T00:00:00Z"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flyball.toml").write_text(SPEC)
    stores = open_stores(read_settings(tmp_path, {}))
    stores.predictions.add(predictions(["p1", "p2", "p3", "p4"], at=NOON, entity=["12", "0013", None, "x"], unit=[None, None, "14", None]))
    return tmp_path


def test_whole_numbers_and_gaps_among_names_still_name_their_predictions(project: Path) -> None:
    file = project / "known.csv"
    file.write_text("id,unit,actual,at\n12,,1,2024-05-01T13:00:00Z\n0013,,0,2024-05-01T13:00:00Z\n,14,1,2024-05-01T13:00:00Z\n,,1,\n")
    said = flyball(project, "outcomes", str(file), "--json", "--now", NOW)
    assert said.status == 0, said.err
    assert json.loads(said.out)["accepted"] == 3
    assert [one["error"] for one in said.json["rejected"]] == ["an outcome needs a prediction_id, an id or a unit"]


def test_numbers_with_gaps_in_a_parquet_file_are_names_without_a_point(project: Path) -> None:
    file = project / "known.parquet"
    pd.DataFrame({"id": [12, None], "unit": [None, 14], "actual": [1, 0]}).to_parquet(file)
    assert flyball(project, "outcomes", str(file), "--json", "--now", NOW).json["accepted"] == 2


def test_an_empty_time_means_now_and_an_empty_outcome_is_not_taken(project: Path) -> None:
    file = project / "known.csv"
    file.write_text("id,actual,at\n12,1,\nx,,2024-05-01T13:00:00Z\n0013,0,2024-05-01T13:00:00Z\n")
    said = flyball(project, "outcomes", str(file), "--json", "--now", NOW)
    assert said.status == 0, said.err
    assert said.json["accepted"] == 2
    assert [one["prediction_id"] for one in said.json["rejected"]] == ["x"]
    found = open_stores(read_settings(project, {})).predictions.find("p1")
    assert found is not None and found[1] is not None
    assert found[1].at.isoformat() == "2024-05-02T00:00:00+00:00"


def test_what_outcomes_were_worth_is_a_column_that_may_have_gaps(project: Path) -> None:
    file = project / "known.csv"
    file.write_text("prediction_id,actual,value,at\np1,1,12.5,2024-05-01T13:00:00Z\np2,0,,2024-05-01T13:00:00Z\np3,1,-3,\n")
    assert flyball(project, "outcomes", str(file), "--json", "--now", NOW).json == {"accepted": 3, "rejected": []}
    log = open_stores(read_settings(project, {})).predictions
    kept = [found[1].value for name in ("p1", "p2", "p3") if (found := log.find(name)) is not None and found[1] is not None]
    assert kept == [12.5, None, -3.0]


@pytest.mark.parametrize("worth", ["inf", "a lot", "true"])
def test_a_worth_that_is_no_number_is_named_with_its_row_and_nothing_of_the_file_is_taken(project: Path, worth: str) -> None:
    file = project / "known.csv"
    file.write_text(f"prediction_id,actual,value,at\np1,1,12.5,2024-05-01T13:00:00Z\np2,0,{worth},2024-05-01T13:00:00Z\n")
    said = flyball(project, "outcomes", str(file), "--json", "--now", NOW)
    assert said.status == 1
    assert "known.csv: column value has" in said.err and "in row" in said.err and "not a finite number" in said.err
    found = open_stores(read_settings(project, {})).predictions.find("p1")
    assert found is not None and found[1] is None
