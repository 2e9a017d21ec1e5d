"""`flyball package NAME@V --for ENGINE`: a version in the shape that another engine reads."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from flyball.cli.frame import as_json, console, project, say, show_json, version_of
from flyball.core.errors import IntegrityError, RefusedError, StoreError, UnsupportedError, UsageError
from flyball.core.record import record
from flyball.core.slug import slug
from flyball.core.table import Table
from flyball.loop.behaviour.records import Subject
from flyball.registry.records import Manifest
from flyball.render.packages.kserve import inference_service, model_settings
from flyball.render.packages.records import Packaged, TensorForm
from flyball.render.packages.triton import LABELS, config
from flyball.serving.engine import TIE, labels
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_workshop

_CHECKED = 5_000
_MODEL = "model"


@record
class Check:
    """The packaged model against the version's own engine."""

    rows: int
    differing_labels: int
    largest_difference: float


@record
class Made:
    """What was packaged: files by path (bytes, or a folder to copy), the comparison if one could be made, and what to do with it."""

    files: dict[str, bytes | Path]
    check: Check | None
    notes: tuple[str, ...]


@click.command()
@click.argument("version", metavar="NAME@V")
@click.option(
    "--for",
    "engine",
    type=click.Choice(["triton", "kserve", "pyfunc", "savedmodel"]),
    required=True,
    help="Who is to read it: Triton, KServe, anything that opens an MLflow model, TensorFlow Serving.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where it is written; must not be there yet.")
@click.option("--uri", default=None, metavar="URI", help="kserve: where the cluster finds the folder (default: pvc://models/NAME).")
@as_json
@click.pass_context
def command(ctx: click.Context, version: str, engine: str, out: Path, uri: str | None, as_json: bool) -> None:
    """Write a version in the shape that an engine your team already runs reads. Nothing of Flyball is needed there.

    \b
    triton      a model repository: NAME/config.pbtxt, NAME/V/model.onnx, labels
    kserve      the same with an InferenceService; of a model that is Python code the MLflow model, for MLServer
    pyfunc      the plain MLflow model: mlflow.pyfunc.load_model(DIR)
    savedmodel  the SavedModel of a TensorFlow model: NAME/V/saved_model.pb, as TensorFlow Serving wants it

    An ONNX model is run here over held-out rows first, and has to give the scores that the version gives. What keeps a version from being
    packaged so is named, and nothing is written. Exit 1 then.
    """
    settings, spec = project(ctx)
    number = version_of(version, spec.model.name)
    if out.exists():
        raise RefusedError(f"nothing was written: {out} exists already", hint="name a folder that is not there yet")
    if uri is not None and engine != "kserve":
        raise UsageError("--uri goes with --for kserve", hint="leave it out")
    with tempfile.TemporaryDirectory(prefix="flyball-package-") as scratch:
        made = package(settings, spec, number, engine, uri, Path(scratch))
        _write(made, out)
    _tell(made, spec, number, engine, out, as_json)


def package(settings: Settings, spec: Spec, number: int, engine: str, uri: str | None, scratch: Path) -> Made:
    """The files for an engine; UnsupportedError names what prevents it."""
    from flyball.loop.behaviour.subject import subject_of

    workshop = open_workshop(settings, spec, echo=say)
    try:
        subject = subject_of(spec, workshop, number, scratch)
        name = slug(subject.model)

        def mlflow_model() -> Path:
            return _mlflow_model(settings, spec, subject, scratch)

        if engine == "triton":
            return _repository(subject, name)
        if engine == "kserve":
            return _kserve(subject, name, mlflow_model, uri or f"pvc://models/{name}")
        if engine == "pyfunc":
            note = "python: mlflow.pyfunc.load_model(DIR); it opens the trainer's own objects, so only where you trust them"
            return Made(files={"": mlflow_model()}, check=None, notes=(note,))
        return _saved_model(name, number, mlflow_model)
    finally:
        workshop.trainer.close()


def _repository(subject: Subject, name: str) -> Made:
    """Triton's model repository with one model."""
    from flyball.adapters.onnx.packaged import forms, onnx_of

    manifest = subject.manifest
    content = onnx_of(subject.path, manifest)
    check = _checked(subject, content)
    inputs, outputs = (tuple(TensorForm(name=one, datatype=kind, dims=dims) for one, kind, dims in each) for each in forms(content))
    model = replace(_packaged(subject, name), inputs=inputs, outputs=outputs)
    files: dict[str, bytes | Path] = {
        f"{name}/config.pbtxt": config(model).encode(),
        f"{name}/{model.version}/model.onnx": content,
    }
    if model.labels:
        files[f"{name}/{LABELS}"] = "".join(f"{_line(label)}\n" for label in model.labels).encode()
    notes = [f"tritonserver --model-repository=DIR; then it answers under /v2/models/{name}"]
    if manifest.task == "binary":
        notes.append(f"it gives probabilities: a row is {manifest.classes[1]!r} from {manifest.threshold:g} on")
    return Made(files=files, check=check, notes=tuple(notes))


def _kserve(subject: Subject, name: str, mlflow_model: Callable[[], Path], uri: str) -> Made:
    """A model repository with its InferenceService; where there is no ONNX, the MLflow model for MLServer."""
    model = _packaged(subject, name)
    try:
        made, kind = _repository(subject, name), "triton"
        files = {f"storage/{path}": content for path, content in made.files.items()}
    except UnsupportedError as error:
        made = Made(files={}, check=None, notes=(f"{error.message}; so MLServer runs its own code",))
        kind = "mlflow"
        files = {f"storage/{_MODEL}": mlflow_model(), "storage/model-settings.json": model_settings(model, _MODEL).encode()}
    files["inference-service.yaml"] = inference_service(model, kind=kind, storage=uri).encode()
    note = f"copy DIR/storage to {uri}, then: kubectl apply -f DIR/inference-service.yaml"
    return Made(files=files, check=made.check, notes=(*(one for one in made.notes if not one.startswith("tritonserver")), note))


def _saved_model(name: str, number: int, mlflow_model: Callable[[], Path]) -> Made:
    from flyball.adapters.mlflow.saved_model import saved_model_in

    found = saved_model_in(mlflow_model())
    note = f"tensorflow_model_server --rest_api_port=8501 --model_name={name} --model_base_path=DIR/{name} (an absolute path)"
    return Made(files={f"{name}/{number}": found}, check=None, notes=(note,))


def _packaged(subject: Subject, name: str) -> Packaged:
    manifest, version = subject.manifest, subject.version or 1
    about = {
        "flyball_model": subject.model,
        "flyball_version": str(version),
        "flyball_bundle": subject.bundle,
        "run_id": subject.run_id,
        "task": manifest.task,
    }
    if manifest.task == "binary":
        about["threshold"] = f"{manifest.threshold!r}"
    labels_of = tuple(map(str, manifest.classes))
    return Packaged(name=name, version=version, inputs=(), outputs=(), labels=labels_of, about=about)


def _checked(subject: Subject, content: bytes) -> Check | None:
    """The scores of the packaged model over held-out rows; IntegrityError if they are not the version's own."""
    from flyball.adapters.onnx.packaged import scores_of
    from flyball.loop.replaying.rows import readable

    manifest = subject.manifest
    rows = subject.rows.take(slice(0, _CHECKED)) if subject.rows.rows else Table({})
    if not rows.rows:
        return None
    table = readable(rows, manifest.schema)
    own, packaged = subject.score(table), scores_of(content, manifest, table)
    tolerance = max(TIE, manifest.parity.tolerance if manifest.parity is not None else 0.0)
    apart = float(np.abs(own - packaged).max(initial=0.0))
    differing = _differing(manifest, own, packaged)
    if differing or not apart <= tolerance:
        raise IntegrityError(
            f"the ONNX model of {subject.name} does not answer as the version does: {differing} of {table.rows} labels differ, "
            f"scores by up to {apart:.2g}",
            hint="nothing was written; package it with --for pyfunc",
        )
    return Check(rows=table.rows, differing_labels=differing, largest_difference=apart)


def _differing(manifest: Manifest, own: np.ndarray, packaged: np.ndarray) -> int:
    if not manifest.classes:
        return 0
    said = [labels(each, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes) for each in (own, packaged)]
    return int(np.count_nonzero(said[0] != said[1]))


def _mlflow_model(settings: Settings, spec: Spec, subject: Subject, scratch: Path) -> Path:
    from flyball.adapters.mlflow.source import MlflowSource, tracking_uri
    from flyball.loop.packaging import mlflow_model_of

    def adopted(source: str, into: Path) -> Path:
        place = MlflowSource(tracking_uri(settings.tracking_uri, settings.folder))
        return place.fetch(place.resolve(source), into)

    workshop = open_workshop(settings, spec, echo=say)
    folder = scratch / "mlflow"
    return mlflow_model_of(workshop, subject.model, subject.version or 0, subject.path, subject.manifest, folder, adopted=adopted)


def _line(label: str) -> str:
    """A label as one line of a file of labels."""
    return " ".join(label.splitlines()) or " "


def _write(made: Made, out: Path) -> None:
    """All of it or nothing."""
    fresh = out.with_name(f".{out.name}.new")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        for name, content in made.files.items():
            path = fresh / name
            if isinstance(content, Path):
                shutil.copytree(content, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fresh.replace(out)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StoreError(f"cannot write {out}: {error.strerror or error}", hint="name another folder with --out") from error


def _tell(made: Made, spec: Spec, number: int, engine: str, out: Path, as_json: bool) -> None:
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    notes = [note.replace("DIR", str(out)) for note in made.notes]
    if as_json:
        check = (
            None if made.check is None else {name: getattr(made.check, name) for name in ("rows", "differing_labels", "largest_difference")}
        )
        about = {"model": spec.model.name, "version": number, "for": engine, "out": str(out)}
        show_json({**about, "files": files, "check": check, "notes": notes})
        return
    for name in files:
        console().print(f"{out}/{name}")
    if made.check is not None:
        it = made.check
        say(f"checked on {it.rows} held-out rows: the same labels, scores {it.largest_difference:.2g} apart at the most")
    elif engine == "triton":
        say("not checked: there are no held-out rows of this version here")
    for note in notes:
        say(note)
