"""Where the parts of a version lie that another engine needs: its plain MLflow model, verified as far as anybody can promise it."""

from collections.abc import Callable
from pathlib import Path

from flyball.core.errors import IntegrityError, NotFoundError
from flyball.journal.state import fold
from flyball.loop.making.workshop import Workshop
from flyball.registry.bundle import folder_digest, read_file
from flyball.registry.records import Manifest

Fetch = Callable[[str, Path], Path]  # from where a model was adopted from, into a folder: the folder with its MLmodel

_NATIVE = "native/"


def mlflow_model_of(workshop: Workshop, model: str, version: int, bundle: Path, manifest: Manifest, into: Path, *, adopted: Fetch) -> Path:
    """The folder of a version's MLflow model: from its bundle, from its run, or from where it was adopted from.

    IntegrityError if it is another than the bundle signs.
    """
    if f"{_NATIVE}MLmodel" in manifest.files:
        target = into / "model"
        for name in manifest.files:
            if name.startswith(_NATIVE):
                path = target / name.removeprefix(_NATIVE)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(read_file(bundle, manifest, name))
        return target
    registered = fold(model, workshop.journal.read(model)).versions[version].registered
    if registered.source:
        found = adopted(registered.source, into / "fetched")
    else:
        target = into / "kept"
        target.mkdir(parents=True)
        workshop.tracker.fetch(registered.run_id, target)
        found = target / "model"
    if not (found / "MLmodel").is_file():
        raise NotFoundError(f"the MLflow model of {model}@{version} is not where it was kept", hint="train it again: flyball train --force")
    if manifest.model_sha256 and folder_digest(found) != manifest.model_sha256:
        raise IntegrityError(f"the MLflow model of {model}@{version} is another than its bundle signs", hint="somebody changed its files")
    return found
