"""Train a version again from what is recorded, in a folder of its own, and say whether the same model comes out, or where it differs.

The project, its registry and its trainings are only read. One `Verified` event is appended at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.digest import sha256_file
from flyball.core.errors import ConflictError, DataError, FlyballError, IntegrityError, NotFoundError, RefusedError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.table import Table
from flyball.data.records import Split
from flyball.data.snapshot import WEIGHT
from flyball.data.split import split_rows
from flyball.data.untouched import spare
from flyball.journal.events import Registered
from flyball.journal.explain import registered
from flyball.journal.moves import Verified
from flyball.loop.making.enrol import kept_of
from flyball.loop.making.judge import Candidate, assess
from flyball.loop.making.scorers import scorer
from flyball.loop.making.stopwatch import Stopwatch
from flyball.loop.making.trained import Kept
from flyball.loop.making.workshop import Workshop
from flyball.loop.past.recorded import Source, refuse_other, source_of
from flyball.ports.training import Fitted, Sources, Trainer
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Manifest
from flyball.spec.records import Spec
from flyball.training.records import FitOrder

Progress = Callable[[str], None]
_ATTEMPTS = 20


@record
class Studio:
    """Where a version is trained again: the project and its ports, its code in the course of time, a trainer for a folder, room to work."""

    project: Path
    workshop: Workshop
    sources: Sources
    trainer: Callable[[Path], Trainer]
    scratch: Path


@record
class FileCompared:
    """One file of a model: SHA-256 as registered and as trained again, empty where there is none."""

    name: str
    then: str
    now: str

    @property
    def same(self) -> bool:
        """Whether the bytes are the same."""
        return self.then == self.now


@record
class PackageMoved:
    """A package, or Python, in another version than then; empty where it was, or is, not installed."""

    name: str
    then: str
    now: str


@record
class Reproduction:
    """What came of training a version again. `identical`: every file has the same bytes.

    `code`: where the code was taken from. `largest_difference`: between held-out scores, over `rows` rows (None: another shape of scores);
    `differing`: how many of them are not equal. `metrics`: name → (as registered, as trained again). `repeatable` None: not asked, because
    the files are the same or other packages are installed; False: two trainings here, one after the other, gave two models.
    """

    model: str
    version: int
    identical: bool
    reason: Reason
    run_id: str
    code: Source
    snapshot: str
    rows_trained: int
    files: tuple[FileCompared, ...]
    packages: tuple[PackageMoved, ...]
    engine: tuple[str, str]
    rows: int
    differing: int
    largest_difference: float | None
    metrics: Mapping[str, tuple[float, float]]
    repeatable: bool | None
    seconds: Mapping[str, float]


@record
class _Recorded:
    """What the run of a version kept, fetched: its report, its bundle, and which rows it held out."""

    made: Registered
    kept: Kept
    folder: Path
    manifest: Manifest
    test: NDArray[np.int64]


def reproduce(
    model: str,
    version: int,
    studio: Studio,
    *,
    actor: str,
    now: datetime,
    other_code: bool = False,
    progress: Progress = lambda _: None,
) -> Reproduction:
    """Train a version again. NotFoundError, naming it, if run, commit or snapshot is gone; RefusedError for a version that was adopted,
    and, unless `other_code`, before anything is run where code or spec have other digests than the version's manifest.
    """
    watch, workshop = Stopwatch(), studio.workshop
    made = _made(model, version, workshop)
    try:
        recorded = _recorded(model, made, studio)
        watch.lap("fetch")
        progress(f"run {made.run_id}: fetched")
        source = source_of(recorded.manifest.lineage, recorded.folder, workshop, studio.sources, studio.scratch)
        if not other_code:
            refuse_other(source, recorded.manifest.lineage, f"{model}@{version}")
        _refuse_foreign(model, version, source.spec)
        progress(f"code: {source.taken} {source.commit[:12]}".rstrip() + ("" if source.same_code else ", not the bytes that were recorded"))
        table, split = _rows(recorded, source.spec, workshop)
        watch.lap("restore")
        progress(f"data: sha256 {recorded.kept.snapshot.digest[:12]}, {len(split.train)} rows train, {len(split.test)} test")
        fitted, folder = _fit(recorded, source.spec, split, studio, "again")
        watch.lap("fit")
        progress(f"fit: {fitted.seconds.get('fit', 0):.1f} s, engine {fitted.engine}")
        told = _compared(model, version, recorded, source, table.take(split.test), fitted, folder, workshop)
        if not told.identical and not told.packages and source.same_code:
            other, second = _fit(recorded, source.spec, split, studio, "once-more")
            repeatable = sha256_file(folder / fitted.model) == sha256_file(second / other.model)
            told = replace(told, repeatable=repeatable)
            watch.lap("fit again")
        told = replace(told, reason=_why(told), seconds=watch.seconds())
    finally:
        workshop.trainer.close()
    _write_down(workshop, model, Verified(version=version, identical=told.identical, reason=told.reason), actor=actor, now=now)
    return told


def _made(model: str, version: int, workshop: Workshop) -> Registered:
    entries = workshop.journal.read(model)
    made = registered(entries, version)
    if made is None:
        there = sorted(entry.event.version for entry in entries if isinstance(entry.event, Registered))
        raise NotFoundError(f"there is no {model}@{version}", hint=f"versions: {', '.join(map(str, there)) or 'none'}")
    if made.source:
        raise RefusedError(
            f"{model}@{version} was not trained here: it was adopted from {made.source}", hint="train it again where it came from"
        )
    return made


def _refuse_foreign(model: str, version: int, spec: Spec) -> None:
    """What another system trained cannot be trained again here."""
    if spec.train.external is not None:
        raise RefusedError(
            f"{model}@{version} was trained by another system ([train] external)",
            hint="have it train again; the run names the data, commit and parameters it was asked with",
        )


def _recorded(model: str, made: Registered, studio: Studio) -> _Recorded:
    """IntegrityError unless the run kept the bundle that the journal names."""
    folder = studio.scratch / "run"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        studio.workshop.tracker.fetch(made.run_id, folder)
        kept = kept_of(folder)
        manifest = read_manifest(folder / "bundle", made.bundle)
        test: NDArray[np.int64] = np.load(folder / "test.npy", allow_pickle=False)
    except (NotFoundError, FileNotFoundError) as error:
        why = error.message if isinstance(error, FlyballError) else f"it has no {Path(str(error.filename)).name}"
        raise NotFoundError(
            f"run {made.run_id} of {model}@{made.version} is gone, or lacks what a training keeps: {why}",
            hint="restore the tracking store (mlflow.db and mlartifacts/, or the server's) from a backup",
        ) from error
    if kept.snapshot.digest != made.snapshot:
        raise IntegrityError(
            f"run {made.run_id} names another snapshot than the journal does for {model}@{made.version}",
            hint=f"found {kept.snapshot.digest[:12]}, recorded {made.snapshot[:12]}",
        )
    return _Recorded(made=made, kept=kept, folder=folder, manifest=manifest, test=test)


def _rows(recorded: _Recorded, spec: Spec, workshop: Workshop) -> tuple[Table, Split]:
    """The recorded rows, split as then. DataError if the rule in the recorded spec holds out other rows than the run did."""
    table = workshop.snapshots.restore(recorded.kept.snapshot)
    whole = split_rows(table, spec.data, spec.evaluate.split)
    split = spare(whole, table, spec.data, spec.evaluate)
    for found in (split, whole):  # earlier versions were trained without rows that the gate spares
        if np.array_equal(found.test, recorded.test) and len(found.train) == recorded.kept.rows:
            return table, found
    raise DataError(
        f"the split holds out {len(split.test)} rows and trains on {len(split.train)}, not the {len(recorded.test)} and "
        f"{recorded.kept.rows} of then",
        hint="the recorded flyball.toml, or the Flyball that trained it, split in another way",
    )


def _fit(recorded: _Recorded, spec: Spec, split: Split, studio: Studio, name: str) -> tuple[Fitted, Path]:
    folder = studio.scratch / name
    folder.mkdir()
    studio.workshop.snapshots.copy(recorded.kept.snapshot, folder / "snapshot.parquet")
    np.save(folder / "train.npy", split.train)
    np.save(folder / "test.npy", split.test)
    schema, train = recorded.manifest.schema, spec.train
    trainer = studio.trainer(spec.folder)
    try:
        fitted = trainer.fit(
            FitOrder(
                run=train.run,
                params=train.params,
                task=spec.model.task,
                threshold=spec.model.cut,
                schema=schema,
                target=spec.data.target,
                booleans=tuple(sorted(column.name for column in schema.columns if column.kind == "boolean")),
                folder=folder,
                timeout=train.timeout,
                weight=WEIGHT if WEIGHT in recorded.kept.snapshot.columns else "",
                command=train.command,
                python=_interpreter(train.python, studio.project),
            )
        )
    finally:
        trainer.close()
    return fitted, folder


def _interpreter(python: str, project: Path) -> str:
    """The interpreter of the user's own environment, which stands in the project and not in its history."""
    here = project / python
    return str(here) if python and here.is_file() else python


def _compared(
    model: str,
    version: int,
    recorded: _Recorded,
    source: Source,
    test: Table,
    fitted: Fitted,
    folder: Path,
    workshop: Workshop,
) -> Reproduction:
    made, manifest = recorded.made, recorded.manifest
    files = _against(recorded, fitted, folder)
    packages = _packages(recorded.folder / "environment.txt", workshop.workspace.environment())
    then = scorer(recorded.folder / "bundle", made.bundle, manifest, workshop, recorded.folder)(test.select(manifest.schema.names))
    scores: NDArray[np.float64] = np.load(folder / fitted.scores)
    comparable = then.shape == scores.shape
    difference = float(np.max(np.abs(then - scores), initial=0.0)) if comparable else None
    candidate = Candidate(test=test, scores=scores, classes=fitted.classes, trained_until=None, held_out="")
    now = assess(source.spec, candidate).metrics
    return Reproduction(
        model=model,
        version=version,
        identical=all(one.same for one in files),
        reason=because("reproduce.identical"),
        run_id=made.run_id,
        code=source,
        snapshot=made.snapshot,
        rows_trained=recorded.kept.rows,
        files=files,
        packages=packages,
        engine=(manifest.engine, fitted.engine),
        rows=test.rows,
        differing=int(np.count_nonzero((then != scores).reshape(test.rows, -1).any(axis=1))) if comparable else test.rows,
        largest_difference=difference,
        metrics={name: (value, now[name]) for name, value in made.metrics.items() if name in now},
        repeatable=None,
        seconds={},
    )


def _against(recorded: _Recorded, fitted: Fitted, folder: Path) -> tuple[FileCompared, ...]:
    """The pickled estimator, and what its engine reads."""
    now = {"model.pkl": folder / fitted.model, **{name: folder / file for name, file in fitted.files.items()}}
    if fitted.onnx:
        now["model.onnx"] = folder / fitted.onnx
    pickled = recorded.folder / "model" / "model.pkl"
    then = {name: entry.sha256 for name, entry in recorded.manifest.files.items()}
    then["model.pkl"] = sha256_file(pickled) if pickled.is_file() else ""
    engines = {name for name in then if name in ("model.onnx", "trees.bin", "linear.bin")}
    names = ["model.pkl", *sorted((now.keys() | engines) - {"model.pkl"})]
    return tuple(FileCompared(name=name, then=then.get(name, ""), now=sha256_file(now[name]) if name in now else "") for name in names)


def _packages(kept: Path, now: str) -> tuple[PackageMoved, ...]:
    """What is installed in another version than then; nothing if the run kept no list."""
    if not kept.is_file():
        return ()
    before, after = _versions(kept.read_text(encoding="utf-8", errors="replace")), _versions(now)
    names = sorted(before.keys() | after.keys(), key=str.lower)
    return tuple(
        PackageMoved(name=name, then=before.get(name, ""), now=after.get(name, "")) for name in names if before.get(name) != after.get(name)
    )


def _versions(text: str) -> dict[str, str]:
    """Name → version of a kept environment; Python by its own line."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# python "):
            found["python"] = line.removeprefix("# python ").strip()
        elif "==" in line:
            name, _, version = line.partition("==")
            found[name] = version
        elif " @ " in line:
            name, _, place = line.partition(" @ ")
            found[name] = place
    return found


def _why(told: Reproduction) -> Reason:
    """The first thing that explains what is seen, the surest first."""
    other = [one.name for one in told.files if not one.same]
    values: dict[str, Value] = {"version": told.version, "files": ", ".join(one.name for one in told.files), "other": ", ".join(other)}
    difference, rows = told.largest_difference, told.rows
    if told.identical:
        return because("reproduce.identical", **values, rows=rows)
    if not told.code.same_code:
        return because("reproduce.other_code", **values, taken=told.code.taken)
    if told.packages:
        moved = [f"{one.name} {one.then or '-'} → {one.now or '-'}" for one in told.packages]
        named = ", ".join(moved[:5]) + (" …" if len(moved) > 5 else "")
        return because("reproduce.other_packages", **values, count=len(moved), packages=named, difference=difference)
    if told.repeatable is False and difference != 0.0:
        return because("reproduce.not_repeatable", **values, difference=difference, rows=rows)
    if difference == 0.0:
        return because("reproduce.same_answers", **values, rows=rows)
    return because("reproduce.differs", **values, difference=difference, differing=told.differing, rows=rows)


def _write_down(workshop: Workshop, model: str, event: Verified, *, actor: str, now: datetime) -> None:
    for _ in range(_ATTEMPTS):
        entries = workshop.journal.read(model)
        try:
            workshop.journal.append(model, [event], expected=entries[-1].seq if entries else 0, actor=actor, at=now)
        except ConflictError:
            continue
        return
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="reproduce again")
