"""Ask two versions what was asked of late, and compare what they say. Nothing of it is logged, and nobody is answered with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from flyball.core.errors import FlyballError, NotFoundError, RefusedError
from flyball.core.reason import because
from flyball.core.record import record
from flyball.core.window import Window
from flyball.evaluation.replay import ask, compare_answers
from flyball.evaluation.replay_records import ReplayReport, Requests, Said
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.fetched import engine_of
from flyball.loop.making.scorers import Score, scorer
from flyball.loop.making.workshop import Workshop
from flyball.loop.replaying.latency import ROWS, by_row, latency
from flyball.loop.replaying.rows import EPOCH, answerable, logged_requests, readable
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Manifest
from flyball.serving.engine import Engine, load_engine
from flyball.spec.records import Spec

LAST = 10_000
_FEW_CALLS = 60  # of a model in a process of its own, to which every call sends a file


@record
class Opened:
    """A verified version: its manifest, how it scores rows, and its engine, unless that would unpickle in this process."""

    version: int
    manifest: Manifest
    score: Score
    engine: Engine | None


def replay(
    spec: Spec,
    workshop: Workshop,
    *,
    candidate: int,
    against: int | None = None,
    last: int = LAST,
    since: timedelta | None = None,
    now: datetime,
    timed: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> ReplayReport:
    """The report of asking `candidate` and `against` (None: the champion) the newest `last` logged requests once more.

    `since`: only those of the last so long. `timed`: also measure how long one row takes each. NotFoundError for a version there is not,
    RefusedError where there is nothing to compare with or nothing was logged. A version of the engine `native` is asked in a process
    of its own.
    """
    model = spec.model.name
    state = fold(model, workshop.journal.read(model))
    champion = _other(state, candidate, against)
    workshop.predictions.ingest()
    window = Window(start=EPOCH if since is None else now - since, end=now)
    logged = logged_requests(workshop.predictions, model, window, last)
    if not len(logged.ids):
        what = f"{logged.bare} requests were logged, all without features" if logged.bare else f"{model} has no logged requests"
        hint = "`flyball serve` logs them; look at --since, and at --now if you gave it"
        raise RefusedError(f"{what} up to {now:%Y-%m-%d %H:%M} UTC, so there is nothing to replay", hint=hint)
    progress(f"replay: {len(logged.ids)} requests, {model}@{candidate} against {model}@{champion}")
    name = f"replay-{candidate}-{champion}"
    try:
        with workshop.workspace.work(name) as folder:
            sides = [opened(state, workshop, version, folder / str(version)) for version in (champion, candidate)]
            old, new = sides
            requests, left_out = answerable(logged, old.manifest, new.manifest, spec.data, now=now)
            said = []
            for side in sides:
                progress(f"asking {model}@{side.version}: {len(requests.ids)} rows")
                said.append(answers(side, requests))
            report = compare_answers(
                model,
                requests,
                said[0],
                said[1],
                metrics=spec.evaluate.metrics,
                seed=spec.evaluate.split.seed,
                left_out=left_out,
                asked=len(logged.ids) + logged.bare,
            )
            return _timed(report, old, new, requests, said, progress) if timed else report
    finally:
        workshop.trainer.close()
        workshop.workspace.done(name)


def opened(state: State, workshop: Workshop, version: int, folder: Path) -> Opened:
    """A version's bundle, verified; fetched into the folder if it is not on this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    path, digest = engine_of(state, version, bundles=workshop.bundles, registry=workshop.registry, key=workshop.key, folder=folder)
    manifest = read_manifest(path, digest)
    if manifest.engine == "native":
        return Opened(version=version, manifest=manifest, score=scorer(path, digest, manifest, workshop, folder), engine=None)
    engine = load_engine(path, manifest)
    return Opened(version=version, manifest=manifest, score=engine.score, engine=engine)


def answers(side: Opened, requests: Requests) -> Said:
    """What a version says of requests."""
    made = side.manifest
    return ask(
        side.score,
        readable(requests.features, made.schema),
        version=side.version,
        task=made.task,
        classes=made.classes,
        threshold=made.threshold,
        calls=_FEW_CALLS if made.engine == "native" else 400,
    )


def _timed(
    report: ReplayReport, old: Opened, new: Opened, requests: Requests, said: list[Said], progress: Callable[[str], None]
) -> ReplayReport:
    if old.engine is None or new.engine is None:
        return replace(report, notes=(*report.notes, because("replay.latency_native")))
    progress("measuring latency")
    fine = requests.features.take(np.flatnonzero(~(said[0].failed | said[1].failed))[:ROWS])
    try:
        asks = [by_row(engine, readable(fine, made.schema)) for engine, made in ((old.engine, old.manifest), (new.engine, new.manifest))]
        return replace(report, latency=latency(asks[0], asks[1], fine.rows))
    except FlyballError as error:
        return replace(report, notes=(*report.notes, because("replay.latency_failed", message=error.message)))


def _other(state: State, candidate: int, against: int | None) -> int:
    for version in (candidate, *(() if against is None else (against,))):
        if version not in state.versions:
            known = ", ".join(f"@{number}" for number in sorted(state.versions)) or "none"
            raise NotFoundError(f"there is no version {version} of {state.model}", hint=f"versions: {known}")
    champion = state.champion if against is None else against
    if champion is None:
        raise RefusedError(f"{state.model} has no champion to replay against", hint="name a version with --against")
    if champion == candidate:
        what = "the champion itself" if against is None else "the same version"
        raise RefusedError(f"{state.model}@{candidate} is {what}: nothing can differ", hint="name another version with --against")
    return champion
