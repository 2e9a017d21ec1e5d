"""Model versions in MLflow's registry: port Registry."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.adapters.mlflow.store import MlflowStore, told
from flyball.adapters.mlflow.tracker import IDENTITY
from flyball.core.errors import NotFoundError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

MODEL, BUNDLE = "flyball/model", "flyball/bundle"
_ALIASES = ("champion", "challenger", "previous")


class MlflowRegistry:
    """The source of a version is the plain MLflow model of its run; the bundle lies beside it among the run's artifacts."""

    def __init__(self, store: MlflowStore) -> None:
        self._store = store

    def register(self, model: str, run_id: str, bundle: Path, *, identity: str, tags: Mapping[str, str]) -> int:
        """The version of this identity if there is one; else the next. Its bundle is uploaded first, if the run has none yet."""
        from mlflow.exceptions import MlflowException

        client = self._store.client()
        with told(self._store.uri):
            known = self._known(client, model, identity)
            if known is not None:
                return int(known.version)
            run = client.get_run(run_id)
            if not client.list_artifacts(run_id, BUNDLE):
                client.log_artifacts(run_id, str(bundle), BUNDLE)
            source = MODEL if client.list_artifacts(run_id, MODEL) else BUNDLE
            try:
                client.create_registered_model(model, tags={"flyball": "yes"})
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = client.create_model_version(
                model, f"{run.info.artifact_uri}/{source}", run_id, tags={**tags, IDENTITY: identity}, await_creation_for=30
            )
            return int(made.version)

    def run_of(self, model: str, identity: str) -> str:
        """The run that a version with this identity was made from."""
        client = self._store.client()
        with told(self._store.uri):
            known = self._known(client, model, identity)
        return str(known.run_id) if known is not None else ""

    def aliases(self, model: str) -> Mapping[str, int]:
        """Champion, challenger and previous, as far as they are set."""
        client = self._store.client()
        try:
            with told(self._store.uri):
                found = client.get_registered_model(model).aliases
        except NotFoundError:
            return {}
        return {alias: int(found[alias]) for alias in _ALIASES if alias in found}

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Point or remove; removing what is not there is nothing."""
        client = self._store.client()
        with told(self._store.uri):
            if version is None:
                client.delete_registered_model_alias(model, alias)
            else:
                client.set_registered_model_alias(model, alias, str(version))

    def keep_bundle(self, model: str, version: int, digest: str, bundle: Path) -> None:
        """As `flyball/bundle-<digest>` among the artifacts of the version's run, whose `flyball/bundle` stays as it is."""
        client = self._store.client()
        with told(self._store.uri):
            run_id = client.get_model_version(model, str(version)).run_id
            if not client.list_artifacts(run_id, f"{BUNDLE}-{digest}"):
                client.log_artifacts(run_id, str(bundle), f"{BUNDLE}-{digest}")

    def fetch_bundle(self, model: str, version: int, into: Path, *, digest: str = "") -> None:
        """Copy a bundle of a version into a folder that does not exist yet."""
        import mlflow.artifacts

        client = self._store.client()
        with told(self._store.uri):
            found = client.get_model_version(model, str(version))
            run, where = client.get_run(found.run_id), f"{BUNDLE}-{digest}" if digest else BUNDLE
            if digest and not client.list_artifacts(found.run_id, where):
                raise NotFoundError(f"the registry has no bundle {digest[:12]} of {model}@{version}")
            draft = into.parent / f".{into.name}.{time.monotonic_ns()}"
            got = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{run.info.artifact_uri}/{where}", dst_path=str(draft), tracking_uri=self._store.uri
            )
            Path(got).replace(into)
            for left in sorted(draft.rglob("*"), reverse=True):
                left.rmdir()
            draft.rmdir()

    def _known(self, client: "MlflowClient", model: str, identity: str) -> "ModelVersion | None":
        """By the tag alone: MLflow's filters cannot quote every name that MLflow allows."""
        found = client.search_model_versions(f"tags.`{IDENTITY}` = '{identity}'", max_results=1000)
        return next((version for version in found if version.name == model), None)
