"""What `flyball test` tests: a version, or what the last training made without registering it, with the rows it was held out from."""

from datetime import datetime
from pathlib import Path

import numpy as np

from flyball.core.codec import from_json, to_json
from flyball.core.errors import DataError, FlyballError, NotFoundError, StoreError
from flyball.core.record import record
from flyball.core.table import Table
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.behaviour.records import Subject
from flyball.loop.fetched import engine_of
from flyball.loop.making.enrol import fetched, kept_of
from flyball.loop.making.scorers import scorer
from flyball.loop.making.trained import TrainResult
from flyball.loop.making.workshop import Workshop
from flyball.registry.bundle import bundle_digest, read_manifest, verify_bundle
from flyball.spec.records import Spec

_FILE = "candidate.json"


@record
class Candidate:
    """What the last training here came to, as it is left beside the bundles: its run, and its identity once it is a version."""

    model: str
    run_id: str
    identity: str
    at: datetime


def leave_candidate(state: Path, result: TrainResult, now: datetime) -> None:
    """Say what was trained last, for the tests that follow; StoreError if the disk refuses."""
    told = Candidate(model=result.model, run_id=result.run_id, identity=result.identity, at=now)
    try:
        state.mkdir(parents=True, exist_ok=True)
        fresh = state / f"{_FILE}.new"
        fresh.write_text(to_json(told), encoding="utf-8")
        fresh.replace(state / _FILE)
    except OSError as error:
        raise StoreError(f"cannot write {state / _FILE}: {error.strerror or error}") from error


def last_candidate(state: Path, model: str) -> Candidate | None:
    """What was trained last in this folder, if anything was; what cannot be read is nothing."""
    try:
        found = from_json((state / _FILE).read_bytes(), Candidate)
    except (OSError, DataError):
        return None
    return found if found.model == model else None


def chosen(state: State, last: Candidate | None) -> int | str:
    """What is tested if nobody says: what was trained last here if that is newer than every version, else the newest version.

    A number is a version, a text a run that is none. NotFoundError where there is neither.
    """
    newest = max(state.versions, default=0)
    if last is not None:
        same = [number for number, known in state.versions.items() if known.registered.identity == last.identity]
        if same:
            return max(same) if not newest or last.at >= state.versions[newest].at else newest
        if not newest or last.at >= state.versions[newest].at:
            return last.run_id
    if not newest:
        raise NotFoundError(f"nothing of {state.model} was trained yet, so there is nothing to test", hint="`flyball train` comes first")
    return newest


def subject_of(spec: Spec, workshop: Workshop, which: int | str, folder: Path) -> Subject:
    """The version (a number) or the run (a text) opened: its bundle verified, its rows restored. Everything fetched goes into `folder`.

    Of a model that was made elsewhere nobody knows the rows: the project's prepared ones are taken, as far as there are any.
    """
    state = fold(spec.model.name, workshop.journal.read(spec.model.name))
    if isinstance(which, str):
        return _of_run(spec, workshop, which, folder)
    known = state.versions.get(which)
    if known is None:
        there = ", ".join(f"@{number}" for number in sorted(state.versions)) or "none"
        raise NotFoundError(f"there is no version {which} of {state.model}", hint=f"versions: {there}")
    path, digest = engine_of(state, which, bundles=workshop.bundles, registry=workshop.registry, key=workshop.key, folder=folder)
    registered = known.registered
    if registered.source:
        return _subject(
            spec, workshop, path, digest, version=which, run_id=registered.run_id, rows=_prepared(spec, workshop), folder=folder
        )
    kept = fetched(workshop, registered.run_id, folder)
    return _subject(spec, workshop, path, digest, version=which, run_id=registered.run_id, rows=_held_out(workshop, kept), folder=folder)


def _of_run(spec: Spec, workshop: Workshop, run_id: str, folder: Path) -> Subject:
    kept = fetched(workshop, run_id, folder)
    path = kept / "bundle"
    verify_bundle(path, workshop.key)
    rows = _held_out(workshop, kept)
    return _subject(spec, workshop, path, bundle_digest(path), version=None, run_id=run_id, rows=rows, folder=folder)


def _subject(
    spec: Spec,
    workshop: Workshop,
    path: Path,
    digest: str,
    *,
    version: int | None,
    run_id: str,
    rows: tuple[Table, Table, bool],
    folder: Path,
) -> Subject:
    manifest = read_manifest(path, digest)
    held, everything, seen = rows
    if set(manifest.schema.names) - set(held.columns):
        held, everything = Table({}), Table({})
    return Subject(
        model=spec.model.name,
        version=version,
        run_id=run_id,
        bundle=digest,
        path=path,
        manifest=manifest,
        score=scorer(path, digest, manifest, workshop, folder),
        rows=held,
        all_rows=everything,
        target=spec.data.target,
        id=spec.data.id or spec.data.unit,
        seen=seen,
    )


def _held_out(workshop: Workshop, kept: Path) -> tuple[Table, Table, bool]:
    rows = workshop.snapshots.restore(kept_of(kept).snapshot)
    return rows.take(np.load(kept / "test.npy")), rows, False


def _prepared(spec: Spec, workshop: Workshop) -> tuple[Table, Table, bool]:
    """The project's own rows that have a label; none where it has no data."""
    try:
        found = workshop.trainer.prepare(spec).table
    except FlyballError:
        return Table({}), Table({}), True
    if spec.data.target not in found:
        return Table({}), Table({}), True
    labelled = np.array([value is not None and value == value for value in found[spec.data.target].tolist()], dtype=np.bool_)
    rows = found.take(labelled)
    return rows, rows, True
