"""Models by the names MLflow knows them by: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `runs:/RUN/path`, a folder, any artifact URI."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.adapters.mlflow.store import be_told_soon, told
from flyball.core.digest import sha256_file, sha256_json
from flyball.core.errors import FlyballError, NotFoundError, StoreError, UsageError
from flyball.core.schema import did_you_mean
from flyball.loop.adopt import Source
from flyball.registry.bundle import bundle_digest
from flyball.registry.records import Lineage
from flyball.serving.records import Label

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SQLITE = "sqlite:///"
_NAMELESS = frozenset({"model", "artifacts", "mlflow-model", ""})  # what everybody calls a model's folder


def name_of(asked: str) -> str:
    """The name a model goes by here, as far as what it was asked for says it; no look anywhere is taken."""
    if asked.startswith("models:/"):
        rest = asked.removeprefix("models:/").strip("/")
        return rest.rpartition("@")[0] or rest.rpartition("/")[0] or rest
    if asked.startswith("runs:/"):
        run, _, path = asked.removeprefix("runs:/").strip("/").partition("/")
        return _name(path, run[:8])
    if _SCHEME.match(asked):
        return _name(asked.rstrip("/"), "model")
    folder = Path(asked).resolve()
    return _name(folder.name, folder.parent.name)


def check(asked: str) -> None:
    """UsageError for a name that cannot mean one model, whatever MLflow has."""
    if asked.startswith("models:/"):
        rest = asked.removeprefix("models:/").strip("/")
        if "@" not in rest and "/" not in rest and not rest.startswith("m-"):
            raise UsageError(f"{asked} names a model and none of its versions", hint=f"write {asked}@ALIAS or {asked}/VERSION")
    elif asked.startswith("runs:/") and "/" not in asked.removeprefix("runs:/").strip("/"):
        raise UsageError(f"{asked} names a run and no model in it", hint="write runs:/RUN_ID/PATH, as `log_model` printed it")


def may_move(asked: str) -> bool:
    """Whether what was asked for may come to mean another version: an alias, a stage, `latest`."""
    rest = asked.removeprefix("models:/").strip("/")
    return asked.startswith("models:/") and ("@" in rest or ("/" in rest and not rest.rpartition("/")[2].isdecimal()))


def identity_with(identity: str, classes: Sequence[Label]) -> str:
    """The identity of a model together with what was said of it on top."""
    return sha256_json([identity, list(classes)])


def tracking_uri(given: str | None, folder: Path) -> str:
    """Where MLflow is: as the environment says, else the store that MLflow itself keeps in a folder; empty if there is none."""
    if given:
        return given
    if (folder / "mlflow.db").is_file():
        return f"sqlite:///{(folder / 'mlflow.db').resolve().as_posix()}"
    return (folder / "mlruns").resolve().as_uri() if (folder / "mlruns").is_dir() else ""


class MlflowSource:
    """Resolves and fetches. Only reads. MLflow is imported at the first use."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._made: MlflowClient | None = None

    def resolve(self, asked: str) -> Source:
        """What a name means now; NotFoundError if nothing."""
        check(asked)
        if asked.startswith("models:/"):
            return self._model(asked)
        if asked.startswith("runs:/"):
            return _source(asked, uri=asked, run_id=asked.removeprefix("runs:/").strip("/").partition("/")[0])
        if not _SCHEME.match(asked):
            folder = Path(asked).resolve()
            if not (folder / "MLmodel").is_file():
                raise NotFoundError(
                    f"{asked} holds no MLflow model (there is no file {folder / 'MLmodel'})",
                    hint="name the folder that `save_model` wrote, or a model by its URI: models:/NAME@ALIAS, runs:/RUN_ID/PATH",
                )
            return _source(asked, uri=folder.as_uri())
        return _source(asked, uri=asked)

    def fetch(self, source: Source, into: Path) -> Path:
        """The folder with the model's MLmodel; copied out of where it is unless it is a folder here."""
        if source.uri.startswith("file://") and not source.version:
            from urllib.parse import unquote, urlsplit

            return Path(unquote(urlsplit(source.uri).path))
        import mlflow.artifacts

        into.mkdir(parents=True, exist_ok=True)
        be_told_soon()
        with told(self._uri or "its place"):
            uri = self._place(source)
            found = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into), tracking_uri=self._uri or None))
        if not (found / "MLmodel").is_file():
            raise NotFoundError(f"{source.asked} holds no MLflow model: there is no file MLmodel", hint="name what `log_model` wrote")
        return found

    def bundle_of(self, source: Source, into: Path) -> Path | None:
        """The bundle that Flyball kept with a version; None for a version that Flyball neither made nor adopted."""
        if not source.version or not source.run_id:
            return None
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        from flyball.adapters.mlflow.registry import BUNDLE

        client = self._client()
        with told(self._uri):
            digest = client.get_model_version(source.name, str(source.version)).tags.get("flyball.bundle")
        if not digest:
            return None
        try:
            uri = f"{client.get_run(source.run_id).info.artifact_uri}/{BUNDLE}"
            found = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into), tracking_uri=self._uri))
            return found if bundle_digest(found) == digest else None
        except (MlflowException, OSError, FlyballError):
            return None  # the model itself is there all the same

    def lineage(self, source: Source, identity: str) -> Lineage:
        """What MLflow knows of where a model came from: run and commit."""
        commit = ""
        if source.run_id:
            from mlflow.exceptions import MlflowException

            try:
                commit = self._client().get_run(source.run_id).data.tags.get("mlflow.source.git.commit", "")
            except (MlflowException, StoreError):
                commit = ""  # a run that was deleted takes nothing from the model
        return Lineage(
            run_id=source.run_id,
            commit=commit,
            dirty_diff_sha256="",
            snapshot="",
            dvc_md5="",
            spec_digest="",
            code_digest="",
            identity=identity,
            environment_sha256="",
        )

    def mark(self, source: Source, bundle: Path, digest: str) -> None:
        """Write on a registered version that Flyball adopted it, and keep its bundle with its run if the run has none."""
        from flyball.adapters.mlflow.registry import BUNDLE

        client = self._client()
        with told(self._uri):
            if "flyball.bundle" in client.get_model_version(source.name, str(source.version)).tags:
                return
            if source.run_id and not client.list_artifacts(source.run_id, BUNDLE):
                client.log_artifacts(source.run_id, str(bundle), BUNDLE)
            for key, value in (("flyball.adopted", "yes"), ("flyball.bundle", digest), ("flyball.identity", source.identity)):
                client.set_model_version_tag(source.name, str(source.version), key, value)

    def _model(self, asked: str) -> Source:
        rest, client = asked.removeprefix("models:/").strip("/"), self._client()
        with told(self._uri):
            if "@" in rest:
                name, _, alias = rest.rpartition("@")
                there = client.get_registered_model(name).aliases
                if alias not in there:
                    raise NotFoundError(f"the model {name!r} has no alias {alias!r}{did_you_mean(alias, there)}", hint=_listed(there))
                return self._version(asked, client.get_model_version(name, str(there[alias])))
            name, _, number = rest.rpartition("/")
            if name and number.isdecimal():
                return self._version(asked, client.get_model_version(name, number))
            if name:
                return self._version(asked, self._newest(client, name, number))
            logged = client.get_logged_model(rest)
        identity = sha256_json(["logged model", self._uri, rest, logged.creation_timestamp])
        return _source(asked, uri=asked, run_id=logged.source_run_id or "", identity=identity)

    def _place(self, source: Source) -> str:
        """Where the files are. (Left to itself, MLflow would look a model up wherever this process talks to, not where we were told.)"""
        uri = source.uri
        if source.version:
            uri = self._client().get_model_version_download_uri(source.name, str(source.version))
        if uri.startswith("runs:/"):
            run_id, _, path = uri.removeprefix("runs:/").partition("/")
            run = self._client().get_run(run_id)
            outputs = getattr(getattr(run, "outputs", None), "model_outputs", None) or []
            logged = [self._client().get_logged_model(one.model_id) for one in outputs]  # since MLflow 3 beside the run, not in it
            return next((str(one.artifact_location) for one in reversed(logged) if one.name == path), f"{run.info.artifact_uri}/{path}")
        if uri.startswith("models:/m-"):
            model, _, path = uri.removeprefix("models:/").partition("/")
            uri = self._client().get_logged_model(model).artifact_location
            uri = f"{uri}/{path}" if path else uri
        return uri

    def _newest(self, client: "MlflowClient", name: str, stage: str) -> Any:
        client.get_registered_model(name)  # says that there is none
        found = [one for one in client.search_model_versions(f"name = '{name}'", max_results=1000)]
        if stage.lower() != "latest":
            found = [one for one in found if (one.current_stage or "").lower() == stage.lower()]
        if not found:
            raise NotFoundError(
                f"the model {name!r} has no version {stage!r}", hint=f"write models:/{name}@ALIAS or models:/{name}/VERSION"
            )
        return max(found, key=lambda one: int(one.version))

    def _version(self, asked: str, found: Any) -> Source:
        identity = sha256_json(
            ["model version", self._uri, found.name, int(found.version), found.creation_timestamp, found.run_id or "", found.source or ""]
        )
        return Source(
            asked=asked,
            uri=f"models:/{found.name}/{found.version}",
            name=found.name,
            version=int(found.version),
            run_id=found.run_id or "",
            identity=identity,
        )

    def _client(self) -> "MlflowClient":
        if self._made is None:
            if not self._uri:
                raise StoreError("it is not known where MLflow is", hint="set MLFLOW_TRACKING_URI, or go to the folder with its mlflow.db")
            if self._uri.startswith(_SQLITE) and not Path(self._uri.removeprefix(_SQLITE)).is_file():  # MLflow would make an empty one
                raise StoreError(f"there is no MLflow database at {self._uri}", hint="is MLFLOW_TRACKING_URI right?")
            for name in ("alembic", "mlflow.store.db.utils"):
                logging.getLogger(name).setLevel(logging.WARNING)
            from mlflow import MlflowClient

            be_told_soon()
            with told(self._uri):
                self._made = MlflowClient(tracking_uri=self._uri)
        return self._made


def _listed(aliases: Mapping[str, str]) -> str:
    there = ", ".join(f"{alias} (version {version})" for alias, version in sorted(aliases.items()))
    return f"it has: {there}" if there else "it has none; name a version: models:/NAME/VERSION"


def content_identity(folder: Path) -> str:
    """Equal for equal files under equal names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sha256_json(["model", [[path.relative_to(folder).as_posix(), sha256_file(path)] for path in files]])


def _source(asked: str, *, uri: str, run_id: str = "", identity: str = "") -> Source:
    return Source(asked=asked, uri=uri, name=name_of(asked), version=0, run_id=run_id, identity=identity)


def _name(path: str, otherwise: str) -> str:
    """A model's name from where it lies; what everybody calls a model's folder gets something of its own beside it."""
    last = path.rsplit("/", 1)[-1]
    legal = re.sub(r"[/:\x00-\x1f\x7f]+", "-", last).strip(" -.")[:200]
    return legal if legal.lower() not in _NAMELESS else f"{legal or 'model'}-{re.sub(r'[^A-Za-z0-9_-]+', '-', otherwise)[:40]}".strip("-")
