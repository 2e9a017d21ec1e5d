"""The registry in a folder."""

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from flyball import ModelRegistry
from flyball.api.registry import _natural
from flyball.core.errors import ConflictError, DataError, IntegrityError, NotFoundError, StoreError


class Doubles:
    """A model."""

    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    def predict(self, features: list[float]) -> list[float]:
        return [self.factor * value for value in features]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(str(tmp_path / "models"))


def test_a_model_comes_back_with_its_metrics(registry: ModelRegistry) -> None:
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    entry = registry.register(model, "1.0", {"accuracy": np.float64(0.91), "rows": 2})
    assert (entry.version, entry.metrics, entry.stages) == ("1.0", {"accuracy": 0.91, "rows": 2}, ())
    assert registry.get("1.0").predict([[0.9]]).tolist() == [1]
    assert registry.metrics("1.0") == {"accuracy": 0.91, "rows": 2}
    assert json.loads((registry.storage / "v1.0" / "metrics.json").read_text()) == {"accuracy": 0.91, "rows": 2}


def test_latest_is_the_highest_version_not_the_last_in_the_alphabet_or_in_time(registry: ModelRegistry) -> None:
    for version in ("1.10", "1.9", "1.10-rc1", "1.2"):
        registry.register(Doubles(), version, {})
    assert [entry.version for entry in registry.list()] == ["1.2", "1.9", "1.10-rc1", "1.10"]
    registry.register(Doubles(3), 2, {})
    assert registry.get().predict([1]) == registry.get("latest").predict([1]) == registry.get(2).predict([1]) == [3]


@given(st.lists(st.integers(0, 10**20), min_size=2, max_size=4), st.lists(st.integers(0, 10**20), min_size=2, max_size=4))
def test_versions_of_numbers_are_ordered_as_their_numbers(first: list[int], second: list[int]) -> None:
    names = [".".join(map(str, part)) for part in (first, second)]
    assert (_natural(names[0]) < _natural(names[1])) == (first < second)


def test_nothing_is_registered_twice(registry: ModelRegistry) -> None:
    registry.register(Doubles(), "1", {})
    with pytest.raises(ConflictError, match="registered already"):
        registry.register(Doubles(9), "1", {})
    assert registry.get("1").factor == 2


def test_a_version_moves_through_the_stages(registry: ModelRegistry) -> None:
    for version in ("1", "2"):
        registry.register(Doubles(int(version)), version, {})
    assert registry.promote("1", "staging").stages == ("staging",)
    assert registry.promote("1", "production").stages == ("production",)
    registry.promote("2", "staging")
    assert registry.promote("2", "staging").stages == ("staging",)
    assert registry.get(stage="production").factor == 1
    assert registry.get(stage="staging").factor == 2
    registry.promote("2", "production")
    registry.promote("1", "production")
    assert [entry.stages for entry in registry.list()] == [("production",), ()]
    with pytest.raises(NotFoundError, match="no version is in staging"):
        registry.get(stage="staging")


def test_what_is_not_there_is_named_with_what_is(registry: ModelRegistry) -> None:
    with pytest.raises(NotFoundError, match="there is no version in"):
        registry.get()
    assert not registry.list()
    registry.register(Doubles(), "1.0.0", {})
    with pytest.raises(NotFoundError, match=r"did you mean '1\.0\.0'"):
        registry.get("1.0.1")
    with pytest.raises(NotFoundError, match="did you mean 'production'"):
        registry.promote("1.0.0", "prodution")
    with pytest.raises(NotFoundError, match="no version '7'"):
        registry.promote(7, "production")


@pytest.mark.parametrize("version", ["", "latest", "../1", "a/b", ".1", "1 2", True, 1.5, None, "x" * 200, "1\n"])
def test_a_name_that_is_no_version_is_refused(registry: ModelRegistry, version: object) -> None:
    with pytest.raises(DataError, match="name of a version"):
        registry.register(Doubles(), version, {})  # type: ignore[arg-type]  # that is the test
    assert not registry.storage.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "good", None, True, [1]])
def test_a_metric_is_a_number(registry: ModelRegistry, value: object) -> None:
    with pytest.raises(DataError, match="not a finite number"):
        registry.register(Doubles(), "1", {"accuracy": value})  # type: ignore[dict-item]  # that is the test
    assert not registry.list()


@pytest.mark.parametrize("file", ["model.pkl", "metrics.json"])
def test_damage_is_found_before_anything_is_loaded(registry: ModelRegistry, file: str) -> None:
    registry.register(Doubles(), "1", {"a": 1.0})
    path = registry.storage / "v1" / file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="differ"):
        registry.get("1")
        registry.metrics("1")
    path.unlink()
    with pytest.raises(IntegrityError, match="lacks its"):
        registry.get("1")
        registry.metrics("1")


def test_a_model_that_cannot_be_kept_leaves_nothing(registry: ModelRegistry) -> None:
    with pytest.raises(DataError, match="cannot be pickled"):
        registry.register(multiprocessing.Lock(), "1", {})
    assert not registry.list() and not registry.storage.exists()


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot write"):
        ModelRegistry(tmp_path / "file").register(Doubles(), "1", {})


def _register(path: Path, worker: int, results: "multiprocessing.Queue[str]") -> None:
    registry = ModelRegistry(path)
    for version in range(10):
        try:
            registry.register(worker, str(version), {"worker": worker})
            results.put(f"{version}")
        except ConflictError:
            results.put("conflict")
        registry.promote(version, "production")


def test_processes_that_race_register_each_version_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_register, args=(tmp_path / "models", worker, results)) for worker in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=30) for _ in range(20)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    registry = ModelRegistry(tmp_path / "models")
    assert sorted(name for name in found if name != "conflict") == [str(n) for n in range(10)]
    assert all(registry.get(entry.version) == entry.metrics["worker"] for entry in registry.list())
    assert registry.get(stage="production") == registry.get("9")
    assert not [path for path in registry.storage.rglob(".*")], "nothing half-written is left"
