"""Models on another server, as verbs take them in: asked what they are, put on the shelf as versions that say where they are asked."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from flyball.adapters.remote.address import Address, address_of
from flyball.adapters.remote.describe import Described, Wish, describe
from flyball.adapters.remote.engine import RemoteEngine
from flyball.core.codec import to_json, to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import FlyballError, RefusedError
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import REFERENCE_FILE, SCHEMA_VERSION, Reference, build_reference, reference_to_json, score_columns
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.adopt import Examined, Source, adopt
from flyball.registry.records import Lineage, Manifest
from flyball.serving.backend import FILE as BACKEND_FILE
from flyball.serving.engine import labels
from flyball.settings import Settings
from flyball.spec.adopted import Around, propose_around
from flyball.spec.load import FILE, load_spec, parse_spec
from flyball.spec.records import Spec
from flyball.stores import wall_clock
from flyball.wiring import admitted, open_shelf

_REFERENCE_ROWS = 20_000


@record
class TakenRemote:
    """What came of taking a model on another server in. `champion`: it answers now; else it waits to be promoted."""

    state: State
    version: int
    manifest: Manifest
    reference_rows: int
    champion: bool
    notes: tuple[str, ...]


def take_remote(
    settings: Settings,
    asked: str,
    wish: Wish,
    *,
    name: str,
    data: Path | None,
    promote: bool,
    say: Callable[[str], None],
    threshold: float = 0.5,
) -> TakenRemote:
    """Ask the server what its model is, and make a version of it here; `promote`: as champion, else beside the one there is.

    The same address with the same description gives the version it gave before. `threshold`: from which probability a binary answer is
    the second class.
    """
    address = address_of(asked)
    say(f"asking {address.url} what it serves ...")
    found = describe(address, wish)
    rows = None if data is None else _rows(data, found.schema)
    if rows is not None:
        found = replace(found, schema=_as_seen(found.schema, rows))
    identity = sha256_json(["remote", to_plain(found.backend), to_plain(found.schema), list(found.classes), found.version, threshold])
    manifest = _manifest(name or address.name, found, identity, threshold)
    engine = RemoteEngine(found.backend, manifest)
    try:
        reference = _reference(engine, manifest, rows)
    finally:
        engine.close()
    (settings.state / "work").mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="remote-", dir=settings.state / "work"))
    try:
        files = {BACKEND_FILE: work / BACKEND_FILE, REFERENCE_FILE: work / REFERENCE_FILE}
        files[BACKEND_FILE].write_text(to_json(found.backend), encoding="utf-8")
        files[REFERENCE_FILE].write_bytes(reference_to_json(reference))
        source = Source(asked=asked, uri=address.url, name=manifest.model, version=0, run_id="", identity=identity)
        named = {file: str(path) for file, path in files.items()}
        examined = Examined(source=source, manifest=manifest, files=named, parity_rows=0, reference_rows=reference.rows, notes=())
        shelf, model, now = open_shelf(settings), manifest.model, wall_clock()
        state, version = adopt(shelf, model, examined, work=work, borrowed=True, actor=settings.actor, now=now, promote=promote)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    notes = [] if reference.rows else ["no reference: drift is not measured (adopt it with --data FILE for one)"]
    return TakenRemote(
        state=state,
        version=version,
        manifest=manifest,
        reference_rows=reference.rows,
        champion=state.champion == version,
        notes=tuple(notes),
    )


def ensure_backend(settings: Settings, spec: Spec, *, say: Callable[[str], None]) -> None:
    """Make the version that `[serve] backend` names, unless there is one of that address already; it becomes champion.

    In stores that others share that moves what serves for all of them, so it needs an admin token; a server that finds it does not.
    """
    address = address_of(spec.serve.backend)
    state = fold(spec.model.name, open_shelf(settings).journal.read(spec.model.name))
    if any(known.registered.source == address.url for known in state.versions.values()):
        return
    admitted(settings, spec)
    wish = Wish(features=spec.data.features or ())
    cut, name = spec.model.cut, spec.model.name
    taken = take_remote(settings, spec.serve.backend, wish, name=name, data=None, promote=True, say=say, threshold=cut)
    if taken.manifest.task != spec.model.task:
        say(f"warning: flyball.toml says task = {spec.model.task!r}, the model behind it is {taken.manifest.task}")
    tell_remote(taken, address, say)


def tell_remote(taken: TakenRemote, address: Address, say: Callable[[str], None]) -> None:
    """Say what the model is."""
    manifest = taken.manifest
    said = f"{manifest.task}, answers {', '.join(map(str, manifest.classes[:10]))}" if manifest.classes else manifest.task
    say(f"{manifest.model}@{taken.version} is asked at {address.url}: {said}; {len(manifest.schema.columns)} features")
    for note in taken.notes:
        say(f"  {note}")


def remote_spec(settings: Settings, taken: TakenRemote, asked: str, data: Path | None, target: str | None) -> str:
    """The first `flyball.toml` around it."""
    manifest = taken.manifest
    text = propose_around(
        Around(
            name=manifest.model,
            task=manifest.task,
            schema=manifest.schema,
            classes=manifest.classes,
            source=asked,
            made=f"{manifest.created_at:%Y-%m-%d}",
            data="" if data is None else str(data.resolve()),
            target=target or "",
            note="Another server answers for it: every request goes on to that one, and is logged, compared and watched here.",
        )
    )
    address = 'address = "127.0.0.1:8000"\n'
    text = text.replace(address, f"{address}backend = {to_json(address_of(asked).url)}  # the server that answers\n", 1)
    parse_spec(text, folder=settings.folder)
    return text


def project_of(settings: Settings) -> Spec | None:
    """The project that is in a folder already, if one is."""
    return load_spec(settings.folder, settings.environment) if (settings.folder / FILE).exists() else None


def _manifest(name: str, found: Described, identity: str, threshold: float) -> Manifest:
    nothing = dict.fromkeys(("run_id", "commit", "dirty_diff_sha256", "snapshot", "dvc_md5", "spec_digest", "code_digest"), "")
    return Manifest(
        bundle_format=1,
        model=name,
        task=found.task,
        schema=found.schema,
        classes=found.classes,
        threshold=threshold,
        engine="remote",
        engine_reason="another server answers for it",
        parity=None,
        files={},
        lineage=Lineage(**nothing, identity=identity, environment_sha256=""),
        trained_from=None,
        trained_until=None,
        created_at=wall_clock(),
        outputs=found.outputs,
    )


def _rows(data: Path, schema: Schema) -> Table:
    from flyball.adapters.mlflow.described import in_schema
    from flyball.adapters.pandas.frames import load_table

    texts = [column.name for column in schema.columns if column.kind == "category"]
    rows = in_schema(load_table(data, texts=texts).table, schema)
    return rows.take(np.linspace(0, rows.rows - 1, min(rows.rows, _REFERENCE_ROWS)).astype(np.int64)) if rows.rows else rows


def _as_seen(schema: Schema, rows: Table) -> Schema:
    """The schema with what a file shows: which columns may be missing, which categories there are."""
    columns = []
    for column in schema.columns:
        values = rows[column.name].tolist()
        missing = any(value is None or value != value for value in values)
        known = tuple(sorted({str(value) for value in values if value is not None})) if column.kind == "category" else ()
        columns.append(Column(name=column.name, kind=column.kind, nullable=missing, categories=known))
    return Schema(columns=tuple(columns))


def _reference(engine: RemoteEngine, manifest: Manifest, rows: Table | None) -> Reference:
    """What the rows look like, and what the model says of them."""
    if rows is None or not rows.rows:
        return Reference(schema_version=SCHEMA_VERSION, rows=0, columns={})
    try:
        scores = engine.score(rows)
    except FlyballError as error:
        raise RefusedError(f"the model could not be asked about the rows of the file: {error.message}", hint="leave --data out") from error
    answers = labels(scores, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes) if manifest.classes else None
    return build_reference(rows, manifest.schema, score_columns(scores, manifest.outputs or manifest.classes, manifest.schema, answers))
