"""`flyball predict IN OUT`: score a file of any size with what is deployed."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flyball.adapters.engines import LOCAL, read_engine
from flyball.cli.frame import as_json, at_time, on_option, project, say, show_json
from flyball.cli.predict_order import (
    Given,
    Wishes,
    champion_and_others,
    now_micros,
    order_elsewhere,
    order_for,
    prepared,
    roles_missing,
)
from flyball.cli.serve import trusted_option
from flyball.core.errors import UsageError
from flyball.core.window import to_micros
from flyball.settings import Settings
from flyball.spec.records import Spec

if TYPE_CHECKING:
    from flyball.loop.batch.part import BatchOrder
    from flyball.loop.batch.report import BatchReport, Progress

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
@on_option
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
    on: str,
    trusted_code: bool,
    as_json: bool,
) -> None:
    """Score every row of IN (CSV, Parquet, or a directory of one of them) and write OUT (.csv or .parquet).

    Rows are as `/predict` takes them: prepared (or `--prepare` does it), with the model's columns by name; the spec's id, unit and time are
    used where they are. Champion and challenger share the rows by unit as in the server, shadows score along, and every prediction is
    logged, so outcomes, `monitor` and `tick` work as if it had been served. A job that was killed goes on where it stood when the same
    command runs again, wherever. --on dask or ray has the parts of IN scored by the workers of a cluster, to the same output.
    """
    if on != LOCAL and threads is not None:
        raise UsageError("--threads is for this process, and --on says that others score", hint="leave one of them out")
    read_engine(on)
    settings, spec = project(ctx)
    wishes = Wishes(
        keep=_columns(keep),
        scores=scores,
        skip=on_error == "skip",
        logged=not no_log,
        threads=threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        started_at=None if now is None else to_micros(at_time(now)),
        trusted=trusted_code,
    )
    given = Given(source=files[0], out=files[1], known_as="")
    if prepare:
        given = prepared(settings, spec, given)
    live = champion_and_others(settings, spec, trusted=trusted_code)
    order = order_for(settings, spec, given, wishes, live)
    began = time.monotonic()
    for role, name in roles_missing(spec, order):
        say(f"there is no column {name!r} ({role}): {_WITHOUT[role]}")
    for why in order.live.left_out.values():
        say(f"warning: {why}")
    report = _run(settings, spec, order, given, wishes, on=on, overwrite=overwrite, shown=_Shown(_terminal(as_json)))
    seconds = time.monotonic() - began
    if report.skipped and order.log is not None:
        _count(settings, spec, report)
    if as_json:
        show_json(plain(report, order, seconds))
    else:
        tell(report, order, seconds)
    sys.exit(0 if report.answered or not report.rows else 1)


def _run(
    settings: Settings, spec: Spec, order: "BatchOrder", given: Given, wishes: Wishes, *, on: str, overwrite: bool, shown: "_Shown"
) -> "BatchReport":
    from flyball.adapters.engines import open_mapper
    from flyball.loop.batch.batch import run_batch
    from flyball.loop.batch.spread import Spread

    with ExitStack() as opened:
        spread = None
        if on != LOCAL:
            mapper = opened.enter_context(open_mapper(on, settings.state))
            say(f"{on}: {mapper.slots} parts at a time")
            there = partial(order_elsewhere, settings, spec, given.resolved(), wishes, order.live.deployment)
            spread = Spread(mapper=mapper, opened=there, clock=now_micros, say=say)
        opened.enter_context(shown)
        return run_batch(order, overwrite=overwrite, clock=now_micros, progress=shown, spread=spread)


def _count(settings: Settings, spec: Spec, report: "BatchReport") -> None:
    """Rows that were skipped are in no log: for monitoring they count like requests that a server refused."""
    from flyball.serving.records import Answers
    from flyball.stores import open_stores, wall_clock

    minute = wall_clock().replace(second=0, microsecond=0)
    by_status = {200: report.answered, 422: report.skipped}
    counts = [Answers(minute=minute, status=status, requests=rows) for status, rows in by_status.items() if rows]
    open_stores(settings).traffic.add(spec.model.name, counts)


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
