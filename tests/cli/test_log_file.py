"""`flyball log`: predictions made elsewhere, from the files people have."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from flyball.core.window import Window
from flyball.serving.records import LoggedRows
from scored import airport
from served import MODEL, Site
from trained import flyball

ALWAYS = Window(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def made(tmp_path: Path) -> Site:
    made = airport(tmp_path / "project")
    made.deploy(1)
    return made


def rows(count: int = 20) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "flight": [f"f{n}" for n in range(count)],
            "plane": [n % 4 for n in range(count)],
            "leaves": [f"2026-01-01T{n % 24:02d}:00:00Z" for n in range(count)],
            "prediction": [n % 2 for n in range(count)],
            "probability_0": [0.9 if n % 2 == 0 else 0.2 for n in range(count)],
            "probability_1": [0.1 if n % 2 == 0 else 0.8 for n in range(count)],
            "hour": [n % 24 for n in range(count)],
            "temp": [None if n == 3 else n / 2 for n in range(count)],
            "rain": [n % 3 == 0 for n in range(count)],
        }
    )


def logged(made: Site, version: int) -> LoggedRows:
    return made.ports.predictions.rows(MODEL, version, ALWAYS, features=True)


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        lines = [{key: value for key, value in row.items() if value == value} for row in frame.astype({"plane": str}).to_dict("records")]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_rows_are_logged_with_the_names_of_the_spec_and_the_same_file_changes_nothing(made: Site, tmp_path: Path, kind: str) -> None:
    file = write(rows(), tmp_path / f"elsewhere.{kind}")
    said = flyball(made.folder, "log", str(file), "--version", "7", "--json")
    assert said.status == 0, said.out + said.err
    assert said.json == {"accepted": 20, "known": 0, "rejected": []}
    found = logged(made, 7)
    assert sorted(found.entity.tolist()) == sorted(rows()["flight"])
    assert set(found.unit.tolist()) == {"0", "1", "2", "3"}
    assert sorted(zip(found.label.tolist(), found.score.tolist(), strict=True)) == [(0, 0.1)] * 10 + [(1, 0.8)] * 10
    assert found.features is not None and list(found.features.columns) == ["hour", "temp", "rain"]
    assert found.features["temp"].tolist().count(0.0) == 1 and found.features["rain"].dtype == bool
    assert flyball(made.folder, "log", str(file), "--version", "7", "--json").json == {"accepted": 20, "known": 20, "rejected": []}
    assert len(logged(made, 7).at) == 20


def test_outcomes_join_what_was_logged(made: Site, tmp_path: Path) -> None:
    flyball(made.folder, "log", str(write(rows(), tmp_path / "elsewhere.csv")))
    known = tmp_path / "known.csv"
    known.write_text("id,actual,at\nf1,1,2026-01-01T12:00:00Z\nf2,0,2026-01-01T12:00:00Z\n")
    assert flyball(made.folder, "outcomes", str(known), "--json").json["accepted"] == 2
    assert len(logged(made, 1).at) == 20  # the champion's version stands in where none is named


def test_columns_of_other_names_are_mapped_and_a_column_may_hold_the_version(made: Site, tmp_path: Path) -> None:
    frame = rows().drop(columns=["probability_0"]).rename(columns={"prediction": "said", "probability_1": "p", "flight": "key"})
    frame = frame.assign(model_version=[1, 2] * 10, request=[f"r{n}" for n in range(20)])
    pairs = ["prediction=said", "score=p", "id=key", "version=model_version", "prediction_id=request"]
    words = [word for pair in pairs for word in ("--column", pair)]
    said = flyball(made.folder, "log", str(write(frame, tmp_path / "elsewhere.csv")), *words, "--json")
    assert said.json["accepted"] == 20, said.out
    assert len(logged(made, 1).at) == len(logged(made, 2).at) == 10
    found = made.ports.predictions.find("r3")
    assert found is not None and (found[0].entity, found[0].version, found[0].score) == ("f3", 2, 0.8)
    wrong = flyball(made.folder, "log", str(tmp_path / "elsewhere.csv"), "--column", "prediction=sad")
    assert wrong.status == 1 and "no column 'sad'; did you mean 'said'" in wrong.err
    assert flyball(made.folder, "log", str(tmp_path / "elsewhere.csv"), "--column", "predicton=said").status == 2
    assert flyball(made.folder, "log", str(tmp_path / "elsewhere.csv"), "--column", "prediction").status == 2
    nothing = flyball(made.folder, "log", str(tmp_path / "elsewhere.csv"))
    assert nothing.status == 1 and "no column 'prediction'" in nothing.err


def test_bad_rows_are_listed_with_their_number_and_only_all_of_them_fail(made: Site, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.csv"
    file.write_text(
        "prediction,score,hour,temp,rain,version\n"
        "1,0.8,3,1,true,1\n"
        "2,0.8,3,1,true,1\n"
        "1,1.8,3,1,true,1\n"
        "1,0.8,3,hot,true,1\n"
        "1,0.8,3\n"
        "1,0.8,3,1,true,v1\n"
    )
    said = flyball(made.folder, "log", str(file), "--json")
    assert said.status == 0 and said.json["accepted"] == 1
    errors = {one["row"]: one["error"] for one in said.json["rejected"]}
    assert list(errors) == [2, 3, 4, 5, 6]
    assert "the classes are 0, 1" in errors[2] and "from 0 to 1" in errors[3] and "'temp' must be a number" in errors[4]
    assert "has 3 cells, the header 6" in errors[5] and "'version' must be a whole number" in errors[6]
    file.write_text("prediction,hour,temp,rain\n7,3,1,true\n")
    said = flyball(made.folder, "log", str(file))
    assert said.status == 1 and "row 1: 'prediction' cannot be the number 7" in said.err


def test_json_lines_may_be_as_http_takes_them(made: Site, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.jsonl"
    one = {"features": {"hour": 3, "temp": 1.0, "rain": True}, "prediction": 1, "at": "2026-01-01T00:00:00Z", "context": {"shop": "x"}}
    file.write_text(json.dumps(one) + "\n\n{broken\n[]\n")
    said = flyball(made.folder, "log", str(file), "--json")
    assert said.json["accepted"] == 1
    assert [(one["row"], one["error"].split(":")[0]) for one in said.json["rejected"]] == [(3, "is not JSON"), (4, "is not a JSON object")]


def test_rows_without_a_time_belong_to_when_the_file_was_written_or_to_now(made: Site, tmp_path: Path) -> None:
    file = write(rows().drop(columns="leaves"), tmp_path / "elsewhere.csv")
    flyball(made.folder, "log", str(file), "--now", "2026-02-01T00:00:00Z")
    assert set(logged(made, 1).at.tolist()) == {1_769_904_000_000_000}
    flyball(made.folder, "log", str(file))
    flyball(made.folder, "log", str(file))
    assert len(logged(made, 1).at) == 40


def test_a_touched_file_is_known_again_by_time_key_or_now_and_else_is_new(made: Site, tmp_path: Path) -> None:
    def known(frame: pd.DataFrame, *words: str) -> int:
        file = write(frame, tmp_path / "elsewhere.csv")
        found = []
        for seconds in (1_767_225_600, 1_767_229_200):  # as after `touch`
            os.utime(file, (seconds, seconds))
            found.append(flyball(made.folder, "log", str(file), "--json", *words).json["known"])
        assert found[0] == 0
        return int(found[1])

    nameless = rows().drop(columns=["leaves"])
    assert known(rows(), "--version", "3") == 20
    assert known(nameless.assign(prediction_id=[f"key-{n}" for n in range(20)]), "--version", "4") == 20
    assert known(nameless, "--version", "5", "--now", "2026-01-01T00:00:00Z") == 20
    assert known(nameless, "--version", "6") == 0, "documented as logged twice"
    shown = " ".join(flyball(made.folder, "log", "--help").out.split())
    assert "Rows with neither count as made when FILE was written" in shown


def test_a_model_that_is_only_made_elsewhere_needs_its_version_named(tmp_path: Path) -> None:
    made = airport(tmp_path / "project")
    file = write(rows(), tmp_path / "elsewhere.csv")
    said = flyball(made.folder, "log", str(file))
    assert said.status == 1 and "no champion whose version could stand in" in said.err
    said = flyball(made.folder, "log", str(file), "--version", "4", "--column", "score=probability_1", "--json")
    assert said.json["accepted"] == 20, said.out
    other = tmp_path / "elsewhere.txt"
    other.write_text("x")
    assert "none of .csv, .parquet, .jsonl" in flyball(made.folder, "log", str(other)).err


def test_of_two_classes_the_probability_of_the_second_is_enough_and_of_the_first_alone_is_not(made: Site, tmp_path: Path) -> None:
    file = write(rows().drop(columns=["probability_0"]), tmp_path / "second.csv")
    said = flyball(made.folder, "log", str(file), "--version", "5", "--json")
    assert (said.status, said.json["accepted"]) == (0, 20), said.err
    assert sorted(set(logged(made, 5).score.tolist())) == [0.1, 0.8]
    file = write(rows().drop(columns=["probability_1"]), tmp_path / "first.csv")
    said = flyball(made.folder, "log", str(file), "--version", "6")
    assert said.status == 1 and "probability_0 and not probability_1" in said.err
