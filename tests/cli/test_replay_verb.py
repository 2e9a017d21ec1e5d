"""`flyball replay` as a user calls it, and what the gate of a training says of the requests of late."""

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
NAMES = ["tenure_months", "plan", "monthly_charges", "support_calls", "payment_method", "charge_per_tenure", "calls_per_month"]


def log(folder: Path, count: int) -> None:
    """Requests of customers, as the champion answered them an hour ago."""
    rows = pd.read_csv(folder / "data" / "customers.csv").iloc[:count]
    asked = rows.assign(
        charge_per_tenure=rows["monthly_charges"] / (rows["tenure_months"] + 1),
        calls_per_month=rows["support_calls"] / (rows["tenure_months"] + 1),
    )
    features: list[list[Any] | None] = [
        [None if value is None or value != value else value for value in row] for row in asked[NAMES].astype(object).to_numpy().tolist()
    ]
    at = [to_micros(pd.Timestamp(NOW).to_pydatetime() - timedelta(hours=1))] * count
    stores = open_stores(read_settings(folder, {}))
    stores.predictions.add(
        PredictionBatch(
            model=MODEL,
            worker="w0",
            schema_id="s",
            feature_names=NAMES,
            prediction_id=[f"p{number}" for number in range(count)],
            version=[2] * count,
            variant=["champion"] * count,
            shadow=[False] * count,
            at=at,
            made_at=at,
            unit=[None] * count,
            entity=[None] * count,
            client_id=[None] * count,
            label=[0] * count,
            score=[0.5] * count,
            features=features,
            context=[None] * count,
        )
    )
    stores.database.close()


@pytest.fixture
def asked(own: Shop) -> Path:
    log(own.folder, 400)
    return own.folder


def test_a_replay_is_told_in_sentences_and_tables_and_as_a_page(asked: Path, tmp_path: Path) -> None:
    page = tmp_path / "replay.html"
    said = flyball(asked, "replay", "--candidate", "churn@3", "--html", str(page), "--now", NOW)
    assert said.status == 0, said.err
    assert "400 of 400 logged requests were answered by both" in said.out
    assert "churn@3 against churn@2" in said.out and "quantile" in said.out
    assert page.read_text().startswith("<!doctype html>")


def test_one_document_holds_everything(asked: Path) -> None:
    said = flyball(asked, "replay", "--candidate", "3", "--against", "1", "--last", "100", "--json", "--now", NOW).json
    assert (said["candidate"], said["against"], said["asked"], said["compared"]) == (3, 1, 100, 100)
    assert {"errors", "not_finite", "disagreement", "where", "shift", "confusion", "gains", "latency", "left_out", "reasons"} <= said.keys()
    assert said["latency"]["candidate"]["median"] > 0
    assert sum(map(sum, said["confusion"]["counts"])) == 100


@pytest.mark.parametrize(
    ("words", "told", "status"),
    [
        (("--candidate", "churn@2"), "nothing can differ", 1),
        (("--candidate", "churn@9"), "there is no version 9", 1),
        (("--candidate", "other@3"), "names another model", 2),
        (("--candidate", "churn@3", "--since", "soon"), "--since", 2),
        (("--candidate", "churn@3", "--last", "0"), "--last", 2),
        (("--candidate", "churn@3", "--html", "/no/such/folder/x.html"), "no file in a folder that exists", 2),
        ((), "--candidate", 2),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_what_to_do(shop: Shop, words: tuple[str, ...], told: str, status: int) -> None:
    said = flyball(shop.folder, "replay", *words, "--now", NOW)
    assert (said.status, told in said.err) == (status, True), said.err


def test_a_project_that_nobody_asked_anything_has_nothing_to_replay(shop: Shop) -> None:
    said = flyball(shop.folder, "replay", "--candidate", "churn@3", "--now", NOW)
    assert (said.status, "churn has no logged requests" in said.err) == (1, True)


def test_a_training_tells_of_the_replay_of_the_slices_and_of_the_untouched_rows(asked: Path) -> None:
    change(asked, "n_estimators = 5", "n_estimators = 30")
    said = flyball(asked, "train", "--no-register", "--json", "--now", NOW)
    checks = {check["metric"]: check for check in said.json["gate"]["checks"]}
    assert "400 logged requests without error" in checks["replay"]["reason"]
    assert checks["untouched"]["verdict"] in ("pass", "not applicable")
    assert {name.partition("=")[0] for name in said.json["compared"]} == {"plan"}
    assert set(said.json["compared"]["plan=monthly"]) == {"metric", "gain", "lower", "upper", "rows", "blocks"}
