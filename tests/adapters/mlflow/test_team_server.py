"""A tracking server that wants to know who asks, and artifacts in S3: through the server, and straight."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clouds import PASSWORD, TOKEN, USER, Guard, guarded, keys_in, mlflow_server, s3
from flyball.adapters.mlflow.registry import MlflowRegistry
from flyball.adapters.mlflow.store import MlflowStore, told
from flyball.core.errors import StoreError, UnsupportedError
from flyball.loop.making.training import train
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from projects import NOW, make_project, workshop_of

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what MLflow says when it is imported and used is not ours to answer for
    pytest.mark.slow,
]
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    with s3("team") as variables:
        yield variables


@pytest.fixture(scope="module")
def server(bucket: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("server"), "--artifacts-destination", "s3://team/proxied", **bucket) as address:
        yield address


@pytest.fixture
def guard(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Guard]]:
    for name in (*CREDENTIALS, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with guarded(server) as found:
        yield found


def test_a_training_is_registered_by_user_and_password_with_its_artifacts_through_the_server(
    guard: tuple[str, Guard], bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = guard
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    folder = make_project(tmp_path / "project")
    with (folder / "flyball.toml").open("a") as file:
        file.write('[env.prod.stores]\nmlflow = "env:TEAM_MLFLOW"\n')
    settings = read_settings(folder, {"FLYBALL_ENV": "prod", "TEAM_MLFLOW": address})
    assert settings.tracking_uri == address
    result = train(load_spec(folder, "prod"), workshop_of(folder, tracking_uri=address), now=NOW)
    assert (result.status, result.version) == ("registered", 1)
    assert seen.seen == {"Basic"}
    workshop = workshop_of(folder, tracking_uri=address)
    workshop.registry.set_alias("churn", "champion", 1)
    workshop.registry.fetch_bundle("churn", 1, tmp_path / "fetched")
    assert open_stores(read_settings(folder, {})).bundles.put(tmp_path / "fetched") == result.bundle
    assert any(key.startswith("proxied/") and key.endswith("manifest.json") for key in keys_in("team", bucket))
    kept = [path for path in folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert not kept


def test_a_token_lets_in_as_well(guard: tuple[str, Guard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen = guard
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    assert MlflowRegistry(MlflowStore(tmp_path, address)).aliases("nobody") == {}
    assert seen.seen == {"Bearer"}


def test_whoever_is_not_known_is_told_which_variables_to_set(
    guard: tuple[str, Guard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = guard
    with pytest.raises(StoreError, match="401") as refused:
        MlflowStore(tmp_path, address).client()
    assert "MLFLOW_TRACKING_USERNAME" in refused.value.hint
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wr0ng")
    with pytest.raises(StoreError, match="401") as refused:
        MlflowStore(tmp_path, address).client()
    assert "wr0ng" not in str(refused.value)


def test_what_is_not_permitted_is_told_as_that(guard: tuple[str, Guard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen = guard
    seen.forbids = "/api/2.0/mlflow/registered-models"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    with pytest.raises(StoreError, match="403") as refused:
        MlflowRegistry(MlflowStore(tmp_path, address)).aliases("churn")
    assert "may not do that" in refused.value.hint


def test_a_server_that_is_gone_is_told_without_the_password_in_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"MLflow at http://127\.0\.0\.1:1") as gone:
        MlflowStore(tmp_path, "http://loop:hunter%402@127.0.0.1:1").client()
    assert "hunter" not in str(gone.value)
    assert "is the server up" in gone.value.hint


def test_artifacts_go_straight_to_s3_where_the_experiment_says_so(
    server: str, bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    MlflowStore(tmp_path, server).client().create_experiment("straight", artifact_location="s3://team/straight")
    folder = make_project(tmp_path / "project")
    text = (folder / "flyball.toml").read_text().replace('name = "churn"', 'name = "straight"')
    (folder / "flyball.toml").write_text(text)
    result = train(load_spec(folder), workshop_of(folder, tracking_uri=server), now=NOW)
    assert result.status == "registered"
    assert any(key.startswith("straight/") and key.endswith("manifest.json") for key in keys_in("team", bucket))
    workshop_of(folder, tracking_uri=server).registry.fetch_bundle("straight", 1, tmp_path / "fetched")
    assert open_stores(read_settings(folder, {})).bundles.put(tmp_path / "fetched") == result.bundle


def test_what_is_missing_for_s3_is_told_with_the_command() -> None:
    with pytest.raises(UnsupportedError) as missing, told("http://mlflow.example.com"):
        raise ModuleNotFoundError("No module named 'boto3'", name="boto3")
    assert missing.value.hint == "pip install 'flyball[s3]'"


def test_an_s3_that_refuses_is_told_as_the_artifacts_and_not_as_a_stack(
    server: str, bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    store = MlflowStore(tmp_path, server)
    experiment = store.client().create_experiment("nowhere", artifact_location="s3://no-such-bucket/x")
    run = store.client().create_run(experiment)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"NoSuchBucket|does not exist"), told(server):
        store.client().log_artifact(run.info.run_id, str(tmp_path / "file"))
