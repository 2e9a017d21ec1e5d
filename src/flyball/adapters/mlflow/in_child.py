"""In the child: makes the project's plain `mlflow` lines work as written, and notices the run they make.

Four things about MLflow are changed, each when MLflow loads the module concerned and only in this process: a scikit-learn model is
pickled where nothing else was said (the default, skops, refuses every tree); requirements of a logged model are the flavour's own pins
instead of what a second process finds out in many seconds; experiments that the code creates in a local store keep their artifacts in
the project's artifact folder; and the store is not opened before its tables are complete.

The first run is the run of this training; runs after it become its children.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from flyball.adapters.mlflow.setup_lock import make_database

_PARENT = "mlflow.parentRunId"


class RunWatch:
    """Remembers the first run that the project's code creates in Flyball's store; `run_id` is empty while there is none."""

    def __init__(self, *, tracking_uri: str, artifacts: str, lock: Path | None, tell: Callable[[str], None]) -> None:
        self.run_id = ""
        self._tracking_uri = tracking_uri
        self._artifacts = artifacts
        self._lock = lock
        self._tell = tell

    def install(self) -> None:
        """Wait for MLflow's modules to be imported, if ever they are."""
        finder = _AfterImport(
            {
                "mlflow.sklearn": pickle_by_default,
                "mlflow.models": pin_without_inference,
                "mlflow.tracking.client": self._watch_client,
                "mlflow.store.tracking.sqlalchemy_store": self._open_store,
            }
        )
        sys.meta_path.insert(0, finder)

    def begin(self) -> None:
        """From here on, the next run is the run of the training."""
        self.run_id = ""

    def end(self, *, failed: bool) -> None:
        """End the runs that the code left open."""
        mlflow = sys.modules.get("mlflow")
        while mlflow is not None and mlflow.active_run() is not None:
            mlflow.end_run("FAILED" if failed else "FINISHED")

    def _watch_client(self, module: ModuleType) -> None:
        client = module.MlflowClient
        create_run = client.create_run

        @functools.wraps(create_run)
        def created(client: Any, experiment_id: str, start_time: Any = None, tags: Any = None, run_name: Any = None) -> Any:
            tags = dict(tags or {})
            if self.run_id and _PARENT not in tags:
                tags[_PARENT] = self.run_id
            run = create_run(client, experiment_id, start_time=start_time, tags=tags, run_name=run_name)
            if not self.run_id and _PARENT not in tags and self._ours(client):
                self.run_id = run.info.run_id
                self._tell(self.run_id)
            return run

        client.create_run = created

    def _open_store(self, module: ModuleType) -> None:
        """A local store: complete before it is opened, and its artifacts in the project's folder instead of `./mlruns`."""
        store = module.SqlAlchemyStore
        plain = store.__init__

        @functools.wraps(plain)
        def opened(store: Any, db_uri: str, *args: Any, **kwargs: Any) -> None:
            if self._lock is not None and db_uri.rstrip("/") == self._tracking_uri.rstrip("/"):
                make_database(self._tracking_uri, self._artifacts, self._lock, module.SqlAlchemyStore)
                if args and self._artifacts and args[0] in (None, "./mlruns"):
                    args = (self._artifacts, *args[1:])
            plain(store, db_uri, *args, **kwargs)

        store.__init__ = opened

    def _ours(self, client: Any) -> bool:
        return not self._tracking_uri or client.tracking_uri.rstrip("/") == self._tracking_uri.rstrip("/")


def pickle_by_default(module: ModuleType) -> None:
    """`log_model` and `save_model` of scikit-learn pickle unless another format is named."""
    for name in ("log_model", "save_model"):
        plain = getattr(module, name)
        if "serialization_format" not in inspect.signature(plain).parameters:
            continue
        setattr(module, name, _pickling(plain))


def pin_without_inference(module: ModuleType) -> None:
    """Requirements are the flavour's defaults, with the versions installed here."""
    plain = module.infer_pip_requirements

    @functools.wraps(plain)
    def pinned(model_uri: Any, flavor: Any, fallback: Any = None, *args: Any, **kwargs: Any) -> Any:
        return list(fallback) if fallback is not None else plain(model_uri, flavor, fallback, *args, **kwargs)

    module.infer_pip_requirements = pinned  # type: ignore[attr-defined]  # a module's attribute


def _pickling(plain: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def save(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind_partial(*args, **kwargs).arguments
        if given.get("serialization_format") is None and not given.get("skops_trusted_types"):
            kwargs["serialization_format"] = "cloudpickle"
        return plain(*args, **kwargs)

    return save


class _AfterImport(importlib.abc.MetaPathFinder):
    """Runs an action on a module right after it was first executed."""

    def __init__(self, actions: dict[str, Callable[[ModuleType], None]]) -> None:
        self._actions = actions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        action = self._actions.pop(fullname, None)
        if action is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            action(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this loader serves this one module
        return spec
