"""From a fit to a signed bundle, and to the folders its run keeps."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from flyball.core.digest import sha256_bytes
from flyball.core.record import record
from flyball.core.window import from_micros
from flyball.data.profile import REFERENCE_FILE, build_reference, reference_to_json, score_columns
from flyball.data.records import Snapshot
from flyball.data.snapshot import known_at, micros, span
from flyball.data.split import held_out
from flyball.data.untouched import untouched_rule
from flyball.loop.estimation import estimation_files
from flyball.loop.making.gather import Gathered
from flyball.ports.training import Fitted, Tracker
from flyball.registry.bundle import bundle_digest, folder_digest, verify_bundle, write_bundle
from flyball.registry.records import Lineage, Manifest
from flyball.registry.signing import SigningKey
from flyball.serving.engine import labels
from flyball.spec.load import FILE as SPEC_FILE
from flyball.spec.records import Spec
from flyball.training.identity import training_digest
from flyball.training.records import CodeFile, WorkingTree


@record
class Origin:
    """Everything a version can be led back to."""

    run_id: str
    identity: str
    code: tuple[CodeFile, ...]
    code_digest: str
    tree: WorkingTree
    environment: str

    def lineage(self, spec: Spec, snapshot: Snapshot) -> Lineage:
        """As the manifest keeps it."""
        return Lineage(
            run_id=self.run_id,
            commit=self.tree.commit,
            dirty_diff_sha256=sha256_bytes(self.tree.diff) if self.tree.diff else "",
            snapshot=snapshot.digest,
            dvc_md5=snapshot.dvc_md5,
            spec_digest=training_digest(spec),
            code_digest=self.code_digest,
            identity=self.identity,
            environment_sha256=sha256_bytes(self.environment.encode()),
        )


def trained_span(spec: Spec, gathered: Gathered) -> tuple[datetime | None, datetime | None]:
    """The time of the oldest training row, and when the newest training label counted."""
    train = gathered.rows.table.take(gathered.split.train)
    first, _ = span(train, spec.data)
    known = known_at(train, spec.data)
    return first, from_micros(int(known.max())) if known is not None else None


def reference_of(spec: Spec, gathered: Gathered, fitted: Fitted, scores: np.ndarray) -> bytes:
    """What monitoring compares with: the features of every row the version was trained or judged on, its held-out scores and answers."""
    table, test = gathered.rows.table, gathered.rows.table.take(gathered.split.test)
    time = spec.data.time
    answers = labels(scores, task=spec.model.task, threshold=spec.model.cut, classes=fitted.classes) if fitted.classes else None
    reference = build_reference(
        table,
        gathered.schema,
        score_columns(scores, fitted.classes, gathered.schema, answers),
        None if time is None else micros(table[time]),
        score_times=None if time is None else micros(test[time]),
        season="none" if time is None else spec.monitor.season,
        zone=spec.monitor.zone,
    )
    return reference_to_json(reference)


def pack(
    spec: Spec,
    gathered: Gathered,
    fitted: Fitted,
    *,
    folder: Path,
    scores: np.ndarray,
    snapshot: Snapshot,
    origin: Origin,
    tracker: Tracker,
    key: SigningKey,
    now: datetime,
) -> str:
    """Write `model/` (a plain MLflow model) and `bundle/` (signed) into the folder; the bundle's digest.

    A bundle that an earlier attempt completed for the same run is taken as it is.
    """
    bundle, model = folder / "bundle", folder / "model"
    if bundle.is_dir() and model.is_dir() and verify_bundle(bundle, key).lineage.run_id == origin.run_id:
        return bundle_digest(bundle)
    _clear(bundle)
    _clear(model)
    code = {file.path: spec.folder / file.path for file in origin.code}
    tracker.package(folder / fitted.model, schema=gathered.schema, fitted=fitted, code=code, folder=model)
    files: dict[str, Path | bytes] = {REFERENCE_FILE: reference_of(spec, gathered, fitted, scores)}
    files |= {name: folder / file for name, file in fitted.files.items()}
    files |= estimation_files(spec, gathered, fitted, scores, folder)
    if fitted.engine == "native":
        files["native"] = model
    elif fitted.onnx:
        files["model.onnx"] = folder / fitted.onnx
    manifest = _manifest(spec, gathered, fitted, origin, snapshot, now)
    return write_bundle(bundle, replace(manifest, model_sha256=folder_digest(model)), files, key)


def kept_files(folder: Path, origin: Origin, spec: Spec) -> Mapping[str, str]:
    """Write the texts a run keeps; file name → what it is, all in the folder. The spec too: git may not have it."""
    file = spec.folder / SPEC_FILE
    texts = {
        "environment.txt": origin.environment.encode(),
        "uncommitted.diff": origin.tree.diff,
        SPEC_FILE: file.read_bytes() if file.is_file() else b"",
    }
    for name, content in texts.items():
        if content:
            (folder / name).write_bytes(content)
    return {name: name for name, content in texts.items() if content}


def _manifest(spec: Spec, gathered: Gathered, fitted: Fitted, origin: Origin, snapshot: Snapshot, now: datetime) -> Manifest:
    first, until = trained_span(spec, gathered)
    return Manifest(
        bundle_format=1,
        model=spec.model.name,
        task=spec.model.task,
        schema=gathered.schema,
        classes=fitted.classes,
        threshold=spec.model.cut,
        engine=fitted.engine,
        engine_reason=fitted.engine_reason,
        parity=fitted.parity,
        files={},
        lineage=origin.lineage(spec, snapshot),
        trained_from=first,
        trained_until=until,
        created_at=now,
        held_out=held_out(spec.evaluate.split, spec.data),
        untouched=untouched_rule(spec.evaluate, spec.data, gathered.rows.table.rows),
    )


def _clear(folder: Path) -> None:
    """Remove what an attempt left that did not come to its end."""
    if not folder.exists():
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    folder.rmdir()
