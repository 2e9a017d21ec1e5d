"""Batch scoring: the same answers as the server's, whatever the parts, logged once whatever happens in between."""

import json
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import scored
from flyball.core.errors import ConflictError, DataError, RefusedError
from flyball.core.schema import Column, Schema
from flyball.core.window import Window
from flyball.loop.batch.batch import run_batch
from flyball.serving.records import Outcome
from flyball.serving.traffic import variant_of
from scored import airport, flights, order, score
from served import MODEL, NUMBERS, Site, linear

ALWAYS = Window(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def made(tmp_path: Path) -> Site:
    made = airport(tmp_path / "project")
    made.deploy(1)
    return made


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, row_group_size=700, index=False)
    return path


def expected(frame: pd.DataFrame, version: int = 1) -> np.ndarray:
    z = 0.01 * frame["hour"] + 0.5 * version * frame["temp"].fillna(0) + frame["rain"] - 1.0
    return np.asarray(1 / (1 + np.exp(-z)))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("out", ["csv", "parquet"])
def test_every_row_comes_back_in_order_with_its_answer(made: Site, tmp_path: Path, kind: str, out: str) -> None:
    frame = flights(1_500)
    report = score(made.folder, write(frame, tmp_path / f"in.{kind}"), tmp_path / f"out.{out}", scores=True)
    assert (report.rows, report.answered, report.skipped, report.versions) == (1_500, 1_500, 0, {"1/champion": 1_500})
    assert report.parts > 5
    found = pd.read_csv(tmp_path / "out.csv") if out == "csv" else pd.read_parquet(tmp_path / "out.parquet")
    answers = ["prediction", "confidence", "probability_0", "probability_1", "version", "variant", "prediction_id"]
    assert list(found.columns) == [*frame.columns, *answers]
    assert found["flight"].tolist() == frame["flight"].tolist()
    assert np.allclose(found["temp"], frame["temp"], equal_nan=True)
    assert found["hour"].tolist() == frame["hour"].tolist()
    assert np.allclose(found["probability_1"], expected(frame), atol=1e-6)
    clear = np.abs(expected(frame) - 0.5) > 1e-5  # a tie may round to either side in float32
    assert (found["prediction"] == (expected(frame) >= 0.5))[clear].all()
    assert np.allclose(found["confidence"], np.maximum(found["probability_0"], found["probability_1"]))
    assert found["prediction_id"].nunique() == 1_500
    assert not (tmp_path / f"out.{out}.parts").exists()


def test_a_csv_with_all_columns_kept_gives_its_lines_back_as_they_were(made: Site, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"flight,hour,temp,rain,note\r\nf1,3,1.50,True,a b\r\nf2,04,,false,NA\r\nf3,5,1e0,TRUE,")
    score(made.folder, source, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.rsplit(",", 5)[0] for line in lines[1:]] == ["f1,3,1.50,True,a b", "f2,04,,false,NA", "f3,5,1e0,TRUE,"]


def test_quotation_marks_line_ends_inside_cells_and_blank_lines_are_read_as_csv_means_them(made: Site, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    cells = [f'"say ""{n}"",\nthen"' if n % 3 else f"plain {n}" for n in range(400)]
    text = "note,hour,temp,rain\n" + "".join(f"{cell},{n % 24},0.5,true\n" + "\n" * (n % 7 == 0) for n, cell in enumerate(cells))
    source.write_text(text)
    report = score(made.folder, source, tmp_path / "out.csv", size=500)
    assert report.rows == 400 and report.parts > 10
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["note"].tolist() == pd.read_csv(source)["note"].tolist()
    kept = score(made.folder, source, tmp_path / "kept.csv", size=500, keep=("hour", "note"))
    assert kept.rows == 400
    assert pd.read_csv(tmp_path / "kept.csv")["note"].tolist() == found["note"].tolist()
    assert list(pd.read_csv(tmp_path / "kept.csv").columns[:3]) == ["hour", "note", "prediction"]


def test_units_are_split_between_champion_and_challenger_as_the_server_splits_them(made: Site, tmp_path: Path) -> None:
    deployment = made.deploy(1, challenger=2, share=0.3)
    frame = flights(1_000)
    report = score(made.folder, write(frame, tmp_path / "in.csv"), tmp_path / "out.csv", scores=True)
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["variant"].tolist() == [variant_of(deployment, unit, "") for unit in frame["plane"]]
    assert found["version"].tolist() == [2 if variant == "challenger" else 1 for variant in found["variant"]]
    assert np.allclose(found["probability_1"], np.where(found["version"] == 2, expected(frame, 2), expected(frame, 1)), atol=1e-6)
    assert sum(report.versions.values()) == 1_000 and report.versions["2/challenger"] == (found["version"] == 2).sum() > 0


def test_without_units_each_row_is_assigned_for_itself(made: Site, tmp_path: Path) -> None:
    deployment = made.deploy(1, challenger=2, share=0.3)
    score(made.folder, write(flights(300).drop(columns="plane"), tmp_path / "in.csv"), tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["variant"].tolist() == [variant_of(deployment, None, name) for name in found["prediction_id"]]


def test_predictions_are_logged_with_features_time_unit_and_id_and_take_outcomes(made: Site, tmp_path: Path) -> None:
    made.deploy(1, shadow=(3,))
    frame = flights(700)
    report = score(made.folder, write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    assert (report.logged, report.shadows) == (700, {"3": 700})
    log = made.ports.predictions
    assert log.ingest() == 1_400
    rows = log.rows(MODEL, 1, ALWAYS, features=True)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert rows.prediction_id.tolist() == found["prediction_id"].tolist()
    assert rows.unit.tolist() == frame["plane"].tolist() and rows.entity.tolist() == frame["flight"].tolist()
    assert rows.at.tolist() == frame["leaves"].str.rstrip("Z").to_numpy(dtype="datetime64[us]").astype(int).tolist()
    assert rows.features is not None
    assert rows.features["hour"].tolist() == frame["hour"].tolist() and rows.features["rain"].tolist() == frame["rain"].tolist()
    assert np.allclose(rows.features["temp"], frame["temp"], equal_nan=True)
    shadow = log.rows(MODEL, 3, ALWAYS)
    assert shadow.prediction_id.tolist() == rows.prediction_id.tolist()
    assert np.allclose(shadow.score, expected(frame, 3), atol=1e-6)
    one = log.find(found["prediction_id"][0])
    assert one is not None
    assert one[0].features == {
        "hour": int(frame["hour"][0]),
        "temp": pytest.approx(frame["temp"][0], nan_ok=True),
        "rain": bool(frame["rain"][0]),
    }
    told = [Outcome(actual=1, at=datetime(2026, 1, 1, 20, tzinfo=UTC), entity=f"f{n}") for n in range(10)]
    assert made.ports.outcomes.take(MODEL, told, within=made.settings().matures).accepted == 10


def test_nothing_is_logged_when_nothing_shall_be(made: Site, tmp_path: Path) -> None:
    assert score(made.folder, write(flights(50), tmp_path / "in.csv"), tmp_path / "out.csv", logged=False).logged == 0
    assert made.ports.predictions.ingest() == 0


def test_the_same_rows_again_are_the_same_predictions(made: Site, tmp_path: Path) -> None:
    source = write(flights(200), tmp_path / "in.csv")
    score(made.folder, source, tmp_path / "one.csv")
    score(made.folder, source, tmp_path / "two.csv")
    assert made.ports.predictions.ingest() == 200
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    made.deploy(2)
    score(made.folder, source, tmp_path / "three.csv")
    assert made.ports.predictions.ingest() == 200


def test_rows_without_a_time_belong_to_the_time_the_job_began(made: Site, tmp_path: Path) -> None:
    source = write(flights(50).drop(columns="leaves"), tmp_path / "in.csv")
    score(made.folder, source, tmp_path / "one.csv", started_at=1_700_000_000_000_000)
    score(made.folder, source, tmp_path / "two.csv", started_at=1_700_000_000_000_000)
    assert made.ports.predictions.ingest() == 50
    score(made.folder, source, tmp_path / "three.csv", started_at=1_700_086_400_000_000)
    assert made.ports.predictions.ingest() == 50
    assert set(made.ports.predictions.rows(MODEL, 1, ALWAYS).at.tolist()) == {1_700_000_000_000_000, 1_700_086_400_000_000}


@pytest.mark.parametrize(
    ("line", "column", "error"),
    [
        ("x,p,2026-01-01T00:00:00Z,3,abc,true", "temp", "must be a number, not 'abc'"),
        ("x,p,2026-01-01T00:00:00Z,3.5,1,true", "hour", "must be an integer, not 3.5"),
        ("x,p,2026-01-01T00:00:00Z,,1,true", "hour", "is empty, but it was never missing in training"),
        ("x,p,2026-01-01T00:00:00Z,3,1e39,true", "temp", "is too large"),
        ("x,p,2026-01-01T00:00:00Z,3,inf,true", "temp", "is too large"),
        ("x,p,2026-01-01T00:00:00Z,3,1,maybe", "rain", "must be true or false, not 'maybe'"),
        ("x,p,yesterday,3,1,true", "leaves", "must be a time, not 'yesterday'"),
        ("x,p,,3,1,true", "leaves", "the row has no time"),
        ("x,p,2026-01-01T00:00:00Z,3,1", "", "has 5 cells, the header 6"),
    ],
)
def test_a_bad_row_is_named_with_file_row_and_column(made: Site, tmp_path: Path, line: str, column: str, error: str) -> None:
    frame = flights(300)
    source = write(frame, tmp_path / "in.csv")
    lines = source.read_text().splitlines()
    lines.insert(251, line)  # behind the header and 250 rows
    source.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as refused:
        score(made.folder, source, tmp_path / "out.csv")
    where = "in.csv, row 251" + (f", column '{column}'" if column else "")
    assert refused.value.message.startswith(where) and error in refused.value.message
    assert not (tmp_path / "out.csv").exists()
    report = score(made.folder, source, tmp_path / "out.csv", skip=True)
    assert (report.rows, report.answered, report.skipped) == (301, 300, 1)
    skipped = pd.read_csv(tmp_path / "out.csv.skipped.csv", keep_default_na=False)
    assert skipped[["file", "row", "column"]].values.tolist() == [["in.csv", 251, column]]
    assert error in skipped["error"][0] and "x" in json.dumps(json.loads(skipped["values"][0]))
    assert pd.read_csv(tmp_path / "out.csv")["flight"].tolist() == frame["flight"].tolist()
    assert made.ports.predictions.ingest() <= 600  # those before the bad row were logged, and once


def test_a_corrected_file_goes_on_with_the_predictions_that_were_logged_before_the_bad_row(made: Site, tmp_path: Path) -> None:
    source = write(flights(600), tmp_path / "in.csv")
    good = source.read_text()
    source.write_text(good.replace("f450,", "f450,p1,never,1,1,true\nf450,"))
    with pytest.raises(DataError, match="row 451, column 'leaves'"):
        score(made.folder, source, tmp_path / "out.csv")
    before = made.ports.predictions.ingest()
    assert 200 < before < 451
    source.write_text(good)
    report = score(made.folder, source, tmp_path / "out.csv")
    assert report.begun_anew == "input"
    assert made.ports.predictions.ingest() == 600 - before


def test_a_column_of_another_type_or_a_missing_one_is_refused_before_anything_is_scored(made: Site, tmp_path: Path) -> None:
    frame = flights(10)
    with pytest.raises(DataError, match=r"in\.parquet: column 'hour' holds (large_)?string, the model reads an integer"):
        score(made.folder, write(frame.assign(hour="three"), tmp_path / "in.parquet"), tmp_path / "out.csv")
    with pytest.raises(DataError, match="no column 'temp', which the model reads; did you mean 'tempp'"):
        score(made.folder, write(frame.rename(columns={"temp": "tempp"}), tmp_path / "in.csv"), tmp_path / "out.csv")
    with pytest.raises(DataError, match="column 'prediction' already"):
        score(made.folder, write(frame.assign(prediction=1), tmp_path / "in.csv"), tmp_path / "out.csv")
    with pytest.raises(DataError, match="no column 'plan' to keep; did you mean 'plane'"):
        score(made.folder, write(frame, tmp_path / "in.csv"), tmp_path / "out.csv", keep=("plan",))


def test_unseen_categories_are_counted_or_refused_as_the_spec_says(tmp_path: Path) -> None:
    made = airport(tmp_path / "project", carriers=True)
    made.deploy(1)
    frame = flights(90).assign(carrier=pd.Series(["AA", "ZZ", None] * 30, dtype=object))
    report = score(made.folder, write(frame, tmp_path / "in.csv"), tmp_path / "out.csv", rows=10)
    assert (report.answered, report.unseen) == (90, {"carrier": 30})
    made.ports.predictions.ingest()
    rows = made.ports.predictions.rows(MODEL, 1, ALWAYS, features=True)
    assert rows.features is not None and rows.features["carrier"].tolist() == ["AA", "ZZ", None] * 30
    spec = made.folder / "flyball.toml"
    spec.write_text(spec.read_text().replace('"count"', '"refuse"'))
    report = score(made.folder, write(frame, tmp_path / "in.parquet"), tmp_path / "other.csv", skip=True)
    assert (report.answered, report.skipped) == (60, 30)
    assert "'ZZ', which did not occur in training" in (tmp_path / "other.csv.skipped.csv").read_text()


def test_a_score_that_is_no_number_makes_its_row_bad_and_a_broken_challenger_costs_no_answer(made: Site, tmp_path: Path) -> None:
    made.add(4, linear([0.0, 3e38, 0.0], 0.0))  # a temp of 2 or more is beyond float32
    frame = flights(100).assign(temp=[2.0 if n % 10 == 0 else 0.5 for n in range(100)])
    source = write(frame, tmp_path / "in.csv")
    made.deploy(1, challenger=4, share=1.0)
    report = score(made.folder, source, tmp_path / "one.csv")
    assert (report.versions, report.fallbacks) == ({"1/champion": 10, "4/challenger": 90}, 10)
    made.deploy(1, shadow=(4,))
    report = score(made.folder, source, tmp_path / "two.csv")
    assert (report.shadows, report.missed) == ({"4": 90}, {"4": 10})
    made.deploy(4)
    with pytest.raises(DataError, match="row 1: the model's score is not a finite number"):
        score(made.folder, source, tmp_path / "three.csv")
    assert score(made.folder, source, tmp_path / "three.csv", skip=True).skipped == 10


def test_a_directory_is_one_job_in_the_order_of_its_files(made: Site, tmp_path: Path) -> None:
    frame = flights(400)
    (tmp_path / "in").mkdir()
    write(frame[:150], tmp_path / "in" / "a.csv")
    write(frame[150:], tmp_path / "in" / "b.csv")
    assert score(made.folder, tmp_path / "in", tmp_path / "out.csv").rows == 400
    assert pd.read_csv(tmp_path / "out.csv")["flight"].tolist() == frame["flight"].tolist()
    write(frame.drop(columns="rain"), tmp_path / "in" / "c.csv")
    with pytest.raises(DataError, match=r"a\.csv and c\.csv differ in columns: rain"):
        score(made.folder, tmp_path / "in", tmp_path / "out2.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_bad_row_in_a_directory_is_counted_in_its_own_file(made: Site, tmp_path: Path, kind: str) -> None:
    frame = flights(900)
    frame.loc[[700, 899], "leaves"] = None
    for folder, rows in (("one", frame[:400]), ("two", frame[400:])):
        (tmp_path / "in" / folder).mkdir(parents=True)
        write(rows, tmp_path / "in" / folder / f"rows.{kind}")
    for _ in range(2):  # the second goes on behind the parts that are done
        with pytest.raises(DataError, match=rf"^two/rows\.{kind}, row 301, column 'leaves'"):
            score(made.folder, tmp_path / "in", tmp_path / "out.csv", rows=100)
    report = score(made.folder, tmp_path / "in", tmp_path / "out.csv", skip=True, rows=100)
    assert (report.rows, report.skipped) == (900, 2) and report.parts > 2
    skipped = pd.read_csv(tmp_path / "out.csv.skipped.csv", keep_default_na=False)
    assert skipped[["file", "row"]].values.tolist() == [[f"two/rows.{kind}", 301], [f"two/rows.{kind}", 500]]


def test_a_column_only_others_read_and_may_miss_leaves_its_rows_in_the_comparison(made: Site, tmp_path: Path) -> None:
    def wider(version: int, *, nullable: bool) -> None:
        wind = Column(name="wind", kind="number", nullable=nullable)
        made.add(version, linear([0.01, 0.5, 1.0, 1.0], -1.0), schema=Schema(columns=(*NUMBERS.columns, wind)))

    wider(4, nullable=True)
    wider(5, nullable=False)
    source = write(flights(200), tmp_path / "in.csv")
    made.deploy(1, shadow=(4, 5))
    report = score(made.folder, source, tmp_path / "shadows.csv")
    assert (report.answered, report.shadows, report.missed) == (200, {"4": 200, "5": 0}, {"4": 0, "5": 200})
    deployment = made.deploy(1, challenger=4, share=0.5)
    score(made.folder, source, tmp_path / "challenged.csv")
    found = pd.read_csv(tmp_path / "challenged.csv")
    assert found["variant"].tolist() == [variant_of(deployment, unit, "") for unit in found["plane"]]
    assert np.allclose(found["confidence"], np.maximum(expected(found), 1 - expected(found)), atol=1e-6)
    made.ports.predictions.ingest()
    for name, variant in found.set_index("prediction_id")["variant"].items():
        logged = made.ports.predictions.find(str(name))
        assert logged is not None and logged[0].variant == variant


def test_an_output_that_is_there_is_left_alone_unless_it_may_be_replaced(made: Site, tmp_path: Path) -> None:
    source = write(flights(20), tmp_path / "in.csv")
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(RefusedError, match="there already"):
        score(made.folder, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "project"]
    assert score(made.folder, source, tmp_path / "out.csv", overwrite=True).rows == 20


def test_two_processes_cannot_write_one_output(made: Site, tmp_path: Path) -> None:
    source = write(flights(300), tmp_path / "in.csv")

    def meddle(_: object) -> None:
        with pytest.raises(ConflictError, match=r"writing out\.csv"):
            score(made.folder, source, tmp_path / "out.csv")

    run_batch(order(made.folder, source, tmp_path / "out.csv"), overwrite=False, clock=lambda: 0, progress=meddle)


def test_an_empty_file_gives_an_empty_answer(made: Site, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        report = score(made.folder, write(flights(5)[:0], tmp_path / f"in.{kind}"), tmp_path / f"out.{kind}", overwrite=True)
        assert report.rows == 0
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "flight,plane,leaves,hour,temp,rain,prediction,confidence,version,variant,prediction_id"
    ]
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 0


def interrupted(made: Site, source: Path, out: Path, parts: int, delay: int) -> int:
    words = [sys.executable, scored.__file__, str(made.folder), str(source), str(out), str(parts), str(delay)]
    return subprocess.run(words, capture_output=True, check=False).returncode


@pytest.mark.parametrize(("kind", "seed"), [("csv", 0), ("parquet", 1)])
def test_a_job_killed_again_and_again_ends_as_if_it_had_not_been(made: Site, tmp_path: Path, kind: str, seed: int) -> None:
    made.deploy(1, challenger=2, share=0.4, shadow=(3,))
    frame, chance = flights(6_000), random.Random(seed)
    source = write(frame, tmp_path / f"in.{kind}")
    out = tmp_path / f"out.{kind}"
    reached, kills = 0, 0
    for _ in range(5):
        reached += chance.randrange(3, 9)
        status = interrupted(made, source, out, reached, chance.randrange(0, 6_000))
        if status == 0:
            break
        assert status == -signal.SIGKILL
        kills += 1
        assert not out.exists()
        if chance.random() < 0.5:
            made.ports.predictions.ingest()
    assert kills >= 3
    before = len(list((tmp_path / f"out.{kind}.parts").glob("*[0-9].json")))
    report = score(made.folder, source, out)
    assert before > 5 and 0 < report.rows_before < 6_000 == report.rows and report.begun_anew == ""
    again = tmp_path / f"again.{kind}"
    score(made.folder, source, again, logged=False)
    assert out.read_bytes() == again.read_bytes()
    assert list((made.folder / ".flyball" / "log").glob("*.new")) == []
    made.ports.predictions.ingest()
    logged = [made.ports.predictions.rows(MODEL, version, ALWAYS).prediction_id.tolist() for version in (1, 2, 3)]
    found = pd.read_csv(out) if kind == "csv" else pd.read_parquet(out)
    assert sorted(logged[0] + logged[1]) == sorted(found["prediction_id"]) and len(set(logged[0] + logged[1])) == 6_000
    assert sorted(logged[2]) == sorted(found["prediction_id"])


def test_another_input_or_another_deployment_begins_anew_and_says_so(made: Site, tmp_path: Path) -> None:
    source, out = write(flights(2_000), tmp_path / "in.csv"), tmp_path / "out.csv"
    assert interrupted(made, source, out, 4, 0) == -signal.SIGKILL
    write(flights(2_000, seed=5), source)
    assert interrupted(made, source, out, 9, 0) == -signal.SIGKILL
    made.deploy(2)
    report = score(made.folder, source, out)
    assert (report.begun_anew, report.rows_before) == ("deployment", 0)
    assert set(pd.read_csv(out)["version"]) == {2}


def test_a_part_that_is_not_as_it_was_written_is_made_again(made: Site, tmp_path: Path) -> None:
    source, out = write(flights(2_000), tmp_path / "in.csv"), tmp_path / "out.csv"
    assert interrupted(made, source, out, 8, 0) == -signal.SIGKILL
    torn = tmp_path / "out.csv.parts" / "0000003.out"
    torn.write_bytes(torn.read_bytes()[:100])
    score(made.folder, source, out)
    score(made.folder, source, tmp_path / "again.csv", logged=False)
    assert out.read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert made.ports.predictions.ingest() == 2_000


def test_a_regression_gives_values_and_no_confidence(made: Site, tmp_path: Path) -> None:
    made.add(6, linear([1.0, 0.0, 0.0], 0.5, regression=True), task="regression", classes=())
    made.deploy(6)
    frame = flights(30)
    score(made.folder, write(frame, tmp_path / "in.csv"), tmp_path / "out.csv", keep=(), scores=True)
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found.columns) == ["prediction", "version", "variant", "prediction_id"]
    assert found["prediction"].tolist() == (frame["hour"] + 0.5).tolist()


def test_labels_that_are_text_come_back_as_they_are(made: Site, tmp_path: Path) -> None:
    made.add(6, linear([0.0, 0.0, 2.0], -1.0), classes=('no, "thanks"', "yes"))
    made.deploy(6)
    frame = flights(40)
    source = write(frame, tmp_path / "in.csv")
    for out in ("out.csv", "out.parquet"):
        score(made.folder, source, tmp_path / out, scores=True)
    texts, typed = pd.read_csv(tmp_path / "out.csv"), pd.read_parquet(tmp_path / "out.parquet")
    assert texts["prediction"].tolist() == typed["prediction"].tolist() == ["yes" if rain else 'no, "thanks"' for rain in frame["rain"]]
    assert np.allclose(texts['probability_no, "thanks"'] + texts["probability_yes"], 1.0)
    made.ports.predictions.ingest()
    assert set(made.ports.predictions.rows(MODEL, 6, ALWAYS).label.tolist()) == {"yes", 'no, "thanks"'}


def test_scores_that_are_no_probabilities_give_no_confidence(made: Site, tmp_path: Path) -> None:
    made.add(6, linear([0.0, 0.0, 2.0], -1.0), probabilities=False)
    made.deploy(6)
    score(made.folder, write(flights(5), tmp_path / "in.csv"), tmp_path / "out.csv", keep=())
    assert list(pd.read_csv(tmp_path / "out.csv").columns) == ["prediction", "version", "variant", "prediction_id"]
