"""What a training costs in money."""

from dataclasses import replace
from pathlib import Path

import pytest

from flyball.spec.load import parse_spec
from flyball.spec.records import External, Spec
from flyball.training.price import money_of

MINIMAL = '[model]\nname = "m"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "p:t"\n'
TOOK = {"seconds": 1800.0, "cpu_seconds": 7200.0}


def priced(more: str) -> Spec:
    return parse_spec(MINIMAL + more, folder=Path("nowhere"))


@pytest.mark.parametrize(
    ("more", "money"),
    [
        ("price = { cpu = 0.05 }", 0.1),
        ("resources = { cpu = 8 }\nprice = { cpu = 0.05 }", 0.2),
        ("resources = { gpu = 2 }\nprice = { cpu = 0.05, gpu = 3 }", 3.1),
        ("resources = { gpu = 2 }\nprice = { gpu = 3 }", 3.0),
    ],
)
def test_cores_and_devices_that_were_asked_for_are_paid_while_it_lasts_else_what_worked(more: str, money: float) -> None:
    assert money_of(TOOK, priced(more)) == pytest.approx(money)


def test_without_a_price_or_a_time_there_is_no_amount() -> None:
    assert money_of(TOOK, priced("resources = { cpu = 8 }")) is None
    assert money_of({}, priced("price = { cpu = 0.05 }")) is None
    external = priced("price = { cpu = 0.05 }")
    external = replace(external, train=replace(external.train, external=External(kind="webhook", url="https://example.com")))
    assert money_of(TOOK, external) is None
