"""`flyball predict` on a trained project: the loop closes on batch models with no server running."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from flyball.core.window import Window
from flyball.settings import read_settings
from flyball.stores import open_stores
from trained import MODEL, NOW, Shop, change, flyball, spawn

ROWS = 600


def prepared(own: Shop, rows: int = ROWS) -> pd.DataFrame:
    """Customers as the model reads them, seen from January to the end of February."""
    frame = pd.read_parquet(sorted((own.folder / "snapshots").glob("*.parquet"))[0]).head(rows).reset_index(drop=True)
    seen = pd.Timestamp("2025-01-05", tz="UTC") + pd.to_timedelta(range(0, 54 * 24 * 60, 54 * 24 * 60 // rows), unit="min")[:rows]
    return frame.assign(observed_at=seen, customer_id=[f"c{number}" for number in range(rows)]).drop(columns=["known_at"])


def test_batch_predictions_take_outcomes_are_monitored_and_seen_by_the_loop(own: Shop) -> None:
    frame = prepared(own)
    source, out = own.folder / "january.csv", own.folder / "said.parquet"
    frame.drop(columns="churned").to_csv(source, index=False)
    said = flyball(own.folder, "predict", str(source), str(out), "--scores", "--json")
    assert said.status == 0, said.err
    assert (said.json["rows"], said.json["answered"], said.json["logged"]) == (ROWS, ROWS, ROWS)
    assert said.json["versions"] == {"2/champion": ROWS}
    found = pd.read_parquet(out)
    assert found["customer_id"].tolist() == frame["customer_id"].tolist()
    assert ((found["probability_1"] >= 0.25) == (found["prediction"] == 1)).all()

    ticked = flyball(own.folder, "tick", "--json", "--now", NOW)
    assert ticked.status == 0, ticked.err
    assert ticked.json["ingested"] == ROWS

    known = own.folder / "known.csv"
    told = pd.DataFrame(
        {"id": frame["customer_id"], "actual": frame["churned"].astype(int), "at": frame["observed_at"] + pd.Timedelta("20D")}
    )
    told[told["at"] < pd.Timestamp(NOW)].to_csv(known, index=False)
    taken = flyball(own.folder, "outcomes", str(known), "--json")
    assert taken.json["accepted"] > 200 and taken.json["rejected"] == []

    report = flyball(own.folder, "monitor", "--json", "--now", NOW).json
    assert report["version"] == 2 and 50 < report["rows"] < 100
    assert set(report["columns"]) > {"tenure_months", "plan"}
    assert report["performance"]["labelled"] > 0
    traced = flyball(own.folder, "trace", found["prediction_id"][0], "--json")
    assert traced.status == 0, traced.err


def test_a_column_that_only_the_prepare_step_makes_is_asked_for_by_name(own: Shop) -> None:
    source = own.folder / "raw.csv"
    prepared(own, 10).drop(columns=["charge_per_tenure"]).to_csv(source, index=False)
    said = flyball(own.folder, "predict", str(source), str(own.folder / "out.csv"))
    assert said.status == 1
    assert "no column 'charge_per_tenure', which the model reads" in said.err
    assert "pipeline:prepare" in said.err and "--prepare" in said.err


def test_raw_rows_are_prepared_if_that_is_asked_for(own: Shop) -> None:
    frame = prepared(own, 40)
    raw, done = own.folder / "raw.csv", own.folder / "done.csv"
    frame.to_csv(done, index=False)
    frame.drop(columns=["charge_per_tenure", "calls_per_month", "churned"]).to_csv(raw, index=False)
    assert flyball(own.folder, "predict", str(done), str(own.folder / "one.csv"), "--keep", "customer_id").status == 0
    said = flyball(own.folder, "predict", str(raw), str(own.folder / "two.csv"), "--keep", "customer_id", "--prepare")
    assert said.status == 0, said.err
    one, two = (pd.read_csv(own.folder / name).drop(columns="prediction_id") for name in ("one.csv", "two.csv"))
    pd.testing.assert_frame_equal(one, two)
    change(own.folder, 'prepare = "pipeline:prepare"\n', "")
    said = flyball(own.folder, "predict", str(raw), str(own.folder / "three.csv"), "--prepare")
    assert said.status == 2 and "names no prepare steps" in said.err


def test_what_is_kept_and_what_is_skipped_is_told(own: Shop) -> None:
    source, out = own.folder / "in.csv", own.folder / "out.csv"
    frame = prepared(own, 50).astype({"monthly_charges": object})
    frame.loc[7, "monthly_charges"] = "much"
    frame.to_csv(source, index=False)
    said = flyball(own.folder, "predict", str(source), str(out), "--keep", "customer_id", "--on-error", "skip")
    assert said.status == 0, said.err
    assert "49 of 50 rows answered" in said.err and f"{MODEL}@2 (champion): 49" in said.err and "1 rows skipped" in said.err
    traffic = open_stores(read_settings(own.folder)).traffic
    ever = Window(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))
    assert {one.status: one.requests for one in traffic.between(MODEL, ever)} == {200: 49, 422: 1}
    assert list(pd.read_csv(out).columns) == ["customer_id", "prediction", "confidence", "version", "variant", "prediction_id"]
    again = flyball(own.folder, "predict", str(source), str(out))
    assert again.status == 1 and "is there already" in again.err
    strict = flyball(own.folder, "predict", str(source), str(out), "--overwrite", "--no-log")
    assert strict.status == 1 and "in.csv, row 8, column 'monthly_charges': must be a number, not 'much'" in strict.err
    assert flyball(own.folder, "predict", str(source), str(own.folder / "out.txt")).status == 2


PROBE = """
import atexit, sys
from flyball.cli.main import cli
atexit.register(lambda: print(sorted({"mlflow", "sklearn", "scipy"} & set(sys.modules))))
cli.main(["-C", sys.argv[1], "predict", sys.argv[2], sys.argv[3]], standalone_mode=False)
"""


def test_scoring_needs_neither_mlflow_nor_scikit_learn(own: Shop) -> None:
    source = own.folder / "in.csv"
    prepared(own, 5).to_csv(source, index=False)
    words = [sys.executable, "-c", PROBE, str(own.folder), str(source), str(own.folder / "out.csv")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_project_without_a_model_says_what_comes_first(tmp_path: Path, own: Shop) -> None:
    (own.folder / "flyball.db").unlink()
    source = tmp_path / "in.csv"
    prepared(own, 5).to_csv(source, index=False)
    said = spawn(own.folder, "predict", str(source), str(tmp_path / "out.csv"))
    assert said.status == 1 and "no version of churn is deployed" in said.err and "flyball train" in said.err


@pytest.mark.parametrize("words", [["--keep", "customer"], ["--now", "today"]])
def test_wrong_words_are_refused(own: Shop, words: list[str]) -> None:
    source = own.folder / "in.csv"
    prepared(own, 5).to_csv(source, index=False)
    assert flyball(own.folder, "predict", str(source), str(own.folder / "out.csv"), *words).status in (1, 2)
    assert open_stores(read_settings(own.folder, {})).predictions.ingest() == 0
