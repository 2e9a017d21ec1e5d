"""`flyball reference` on a real trained project: shown, made from a file, taken up by a server that runs."""

import time
from pathlib import Path

import pandas as pd
import pytest

from flyball.api.client import Client
from flyball.settings import read_settings
from flyball.stores import open_stores
from trained import CUSTOMER, MODEL, Shop, flyball, running


@pytest.fixture
def customers(own: Shop) -> Path:
    """The prepared rows of the example, as a file."""
    frame = pd.DataFrame([CUSTOMER] * 300)
    frame["monthly_charges"] = [50.0 + number % 90 for number in range(300)]
    path = own.folder / "customers.csv"
    frame.to_csv(path, index=False)
    return path


def test_what_a_training_left_is_shown(shop: Shop) -> None:
    said = flyball(shop.folder, "reference", "show")
    assert said.status == 0, said.err
    assert "monthly_charges" in said.out and "score" in said.out and f"{MODEL}@2" in said.out
    document = flyball(shop.folder, "reference", "show", "--version", "1", "--json").json
    assert document["version"] == 1 and document["columns"]["plan"]["kind"] == "category"
    assert document["columns"]["tenure_months"]["range"][0] == int(document["columns"]["tenure_months"]["range"][0]), "a value, no edge"
    assert "e-324" not in said.out
    assert document["columns"]["monthly_charges"]["range"][0] < document["columns"]["monthly_charges"]["range"][1]


def test_a_reference_is_made_shown_and_explained(own: Shop, customers: Path) -> None:
    before = flyball(own.folder, "reference", "show", "--json").json
    said = flyball(own.folder, "reference", "make", str(customers), "--json")
    assert said.status == 0, said.err
    made = said.json
    assert (made["version"], made["rows"], made["changed"]) == (2, 300, True)
    assert made["digest"] != before["digest"] and "score" in made["columns"]
    shown = flyball(own.folder, "reference", "show", "--json").json
    assert shown["digest"] == made["digest"] and shown["rows"] == 300
    assert "300 rows of customers.csv" in flyball(own.folder, "why", f"{MODEL}@2").out
    again = flyball(own.folder, "reference", "make", str(customers))
    assert (again.status, again.out) == (0, "") and "has this reference already" in again.err
    for verb in ("status", "models", "monitor"):
        assert flyball(own.folder, verb).status == 0, verb


def test_a_server_takes_it_up_without_a_pause(own: Shop, customers: Path) -> None:
    with running(own.folder, "serve") as (url, _), Client(url) as client:
        first = client.predict(CUSTOMER)
        assert flyball(own.folder, "reference", "make", str(customers)).status == 0
        deployments = open_stores(read_settings(own.folder)).deployments
        deployed = deployments.current(MODEL)
        assert deployed is not None
        until = time.monotonic() + 30
        while not any(seq == deployed.seq for seq, _ in deployments.workers(MODEL).values()):
            assert client.predict(CUSTOMER)["version"] == first["version"]
            assert time.monotonic() < until, client.health()
            time.sleep(0.05)
        second = client.predict(CUSTOMER)
        assert client.health()["status"] == "healthy"
    assert [second[key] for key in ("version", "prediction", "confidence")] == [
        first[key] for key in ("version", "prediction", "confidence")
    ]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("make", "no-such.csv"), 1, "there is no file"),
        (("make", "customers.csv", "--version", "9"), 1, "there is no version 9"),
        (("show", "--version", "9"), 1, "there is no version 9"),
        (("make",), 2, "Missing argument"),
        (("mak",), 2, "No such command"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(own: Shop, customers: Path, words: tuple[str, ...], status: int, said: str) -> None:
    words = tuple(str(own.folder / word) if word.endswith(".csv") else word for word in words)
    found = flyball(own.folder, "reference", *words)
    assert found.status == status
    assert said in found.err


def test_a_file_in_which_columns_are_missing_is_told_apart_from_none(own: Shop, customers: Path) -> None:
    frame = pd.read_csv(customers).rename(columns={"plan": "plann"})
    frame.to_csv(customers, index=False)
    said = flyball(own.folder, "reference", "make", str(customers))
    assert said.status == 1
    assert "customers.csv has no column 'plan'; did you mean 'plann'?" in said.err
