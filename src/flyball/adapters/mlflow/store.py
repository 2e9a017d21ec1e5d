"""Where MLflow keeps things for a project: the URIs, a client, and errors in our words."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.adapters.mlflow.setup_lock import lock_of, make_database
from flyball.core.errors import NotFoundError, StoreError
from flyball.core.slug import slug

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowStore:
    """A tracking server, or `mlflow.db` and `mlartifacts/` in the project. MLflow is imported at the first use, not before."""

    def __init__(self, project: Path, tracking_uri: str | None = None) -> None:
        root = project.resolve()
        self.local = tracking_uri is None
        self.uri = tracking_uri or f"sqlite:///{(root / 'mlflow.db').as_posix()}"
        # A server decides for itself where artifacts go; a database named by hand has nobody to decide it but us.
        self.artifacts = "" if self.uri.startswith(("http://", "https://", "databricks")) else (root / "mlartifacts").as_uri()
        self._lock_file = lock_of(root, self.uri)
        self._client: MlflowClient | None = None
        self._lock = threading.Lock()

    def client(self) -> "MlflowClient":
        """The client, made once. The first call imports MLflow and, in a new project, creates its tables: seconds."""
        with self._lock:
            if self._client is None:
                for name in ("alembic", "mlflow.store.db.utils"):  # each of some fifty migrations would say so on stderr
                    logging.getLogger(name).setLevel(logging.WARNING)
                from mlflow import MlflowClient

                be_told_soon()
                with told(self.uri):
                    if self._lock_file is not None:
                        make_database(self.uri, self.artifacts, self._lock_file, _open_store)
                    client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
                    client.search_experiments(max_results=1)
                self._client = client
            return self._client

    def experiment(self, name: str) -> str:
        """The id of an experiment, created if need be, with its artifacts in the project's folder when there is no server."""
        from mlflow.exceptions import MlflowException

        client = self.client()
        with told(self.uri):
            found = client.get_experiment_by_name(name)
            if found is None:
                try:
                    return str(
                        client.create_experiment(name, artifact_location=f"{self.artifacts}/{slug(name)}" if self.artifacts else None)
                    )
                except MlflowException:  # another process was quicker
                    found = client.get_experiment_by_name(name)
            if found is None or found.lifecycle_stage != "active":
                raise StoreError(
                    f"MLflow's experiment {name!r} was deleted", hint=f"restore it (`mlflow experiments restore`) in {self.uri}"
                )
            return str(found.experiment_id)


def _open_store(uri: str, artifacts: str) -> Any:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(uri, artifacts)


def be_told_soon() -> None:
    """A server that is down: MLflow would try for four minutes before it says so. What the user set stays."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES

    if not MLFLOW_HTTP_REQUEST_MAX_RETRIES.is_set():
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(2)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """MLflow's errors as ours: what does not exist, and what does not answer."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFoundError(f"MLflow at {uri}: {_short(error)}", hint="`flyball models` lists what is registered") from error
        raise StoreError(f"MLflow at {uri}: {_short(error)}", hint=_hint(uri)) from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"MLflow at {uri} does not answer: {_short(error)}", hint=_hint(uri)) from error


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300]


def _hint(uri: str) -> str:
    if uri.startswith("sqlite"):
        return "is the file an MLflow database of this version, and may it be written? `mlflow db upgrade` brings an older one up to date"
    return "is the server up, and MLFLOW_TRACKING_URI right?"
