"""MLflow's registry keeps what every registry keeps to, under any name MLflow allows."""

import shutil
from pathlib import Path

import pytest

from flyball.adapters.mlflow.registry import MlflowRegistry
from flyball.adapters.mlflow.store import MlflowStore
from flyball.adapters.mlflow.tracker import MlflowTracker
from flyball.core.errors import NotFoundError, StoreError
from flyball.testing.registry import RegistrySuite

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow says when it is imported and used is not ours to answer for


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose MLflow database has its tables: making them takes seconds, copying them does not."""
    folder = tmp_path_factory.mktemp("ready")
    MlflowStore(folder).client()
    return folder


@pytest.fixture
def store(ready: Path, tmp_path: Path) -> MlflowStore:
    shutil.copy(ready / "mlflow.db", tmp_path / "mlflow.db")
    return MlflowStore(tmp_path)


@pytest.fixture
def registry(store: MlflowStore) -> MlflowRegistry:
    return MlflowRegistry(store)


@pytest.fixture
def run_id(store: MlflowStore) -> str:
    return MlflowTracker(store).begin("churn", "")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "native").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "native" / "MLmodel").write_bytes(b"\0\1")
    return folder


class TestMlflowRegistry(RegistrySuite):
    """The conformance suite."""


@pytest.mark.parametrize("name", ["Flight delay (JFK)", "it's", 'say "x"', "客户流失", "a%20b", "x" * 200, "back\\slash", "= and ,"])
def test_any_name_that_mlflow_allows_can_be_registered(registry: MlflowRegistry, store: MlflowStore, bundle: Path, name: str) -> None:
    run = MlflowTracker(store).begin(name, "")
    assert registry.register(name, run, bundle, identity="i1", tags={}) == 1
    assert registry.register(name, run, bundle, identity="i1", tags={}) == 1
    assert registry.register(name, run, bundle, identity="i2", tags={}) == 2
    registry.set_alias(name, "champion", 2)
    assert registry.aliases(name) == {"champion": 2}


def test_an_unknown_run_cannot_be_registered(registry: MlflowRegistry, bundle: Path) -> None:
    with pytest.raises(NotFoundError):
        registry.register("churn", "0" * 32, bundle, identity="i1", tags={})
    assert registry.aliases("churn") == {}


def test_a_file_that_is_no_mlflow_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match=r"mlflow\.db"):
        MlflowRegistry(MlflowStore(tmp_path)).aliases("churn")


def test_a_server_that_is_not_there_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"):
        MlflowRegistry(MlflowStore(tmp_path, "http://127.0.0.1:9")).aliases("churn")
