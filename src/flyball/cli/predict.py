"""`flyball predict IN OUT`: score a file of any size with what is deployed."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from flyball.cli.frame import as_json, at_time, need, project, say, show_json
from flyball.cli.serve import holdback, trusted_option
from flyball.core.errors import UsageError
from flyball.core.window import to_micros
from flyball.settings import Settings
from flyball.spec.records import Spec

if TYPE_CHECKING:
    from flyball.loop.batch.part import BatchOrder
    from flyball.loop.batch.report import BatchReport, Progress
    from flyball.serving.deployment import LiveModel

_KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_EVERY = 5.0  # seconds between two lines of progress where there is no terminal
_MOST_THREADS = 8


@click.command()
@click.argument("files", metavar="IN OUT", nargs=2, type=click.Path(path_type=Path))
@click.option("--keep", default=None, metavar="COLUMNS", help="Columns to give back, such as id,unit, or `none` (default: all).")
@click.option("--prepare", is_flag=True, help="Run the spec's prepare steps on IN first. It must fit into memory.")
@click.option("--scores", is_flag=True, help="Also the probability of every class.")
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="skip: write bad rows to OUT.skipped.csv with the reason, and go on.",
)
@click.option("--no-log", is_flag=True, help="Do not log the predictions: nothing is then monitored or learned from them.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
@click.option("--threads", type=click.IntRange(1, 64), default=None, help="How many parts are scored at once (default: the processors).")
@click.option("--now", metavar="TIME", default=None, help="The time of rows without one (RFC 3339); default: when the job began.")
@trusted_option
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, Path],
    keep: str | None,
    prepare: bool,
    scores: bool,
    on_error: str,
    no_log: bool,
    overwrite: bool,
    threads: int | None,
    now: str | None,
    trusted_code: bool,
    as_json: bool,
) -> None:
    """Score every row of IN (CSV, Parquet, or a directory of one of them) and write OUT (.csv or .parquet).

    Rows are as `/predict` takes them: prepared (or `--prepare` does it), with the model's columns by name; the spec's id, unit and time are
    used where they are. Champion and challenger share the rows by unit as in the server, shadows score along, and every prediction is
    logged, so outcomes, `monitor` and `tick` work as if it had been served. A job that was killed goes on where it stood when the same
    command runs again.
    """
    settings, spec = project(ctx)
    order = make_order(
        settings,
        spec,
        *files,
        keep=_columns(keep),
        prepare=prepare,
        scores=scores,
        skip=on_error == "skip",
        logged=not no_log,
        threads=threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        started_at=None if now is None else to_micros(at_time(now)),
        trusted=trusted_code,
    )
    from flyball.loop.batch.batch import run_batch

    began = time.monotonic()
    for why in order.live.left_out.values():
        say(f"warning: {why}")
    with _Shown(_terminal(as_json)) as shown:
        report = run_batch(order, overwrite=overwrite, clock=lambda: time.time_ns() // 1000, progress=shown)
    seconds = time.monotonic() - began
    if report.skipped and order.log is not None:
        _count(settings, spec, report)
    if as_json:
        show_json(plain(report, order, seconds))
    else:
        tell(report, order, seconds)
    sys.exit(0 if report.answered or not report.rows else 1)


def _count(settings: Settings, spec: Spec, report: "BatchReport") -> None:
    """Rows that were skipped are in no log: for monitoring they count like requests that a server refused."""
    from flyball.serving.records import Answers
    from flyball.wiring import open_stores, wall_clock

    minute = wall_clock().replace(second=0, microsecond=0)
    by_status = {200: report.answered, 422: report.skipped}
    counts = [Answers(minute=minute, status=status, requests=rows) for status, rows in by_status.items() if rows]
    open_stores(settings).traffic.add(spec.model.name, counts)


def make_order(
    settings: Settings,
    spec: Spec,
    source: Path,
    out: Path,
    *,
    keep: tuple[str, ...] | None,
    prepare: bool = False,
    scores: bool,
    skip: bool,
    logged: bool,
    threads: int,
    started_at: int | None,
    trusted: bool,
    size: int | None = None,
    rows: int | None = None,
) -> "BatchOrder":
    """The job that the words of a command mean; `size` and `rows` say how large the parts of CSV and Parquet files are."""
    from flyball.adapters.arrow.sink import FileSink
    from flyball.adapters.arrow.source import FileSource
    from flyball.loop.batch.part import BatchOrder
    from flyball.loop.parts import Wanted
    from flyball.serving.check import require_columns
    from flyball.serving.traffic import Split

    kind = _KINDS.get(out.suffix.lower())
    if kind is None:
        raise UsageError(f"{out} is neither .csv nor .parquet", hint="the end of OUT's name says what is written")
    live = _live(settings, spec, trusted=trusted)
    data = spec.data
    wanted = Wanted(columns=live.contract.columns, id=data.id, unit=data.unit, time=data.time)
    file, known_as = _prepared(settings, spec, source) if prepare else (source, "")
    files = FileSource(file, wanted, keep=keep, typed=kind == "parquet", size=size, rows=rows, known_as=known_as)
    steps = f"if {', '.join(data.prepare)} makes it of the source, say --prepare" if data.prepare and not prepare else ""
    require_columns(live.contract, files.names, source.name, hint=steps)
    for role, name in (("id", data.id), ("unit", data.unit), ("time", data.time)):
        if name is not None and name not in files.names:
            say(f"there is no column {name!r} ({role}): {_WITHOUT[role]}")
    classes = live.champion.manifest.classes if scores else ()
    answers = _answers(live, classes)
    return BatchOrder(
        live=live,
        wanted=wanted,
        source=files,
        sink=FileSink(cast(Literal["csv", "parquet"], kind), files.kept, answers),
        out=out,
        kind=kind,
        kept=files.kept,
        header=answers,
        classes=classes,
        refuse_unseen=spec.serve.unseen == "refuse",
        skip=skip,
        log=settings.log if logged else None,
        durable=spec.serve.log == "required",
        threads=threads,
        started_at=started_at,
        split=Split(overrides=spec.rollout.overrides, holdback=holdback(spec)),
    )


def _prepared(settings: Settings, spec: Spec, source: Path) -> tuple[Path, str]:
    """What the prepare steps make of a file, in the cache of their outputs, and the digest it has there."""
    from flyball.wiring import open_workshop

    if not spec.data.prepare:
        raise UsageError("flyball.toml names no prepare steps", hint="leave --prepare out")
    data = replace(spec.data, source=str(source.resolve()), time=None, outcome_time=None)
    trainer = open_workshop(settings, spec, echo=say).trainer
    try:
        last = trainer.prepare(replace(spec, data=data)).steps[-1]
    finally:
        trainer.close()
    return settings.state / "cache" / f"{last.digest}.parquet", last.digest


def _live(settings: Settings, spec: Spec, *, trusted: bool) -> "LiveModel":
    from flyball.loop.live import open_live
    from flyball.serving.local import as_served, read_local
    from flyball.wiring import open_stores

    stores = open_stores(settings)
    deployment = stores.deployments.current(spec.model.name)
    need(deployment is not None, f"no version of {spec.model.name} is deployed, so nothing can answer", "`flyball train` makes the first")
    assert deployment is not None
    return open_live(stores.bundles, as_served(deployment, read_local(settings.state)), trusted=trusted)


def _answers(live: "LiveModel", classes: Sequence[object]) -> tuple[str, ...]:
    """The columns of the output that say what was answered."""
    manifest = live.champion.manifest
    said = tuple(f"prediction_{output}" for output in manifest.outputs) or ("prediction",)
    sure = ("confidence",) if manifest.task != "regression" and manifest.probabilities else ()
    return (*said, *sure, *(f"probability_{label}" for label in classes), "version", "variant", "prediction_id")


_WITHOUT = {
    "id": "outcomes can be told by prediction_id, not by id",
    "unit": "each row is assigned to champion or challenger for itself",
    "time": "the rows count as predicted when the job began",
}


def _columns(keep: str | None) -> tuple[str, ...] | None:
    if keep is None or keep == "all":
        return None
    return () if keep == "none" else tuple(name.strip() for name in keep.split(",") if name.strip())


def plain(report: "BatchReport", order: "BatchOrder", seconds: float) -> dict[str, object]:
    """A report as `--json` prints it."""
    fresh = report.rows - report.rows_before
    return {
        "out": str(order.out),
        "model": order.live.model,
        "rows": report.rows,
        "answered": report.answered,
        "skipped": report.skipped,
        "logged": report.logged,
        "versions": dict(report.versions),
        "shadows": dict(report.shadows),
        "shadow_errors": {version: missed for version, missed in report.missed.items() if missed},
        "fallbacks": report.fallbacks,
        "unseen_categories": dict(report.unseen),
        "rows_before": report.rows_before,
        "begun_anew": report.begun_anew,
        "seconds": round(seconds, 3),
        "rows_per_second": round(fresh / seconds) if seconds > 0 else 0,
    }


def tell(report: "BatchReport", order: "BatchOrder", seconds: float) -> None:
    """A report for people."""
    if report.begun_anew:
        say(f"begun anew: the {report.begun_anew} changed since the job was interrupted")
    elif report.rows_before:
        say(f"went on after {report.rows_before:,} rows that were done before")
    fresh = report.rows - report.rows_before
    say(f"{report.answered:,} of {report.rows:,} rows answered, {fresh / max(seconds, 1e-9):,.0f} rows/s; {order.out}")
    for name, rows in report.versions.items():
        version, variant = name.split("/")
        say(f"  {order.live.model}@{version} ({variant}): {rows:,}")
    for version, rows in report.shadows.items():
        missed = report.missed.get(version, 0)
        say(f"  {order.live.model}@{version} (shadow): {rows:,}" + (f", {missed:,} rows it could not score" if missed else ""))
    if report.skipped:
        say(f"{report.skipped:,} rows skipped: {order.out}.skipped.csv says why")
    if report.fallbacks:
        say(f"{report.fallbacks:,} rows were the challenger's and it failed: the champion answered them")
    for column, rows in report.unseen.items():
        say(f"{column}: {rows:,} rows with a category that did not occur in training")
    if report.zone_assumed:
        say(f"the times in {order.wanted.time} have no zone: taken as UTC")
    if report.logged:
        say("logged: the next outcomes, monitor or tick takes the predictions into the database")


def _terminal(as_json: bool) -> bool:
    return sys.stderr.isatty() and not as_json


class _Shown:
    """Progress for people: a bar on a terminal, else a line every few seconds."""

    def __init__(self, terminal: bool) -> None:
        self._began = self._said = time.monotonic()
        self._start: int | None = None
        self._update: Callable[[Progress], None] = self._line
        self._stop: Callable[[], None] = lambda: None
        if terminal:
            self._bar()

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop()
        if kind is KeyboardInterrupt:
            say("the same command goes on where this one stood")

    def __call__(self, progress: "Progress") -> None:
        if self._start is None:
            self._start = progress.done
            if progress.rows:
                say(f"{progress.rows:,} rows are done already: going on")
        self._update(progress)

    def _line(self, progress: "Progress") -> None:
        now = time.monotonic()
        if now - self._said < _EVERY or not progress.fresh:
            return
        self._said, took = now, now - self._began
        left = (progress.total - progress.done) * took / max(progress.done - (self._start or 0), 1)
        share = progress.done / max(progress.total, 1)
        say(f"{progress.rows:,} rows, {share:.0%}, {progress.fresh / took:,.0f} rows/s, about {left:.0f} s left")

    def _bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[speed]:,.0f} rows/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task("", rows=0, speed=0.0, total=None)
        bar.start()

        def update(progress: "Progress") -> None:
            speed = progress.fresh / max(time.monotonic() - self._began, 1e-9)
            bar.update(task, completed=progress.done, total=progress.total, rows=progress.rows, speed=speed)

        self._update, self._stop = update, bar.stop
