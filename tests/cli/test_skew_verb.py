"""`flyball skew` as a user calls it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flyball.core.window import to_micros
from flyball.serving.records import PredictionBatch
from flyball.settings import read_settings
from flyball.stores import open_stores
from trained import MODEL, Shop, change, flyball

NOW = "2025-03-05T00:00:00Z"


def serve(folder: Path, rows: pd.DataFrame) -> None:
    """Log predictions as if these rows had been asked."""
    names = ["tenure_months", "plan", "monthly_charges", "support_calls", "payment_method", "charge_per_tenure", "calls_per_month"]
    asked = rows.assign(
        charge_per_tenure=rows["monthly_charges"] / (rows["tenure_months"] + 1),
        calls_per_month=rows["support_calls"] / (rows["tenure_months"] + 1),
    )
    features: list[list[Any] | None] = [
        [None if value is None or value != value else value for value in row] for row in asked[names].astype(object).to_numpy().tolist()
    ]
    at = [to_micros(moment.to_pydatetime()) for moment in pd.to_datetime(rows["observed_at"])]
    count = len(rows)
    batch = PredictionBatch(
        model=MODEL,
        worker="w0",
        schema_id="s",
        feature_names=names,
        prediction_id=[f"p{number}" for number in range(count)],
        version=[2] * count,
        variant=["champion"] * count,
        shadow=[False] * count,
        at=at,
        made_at=at,
        unit=list(rows["customer_id"]),
        entity=list(rows["customer_id"]),
        client_id=[None] * count,
        label=[0] * count,
        score=[0.5] * count,
        features=features,
        context=[None] * count,
    )
    stores = open_stores(read_settings(folder, {}))
    stores.predictions.add(batch)
    stores.database.close()


def customers(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "data" / "customers.csv")


@pytest.fixture
def served(own: Shop) -> Path:
    """Two hundred customers were asked about, with their plan in capitals."""
    rows = customers(own.folder).iloc[:200]
    serve(own.folder, rows.assign(plan=rows["plan"].str.upper()))
    return own.folder


def test_differences_are_shown_with_ids_and_in_words(served: Path) -> None:
    said = flyball(served, "skew", "--now", NOW)
    assert said.status == 0
    assert "matched by id: 200; 0 ids are not in the training data" in said.err
    assert "in all 200 of them only upper and lower case differ" in " ".join(said.out.split())
    assert "100.00%" in said.out and "'MONTHLY'" in said.out and "'monthly'" in said.out


def test_one_document_holds_everything(served: Path) -> None:
    said = flyball(served, "skew", "--json", "--now", NOW).json
    assert {"model", "source", "window", "by", "served", "matched", "unmatched", "columns", "only_served", "only_training"} <= said.keys()
    assert said["columns"]["plan"]["share"] == 1.0
    assert {name for name, column in said["columns"].items() if column["differing"]} == {"plan"}
    assert set(said["columns"]["plan"]["examples"][0]) == {"id", "prediction_id", "difference", "served", "training"}


def test_a_pipeline_stops_on_more_than_it_allows_and_on_nothing_compared(served: Path, shop: Shop) -> None:
    assert flyball(served, "skew", "--max-share", "1.0", "--now", NOW).status == 0
    over = flyball(served, "skew", "--max-share", "0.01", "--now", NOW)
    assert (over.status, "a column differs in 100.00% of its rows, allowed are 1.00%" in over.err) == (1, True)
    nothing = flyball(served, "skew", "--max-share", "1.0", "--now", NOW, "--window", "1h")
    assert (nothing.status, "nothing was compared" in nothing.err) == (1, True)


def test_rows_of_the_log_are_never_compared_with_themselves(served: Path) -> None:
    assert flyball(served, "skew", "--json", "--now", NOW).json["source"] == "data/customers.csv, prepared"
    change(served, 'from = "source+log"', 'from = "source"')
    assert flyball(served, "skew", "--json", "--now", NOW).json["source"] == "snapshot churn.parquet"


def test_a_file_goes_through_the_prepare_steps_unless_it_is_past_them(served: Path, tmp_path: Path) -> None:
    later = customers(served).iloc[:150]
    later.to_csv(tmp_path / "later.csv", index=False)
    said = flyball(served, "skew", str(tmp_path / "later.csv"), "--json", "--now", NOW).json
    assert (said["matched"], "charge_per_tenure" in said["columns"], said["only_training"]) == (150, True, [])
    raw = flyball(served, "skew", str(tmp_path / "later.csv"), "--prepared", "--json", "--now", NOW).json
    assert (raw["matched"], raw["only_served"]) == (150, ["calls_per_month", "charge_per_tenure"])


def test_without_predictions_it_says_what_to_do(own: Shop) -> None:
    said = flyball(own.folder, "skew", "--now", NOW)
    assert said.status == 0
    assert "nothing to compare: send `id`" in said.err
    assert flyball(own.folder, "skew", "--prepared").status == 1


def test_a_project_without_a_version_was_never_asked(tmp_path: Path) -> None:
    flyball(tmp_path, "init", "--example", "churn")
    said = flyball(tmp_path, "skew")
    assert (said.status, "has no version, so nothing was served" in said.err) == (1, True)


def test_the_span_of_the_training_data_is_what_is_looked_at(served: Path) -> None:
    start, end = (pd.Timestamp(moment) for moment in flyball(served, "skew", "--json", "--now", NOW).json["window"])
    times = pd.to_datetime(customers(served)["observed_at"])
    assert (times.min() - start, end - times.max()) == (timedelta(days=1), timedelta(days=1))
