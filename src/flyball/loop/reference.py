"""A version gets another reference: counted from rows somebody names, put beside the same engine in a bundle of its own, and journalled.

A bundle never changes. So the files of the version's bundle are packed again, byte for byte, with the new reference; the journal says which
bundle is the version's from then on, and servers take it up as they take up any deployment. Counts of live rows
name the cells they were made on: where the new reference has other cells they begin anew, and where only its counts, calibration or season
are others they stay good and are held against the new ones.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import ConflictError, DataError, NotFoundError, RefusedError
from flyball.core.record import record
from flyball.core.schema import Column, Schema, did_you_mean
from flyball.core.table import Array, Table
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.data.profile import (
    REFERENCE_FILE,
    Reference,
    build_reference,
    reference_digest,
    reference_from_json,
    reference_to_json,
    score_columns,
)
from flyball.data.snapshot import micros
from flyball.journal.events import Referenced
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.adopt import Shelf
from flyball.loop.deploy import bring_up, deployment_of
from flyball.loop.fetched import keep_in_registry
from flyball.monitoring.drift import MIN_REFERENCE_ROWS
from flyball.ports.serving import BundleStore, Registry
from flyball.registry.bundle import MANIFEST, read_file, read_manifest, write_bundle
from flyball.registry.records import Manifest
from flyball.serving.engine import labels, load_engine
from flyball.spec.records import Spec

_ATTEMPTS = 20
_DAY = 86_400_000_000
_DEADLINE = 600.0  # seconds a model's own code may take for all rows


@record
class Wanted:
    """Rows to make a reference of, as they were read: `source` is the file's name, `scores` whether the model is asked about the rows."""

    table: Table
    source: str
    scores: bool
    trusted: bool


@record
class ReferenceMade:
    """What came of it. `replaced`: rows of the reference it had (0: none). `changed`: False if it is the one the version has.

    `recounted`: its cells are others, so that live rows are counted anew.
    """

    version: int
    bundle: str
    reference: Reference
    replaced: int
    changed: bool
    notes: tuple[str, ...]
    recounted: bool = False


def version_meant(state: State, version: int | None) -> int:
    """The version somebody named, or the champion; NotFoundError if there is none."""
    if not state.versions:
        raise NotFoundError(f"{state.model} has no version yet", hint="`flyball train` or `flyball adopt` makes the first")
    if version is None and state.champion is None:
        raise NotFoundError(f"{state.model} has no champion", hint=f"name a version: --version {max(state.versions)}")
    found = state.champion if version is None else version
    if found is None or found not in state.versions:
        known = ", ".join(map(str, sorted(state.versions)))
        raise NotFoundError(f"there is no version {found} of {state.model}", hint=f"versions: {known}")
    return found


def reference_of(bundles: BundleStore, state: State, version: int) -> tuple[Manifest, Reference]:
    """The manifest and the reference of a version; one of no rows if its bundle has none."""
    digest = state.versions[version].registered.bundle
    folder = bundles.path(digest)
    manifest = read_manifest(folder, digest)
    if REFERENCE_FILE not in manifest.files:
        return manifest, Reference(schema_version=1, rows=0, columns={})
    return manifest, reference_from_json(read_file(folder, manifest, REFERENCE_FILE))


def make_reference(
    shelf: Shelf,
    spec: Spec,
    wanted: Wanted,
    *,
    version: int | None,
    work: Path,
    actor: str,
    now: datetime,
    registry: Registry | None = None,
) -> ReferenceMade:
    """Give a version (None: the champion) a reference of these rows, packed in the folder `work`. DataError if they cannot be one.

    The new bundle is also kept in the registry, where other machines find it, if the version was trained here.
    """
    model = spec.model.name
    state = fold(model, shelf.journal.read(model))
    number = version_meant(state, version)
    digest = state.versions[number].registered.bundle
    manifest, before = reference_of(shelf.bundles, state, number)
    rows = in_columns(wanted.table, manifest.schema, wanted.source)
    if rows.rows < MIN_REFERENCE_ROWS:
        raise DataError(
            f"{wanted.source} has {rows.rows} rows; a reference needs {MIN_REFERENCE_ROWS} to say anything",
            hint="name a file with more rows like those the model meets; thousands are better",
        )
    times, notes = _times(wanted.table, spec, wanted.source)
    scores: Mapping[str, Array] = {}
    if wanted.scores:
        engine = load_engine(shelf.bundles.path(digest), manifest, trusted=wanted.trusted, deadline=_DEADLINE)
        said = engine.score(rows)
        answers = labels(said, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes) if manifest.classes else None
        scores = score_columns(said, manifest.outputs or manifest.classes, manifest.schema, answers)
    else:
        notes = (*notes, "without scores: what the model says is not watched, and that is the column that tells most")
    season = "none" if times is None else spec.monitor.season
    reference = build_reference(rows, manifest.schema, scores, times, score_times=times, season=season, zone=spec.monitor.zone)
    notes = (*notes, *_uncalibrated(reference, times, wanted.source), *_nothing_in(reference, wanted.source))
    if REFERENCE_FILE in manifest.files and reference_to_json(reference) == reference_to_json(before):
        return ReferenceMade(version=number, bundle=digest, reference=reference, replaced=before.rows, changed=False, notes=notes)
    bundle = _packed(shelf, digest, manifest, reference, work)
    if not state.versions[number].registered.source:  # an adopted version's registry belongs to others
        lost = keep_in_registry(registry, model, number, bundle, shelf.bundles.path(bundle))
        if lost:
            notes = (*notes, f"the new bundle is on this machine only, for the registry could not take it ({lost}): {_copy(bundle)}")
    event = Referenced(
        version=number, bundle=bundle, replaced=digest, reference=reference_digest(reference), rows=reference.rows, source=wanted.source
    )
    _enter(shelf, model, event, actor=actor, now=now)
    recounted = reference_digest(reference) != reference_digest(before)
    return ReferenceMade(
        version=number, bundle=bundle, reference=reference, replaced=before.rows, changed=True, notes=notes, recounted=recounted
    )


def in_columns(table: Table, schema: Schema, source: str) -> Table:
    """The columns a model reads, each of its kind; DataError naming what is missing, or what does not fit and an example of it."""
    missing = [name for name in schema.names if name not in table]
    if missing:
        near = did_you_mean(missing[0], [name for name in table.columns if name not in schema.names])
        more = f" and {len(missing) - 1} more: {', '.join(missing[1:6])}" if len(missing) > 1 else ""
        hint = f"columns present: {', '.join(list(table.columns)[:20]) or 'none'}"
        raise DataError(f"{source} has no column {missing[0]!r}{near}{more}", hint=hint)
    return Table({column.name: _fitting(table[column.name], column, source) for column in schema.columns})


def _fitting(values: Array, column: Column, source: str) -> Array:
    if column.kind == "category":
        texts = np.empty(len(values), dtype=object)
        texts[:] = [text_of(value) for value in values.tolist()]
        return texts
    numbers, failed = NumberCells.as_numbers(values)
    if failed is not None and failed.any():
        example = values[int(np.flatnonzero(failed)[0])]
        raise DataError(
            f"column {column.name!r} of {source} holds {int(failed.sum())} values that are no numbers, such as {example!r}; the model "
            "reads numbers there",
            hint="write missing values as empty fields, and numbers without units",
        )
    if column.kind == "number" or np.isnan(numbers).any() or not np.isfinite(numbers).all():
        return numbers
    return numbers.astype(np.int64) if column.kind == "integer" else numbers != 0.0


def _times(table: Table, spec: Spec, source: str) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """When each row was, by which the reference is calibrated; None, with a note, where that is not known."""
    time = spec.data.time
    if time is None:
        return None, ("not calibrated: the spec names no [data] time, so the margins alone decide what is drift",)
    if time not in table:
        near = did_you_mean(time, table.columns)
        return None, (
            f"not calibrated: {source} has no column {time!r}{near} to tell its days by, so the margins alone decide what is drift",
        )
    without = int(np.isnat(table[time]).sum())
    if without:
        raise DataError(f"{without} rows of {source} have no {time!r}", hint="leave them out, or fill in their time")
    return micros(table[time]), ()


def _uncalibrated(reference: Reference, times: NDArray[np.int64] | None, source: str) -> Iterable[str]:
    if times is None or any(column.calibration for column in reference.columns.values()):
        return
    days = (int(times.max()) - int(times.min())) / _DAY if len(times) else 0.0
    yield f"not calibrated: {source} spans {days:.1f} days, too few to learn what windows of a day do by themselves"


def _nothing_in(reference: Reference, source: str) -> Iterable[str]:
    empty = [name for name, column in reference.columns.items() if column.missing == column.rows]
    return [f"nothing in {', '.join(empty[:5])}: every value of {source} is missing there"] if empty else []


def _packed(shelf: Shelf, digest: str, manifest: Manifest, reference: Reference, work: Path) -> str:
    """A bundle with the same files and this reference, kept."""
    old, fresh = shelf.bundles.path(digest), work / "bundle"
    tops = {name.partition("/")[0] for name in manifest.files} - {REFERENCE_FILE, MANIFEST}
    files: dict[str, Path | bytes] = {name: old / name for name in sorted(tops)}
    shutil.rmtree(fresh, ignore_errors=True)
    write_bundle(fresh, replace(manifest, files={}), {**files, REFERENCE_FILE: reference_to_json(reference)}, shelf.key)
    try:
        return shelf.bundles.put(fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _copy(bundle: str) -> str:
    return f"copy .flyball/bundles/{bundle} to any other machine that trains, serves or watches this model"


def _enter(shelf: Shelf, model: str, event: Referenced, *, actor: str, now: datetime) -> None:
    """Append, whatever the loop does at the same moment, and hand servers the bundle if they use the version."""
    for _ in range(_ATTEMPTS):
        state = fold(model, shelf.journal.read(model))
        if state.versions[event.version].registered.bundle != event.replaced:
            raise RefusedError(f"{model}@{event.version} got another reference meanwhile", hint="`flyball reference show` tells which")
        try:
            entries = shelf.journal.append(model, [event], expected=state.seq, actor=actor, at=now)
        except ConflictError:
            continue
        deployment = deployment_of(fold(model, entries, start=state))
        if event.version in deployment.bundles and deployment.champion is not None:
            bring_up(shelf.deployments, deployment)
        return
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")
