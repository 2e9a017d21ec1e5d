"""Training by another system: asked over HTTP, answered by a version in MLflow's registry. Port Elsewhere."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from flyball.adapters.mlflow.store import MlflowStore, told, without_secret
from flyball.adapters.notify.http import address, post_json
from flyball.core.codec import to_json
from flyball.core.errors import FlyballError, SpecError, StoreError
from flyball.spec.records import External

ACTION = "flyball.action"
EVENT = "flyball-train"
_SECONDS = 30.0


class ExternalTraining:
    """`secret` reads what `env:NAME` stands for."""

    def __init__(self, store: MlflowStore, *, secret: Callable[[str], str]) -> None:
        self._store, self._secret = store, secret

    def ask(self, external: External, request: Mapping[str, object], *, key: str) -> None:
        """POST the request itself, or inside GitHub's `repository_dispatch`. The key is also the `Idempotency-Key`."""
        body: Mapping[str, object] = request
        headers: dict[str, str] = {}
        if external.kind == "repository_dispatch":
            body = {"event_type": EVENT, "client_payload": request}
            headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        try:
            if external.token:
                headers["authorization"] = f"Bearer {self._secret(external.token)}"
            post_json(address(self._secret(external.url)), to_json(body).encode(), seconds=_SECONDS, key=key, more=headers)
        except SpecError as error:
            raise SpecError(f"train.external: {error.message}", hint=error.hint) from None
        except FlyballError as error:
            raise StoreError(
                f"the system that is to train ({external.kind}) did not take the request: {error.message}",
                hint="look at train.external.url and train.external.token, and at whether the system is up",
            ) from None

    def made(self, action: str) -> str:
        """Under whatever name it was registered; a version that is still being uploaded is none yet."""
        client = self._store.client()
        with told(self._store.uri):
            found = client.search_model_versions(f"tags.`{ACTION}` = '{action}'", max_results=1000)
        ready = [version for version in found if version.status == "READY"]
        newest = max(ready, key=lambda version: (version.creation_timestamp, int(version.version)), default=None)
        return "" if newest is None else f"models:/{newest.name}/{newest.version}"

    def fetch(self, version: str, into: Path) -> None:
        """All files of the model's folder."""
        import mlflow.artifacts

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # MLflow knows no other way to fetch quietly
        name, _, number = version.removeprefix("models:/").rpartition("/")
        client = self._store.client()
        with told(self._store.uri):
            source = client.get_model_version_download_uri(name, number)
            draft = into.parent / f".{into.name}.{time.monotonic_ns()}"
            got = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(draft), tracking_uri=self._store.uri)
        Path(got).replace(into)

    def register_at(self) -> str:
        """The tracking URI."""
        return without_secret(self._store.uri, self._store.uri)
