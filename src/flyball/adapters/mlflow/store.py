"""Where MLflow keeps things for a project: the URIs, a client, and errors in our words."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flyball.adapters.mlflow.setup_lock import lock_of, make_database
from flyball.core.errors import NotFoundError, StoreError, UnsupportedError
from flyball.core.slug import slug

if TYPE_CHECKING:
    from mlflow import MlflowClient


_OF_CLOUDS = ("botocore", "boto3", "google", "azure")


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
                    f"MLflow's experiment {name!r} was deleted",
                    hint=f"restore it (`mlflow experiments restore`) in {without_secret(self.uri, self.uri)}",
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

    where = without_secret(uri, uri)
    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFoundError(f"MLflow at {where}: {_short(error, uri)}", hint="`flyball models` lists what is registered") from error
        raise StoreError(f"MLflow at {where}: {_short(error, uri)}", hint=_hint(uri, error)) from error
    except ModuleNotFoundError as error:
        wanted = "flyball[s3]" if error.name in ("boto3", "botocore") else error.name
        raise UnsupportedError(
            f"MLflow at {where} keeps its artifacts where only {error.name} gets", hint=f"pip install '{wanted}'"
        ) from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"MLflow at {where} does not answer: {_short(error, uri)}", hint=_hint(uri, error)) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _OF_CLOUDS:
            raise
        raise StoreError(
            f"the artifacts of MLflow at {where} cannot be reached: {_short(error, uri)}",
            hint="credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, MLFLOW_S3_ENDPOINT_URL for S3)",
        ) from error


def without_secret(text: str, uri: str) -> str:
    """The text without user and password of an address, however it is written there."""
    user, _, _ = urlsplit(uri).netloc.rpartition("@")
    if not user:
        return text
    password = user.partition(":")[2]
    for part in (f"{user}@", password, unquote(password)):
        text = text.replace(part, "") if len(part) > 2 else text
    return text


def _short(error: Exception, uri: str) -> str:
    return without_secret(str(error).strip().split("\n")[0], uri)[:300]


def _hint(uri: str, error: Exception) -> str:
    status = re.search(r"error code (\d{3})|^(\d{3}) Client Error", str(error))
    code = next((found for found in status.groups() if found), "") if status else ""
    if code == "401":
        return "the server wants to know who asks: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    if code == "403":
        return "whoever asks may not do that there: let its administrator permit it, or ask as another user (MLFLOW_TRACKING_USERNAME)"
    if uri.startswith("sqlite"):
        return "is the file an MLflow database of this version, and may it be written? `mlflow db upgrade` brings an older one up to date"
    return "is the server up, and MLFLOW_TRACKING_URI right?"
