"""In a child: look at a model of MLflow and leave the parts of its bundle. `python -m flyball.adapters.child.examine ORDER` (a JSON file).

What a model is made of decides what may happen to it. Data is read: ONNX, and the files of XGBoost and CatBoost. Anything else is code that
unpickling runs: that happens only in this process, and only where the order says that the model is trusted.
"""

import json
import os
import shutil
import signal
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flyball.adapters.child.model import Tried, tried_data, tried_onnx, tried_trusted
from flyball.adapters.child.order import Order
from flyball.adapters.mlflow.described import Described, describe, in_schema, with_categories
from flyball.adapters.mlflow.source import MlflowSource, content_identity, identity_with
from flyball.core.codec import from_plain, to_json, to_plain
from flyball.core.errors import FlyballError, IntegrityError, UnsupportedError
from flyball.core.table import Table
from flyball.data.profile import REFERENCE_FILE, SCHEMA_VERSION, Reference, build_reference, reference_to_json, score_columns
from flyball.loop.adopt import Examined, Source
from flyball.monitoring.look import MIN_REFERENCE_ROWS
from flyball.registry.bundle import bundle_digest, read_file, read_manifest
from flyball.registry.records import Lineage, Manifest
from flyball.serving.engine import labels


def examine(order: Order) -> Examined:
    """Resolve, fetch, look."""
    work = Path(order.folder)
    store = MlflowSource(order.tracking_uri)
    source = store.resolve(order.asked)
    fetched = None
    if not source.identity:
        fetched = store.fetch(source, work / "fetched")
        source = replace(source, identity=content_identity(fetched))
    source = replace(source, identity=identity_with(source.identity, order.classes))
    if source.identity in order.known:
        return Examined(source=source, manifest=None, files={}, parity_rows=0, reference_rows=0, notes=())
    bundle = store.bundle_of(source, work / "theirs")
    if bundle is not None:
        return _of_ours(bundle, source, order)
    found = describe(fetched or store.fetch(source, work / "fetched"))
    data = None if not order.data else _data(order, found)
    if data is not None and found.schema is not None:
        texts = {name: values.tolist() for name, values in data.columns.items() if values.dtype.kind == "O"}
        found = replace(found, schema=with_categories(found.schema, texts))
    tried = _try(found, data, order)
    return _packed(source, found, tried, data, store.lineage(source, source.identity), order)


def _try(found: Described, data: Table | None, order: Order) -> Tried:
    why = ""
    if "onnx" in found.flavors:
        try:
            return tried_onnx(found, data, order.classes)
        except UnsupportedError as error:
            if not order.trusted:
                raise
            why = error.message
    if not order.trusted:
        tried = tried_data(found, data, order.classes)
        if tried is not None and not tried.native:
            return tried
        raise UnsupportedError(_why_trust(found, order.asked), hint="if you trust whoever made it, say so: add --trusted-code")
    return tried_trusted(found, data, order.classes, why)


def _why_trust(found: Described, asked: str) -> str:
    names = ", ".join(sorted(name for name in found.flavors if name != "python_function")) or "python_function"
    return (
        f"{asked} is Python code: it is of the flavour {names}, and opening it runs whatever its maker put into it"
        " (with your rights, on this machine), so nothing of it was opened"
    )


def _data(order: Order, found: Described) -> Table:
    """The rows of the file in the model's columns."""
    from flyball.adapters.pandas.frames import load_table

    if found.schema is None:
        raise UnsupportedError("the model does not say which columns it reads, so a file cannot be held against it")
    texts = [column.name for column in found.schema.columns if column.kind == "category"]
    return in_schema(load_table(Path(order.data), texts=texts).table, found.schema)


def _packed(source: Source, found: Described, tried: Tried, data: Table | None, lineage: Lineage, order: Order) -> Examined:
    rows = data if data is not None else tried.example
    reference = _reference(rows, tried)
    files: dict[str, str] = {REFERENCE_FILE: _left(order, REFERENCE_FILE, reference_to_json(reference))}
    files |= {name: _left(order, name, content) for name, content in tried.files.items()}
    if tried.native:
        files["native"] = str(_copied(found.folder, Path(order.folder) / "native"))
    manifest = Manifest(
        bundle_format=1,
        model=source.name,
        task=tried.task,
        schema=tried.schema,
        classes=tried.classes,
        threshold=0.5,
        engine=tried.engine,
        engine_reason=tried.engine_reason,
        parity=tried.parity,
        files={},
        lineage=lineage,
        trained_from=None,
        trained_until=None,
        created_at=order.now,
        outputs=tried.outputs,
        probabilities=tried.probabilities,
    )
    notes = list(tried.notes)
    if reference.rows == 0:
        notes.append("no reference: the model brought no example rows, so drift is not measured (adopt it with --data FILE for one)")
    elif data is None:
        enough = "" if reference.rows >= MIN_REFERENCE_ROWS else ", too few to measure drift with"
        notes.append(f"reference: from the {reference.rows} rows of its input example{enough}")
    return Examined(
        source=source,
        manifest=manifest,
        files=files,
        parity_rows=0 if tried.parity is None else tried.parity.rows,
        reference_rows=reference.rows,
        notes=tuple(notes),
    )


def _reference(rows: Table | None, tried: Tried) -> Reference:
    """What the rows look like and what the model says of them; of no rows if there are none."""
    if rows is None or rows.rows == 0:
        return Reference(schema_version=SCHEMA_VERSION, rows=0, columns={})
    try:
        scores = tried.score(rows)
    except FlyballError:
        scores = np.empty(0)
    answers = labels(scores, task=tried.task, threshold=0.5, classes=tried.classes) if len(scores) and tried.classes else None
    said = score_columns(scores, tried.outputs or tried.classes, tried.schema, answers) if len(scores) else {}
    return build_reference(rows, tried.schema, said)


def _of_ours(bundle: Path, source: Source, order: Order) -> Examined:
    """A bundle that Flyball made, perhaps elsewhere: every byte is what its manifest says; it will be signed anew."""
    manifest = read_manifest(bundle, bundle_digest(bundle))
    if manifest.engine == "native" and not order.trusted:
        raise UnsupportedError(
            f"{source.asked} could not be compiled ({manifest.engine_reason}), and opening it runs the Python code of whoever made it",
            hint="if you trust whoever made it, say so: add --trusted-code",
        )
    for name in manifest.files:
        read_file(bundle, manifest, name)
    vouched = manifest.model_sha256 if order.trusted else ""  # for a pickle of theirs it takes more than their word
    named = from_plain({**_plain(manifest), "model": source.name, "files": {}, "model_sha256": vouched}, Manifest)
    tops = sorted({name.partition("/")[0] for name in manifest.files})
    return Examined(
        source=source,
        manifest=named,
        files={name: str(bundle / name) for name in tops},
        parity_rows=0 if manifest.parity is None else manifest.parity.rows,
        reference_rows=0,
        notes=("its bundle was made by Flyball and is used as it is",),
    )


def _plain(manifest: Manifest) -> dict[str, Any]:
    plain = to_plain(manifest)
    assert isinstance(plain, dict)
    return plain


def _left(order: Order, name: str, content: bytes) -> str:
    path = Path(order.folder) / "parts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def _copied(folder: Path, into: Path) -> Path:
    """The model's files as a bundle can hold them; IntegrityError for links."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise IntegrityError(f"{path} is a link", hint="copy the model with its files in place of links")
    return Path(shutil.copytree(folder, into, ignore=shutil.ignore_patterns("__pycache__", ".*")))


def main() -> int:
    """Leave `answer.json` beside the order."""
    path = Path(sys.argv[1])
    order = from_plain(json.loads(path.read_bytes()), Order)
    os.dup2(2, 1)  # what a model prints is no result
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = to_json({"ok": to_plain(examine(order))})
    except FlyballError as error:
        answer = to_json({"error": [type(error).__name__, error.message, error.hint]})
    except Exception as error:  # noqa: BLE001 - the parent must hear of it in any case
        traceback.print_exc()
        answer = to_json({"error": ["UnsupportedError", f"{order.asked} cannot be looked at: {type(error).__name__}: {error}", ""]})
    (path.parent / "answer.json").write_text(answer)
    return 0


def _end_with_parent() -> None:
    """Standard input ends when the parent does."""
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # MLflow's leftovers are not waited for
