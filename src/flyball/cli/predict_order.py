"""The job that the words of `flyball predict` mean, here and in the processes of a cluster."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from flyball.cli.frame import need, say
from flyball.cli.serve import holdback
from flyball.core.errors import UsageError
from flyball.core.record import record
from flyball.serving.records import Deployment
from flyball.settings import Settings
from flyball.spec.records import Spec

if TYPE_CHECKING:
    from flyball.loop.batch.part import BatchOrder
    from flyball.serving.deployment import LiveModel

_KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@record
class Given:
    """What is read and what is written. `known_as`: a digest of the input's content, where somebody knows one."""

    source: Path
    out: Path
    known_as: str

    def resolved(self) -> "Given":
        """The same files, by names that mean the same in every working directory."""
        return replace(self, source=self.source.resolve(), out=self.out.resolve())


@record
class Wishes:
    """What the options say; `size` and `rows` say how large the parts of CSV and Parquet files are."""

    keep: tuple[str, ...] | None
    scores: bool
    skip: bool
    logged: bool
    threads: int
    started_at: int | None
    trusted: bool
    size: int | None = None
    rows: int | None = None


def order_for(settings: Settings, spec: Spec, given: Given, wishes: Wishes, live: "LiveModel") -> "BatchOrder":
    """The job over these files with what is deployed."""
    from flyball.adapters.arrow.sink import FileSink
    from flyball.adapters.arrow.source import FileSource
    from flyball.loop.batch.part import BatchOrder
    from flyball.loop.parts import Wanted
    from flyball.serving.check import require_columns
    from flyball.serving.traffic import Split

    kind = _KINDS.get(given.out.suffix.lower())
    if kind is None:
        raise UsageError(f"{given.out} is neither .csv nor .parquet", hint="the end of OUT's name says what is written")
    data = spec.data
    wanted = Wanted(columns=live.contract.columns, id=data.id, unit=data.unit, time=data.time)
    typed = kind == "parquet"
    files = FileSource(
        given.source, wanted, keep=wishes.keep, typed=typed, size=wishes.size, rows=wishes.rows, known_as=given.known_as
    )  # fmt: skip
    steps = f"if {', '.join(data.prepare)} makes it of the source, say --prepare" if data.prepare and not given.known_as else ""
    require_columns(live.contract, files.names, given.source.name, hint=steps)
    classes = live.champion.manifest.classes if wishes.scores else ()
    answers = _answers(live, classes)
    return BatchOrder(
        live=live,
        wanted=wanted,
        source=files,
        sink=FileSink(cast(Literal["csv", "parquet"], kind), files.kept, answers),
        out=given.out,
        kind=kind,
        kept=files.kept,
        header=answers,
        classes=classes,
        refuse_unseen=spec.serve.unseen == "refuse",
        skip=wishes.skip,
        log=settings.log if wishes.logged else None,
        durable=spec.serve.log == "required",
        threads=wishes.threads,
        started_at=wishes.started_at,
        split=Split(overrides=spec.rollout.overrides, holdback=holdback(spec)),
    )


def order_elsewhere(settings: Settings, spec: Spec, given: Given, wishes: Wishes, deployment: Deployment) -> "BatchOrder":
    """The same job in a process of a cluster, which needs the project's bundles and no database."""
    from flyball.loop.live import open_live
    from flyball.stores import open_bundles

    live = open_live(open_bundles(settings), deployment, trusted=wishes.trusted)
    return order_for(settings, spec, given, wishes, live)


def roles_missing(spec: Spec, order: "BatchOrder") -> list[tuple[str, str]]:
    """The columns of the spec's roles that the input does not have: role and name."""
    data, names = spec.data, order.source.names
    roles = (("id", data.id), ("unit", data.unit), ("time", data.time))
    return [(role, name) for role, name in roles if name is not None and name not in names]


def prepared(settings: Settings, spec: Spec, given: Given) -> Given:
    """What the prepare steps make of a file, in the cache of their outputs, and the digest it has there."""
    from flyball.wiring import open_workshop

    if not spec.data.prepare:
        raise UsageError("flyball.toml names no prepare steps", hint="leave --prepare out")
    data = replace(spec.data, source=str(given.source.resolve()), time=None, outcome_time=None)
    trainer = open_workshop(settings, spec, echo=say).trainer
    try:
        last = trainer.prepare(replace(spec, data=data)).steps[-1]
    finally:
        trainer.close()
    return replace(given, source=settings.state / "cache" / f"{last.digest}.parquet", known_as=last.digest)


def champion_and_others(settings: Settings, spec: Spec, *, trusted: bool) -> "LiveModel":
    """What is deployed, opened."""
    from flyball.loop.live import open_live
    from flyball.serving.local import as_served, read_local
    from flyball.stores import open_stores

    stores = open_stores(settings)
    deployment = stores.deployments.current(spec.model.name)
    need(deployment is not None, f"no version of {spec.model.name} is deployed, so nothing can answer", "`flyball train` makes the first")
    assert deployment is not None
    return open_live(stores.bundles, as_served(deployment, read_local(settings.state)), trusted=trusted)


def now_micros() -> int:
    """The time it is, in microseconds."""
    return time.time_ns() // 1000


def _answers(live: "LiveModel", classes: Sequence[object]) -> tuple[str, ...]:
    """The columns of the output that say what was answered."""
    manifest = live.champion.manifest
    said = tuple(f"prediction_{output}" for output in manifest.outputs) or ("prediction",)
    sure = ("confidence",) if manifest.task != "regression" and manifest.probabilities else ()
    return (*said, *sure, *(f"probability_{label}" for label in classes), "version", "variant", "prediction_id")
