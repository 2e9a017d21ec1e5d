"""`flyball skew`: what was served, held against what is trained on."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import numpy as np

from flyball.cli.frame import as_json, at_time, console, need, now_option, project, say, show_json, show_table, span, told, when
from flyball.core.slug import slug
from flyball.core.table import Table
from flyball.core.window import Window, from_micros
from flyball.data.snapshot import micros
from flyball.data.source import time_columns
from flyball.journal.state import fold
from flyball.loop.memory import Memory
from flyball.loop.skew import skew
from flyball.monitoring.skew import SkewReport
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_workshop, open_world

# A prediction may be made this long before or after the time of its row in the training data.
_SLACK = timedelta(days=1)
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--prepared", is_flag=True, help="FILE is past the prepare steps; without it they are run over FILE.")
@click.option(
    "--window", default=None, metavar="SPAN", help="Predictions of this span up to now (default: the time the training data covers)."
)
@click.option(
    "--max-share",
    type=click.FloatRange(0.0, 1.0),
    default=None,
    metavar="SHARE",
    help="Exit 1 if a column differs in more than this part of its rows, or nothing could be compared.",
)
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context, file: Path | None, prepared: bool, window: str | None, max_share: float | None, now: str | None, as_json: bool
) -> None:
    """Compare the features of logged predictions with the training data of the same rows: by [data] id, else by unit and time.

    FILE is a CSV or Parquet file (or a directory of them) like [data] source; without it the newest snapshot is taken. Numbers count as
    equal within 1e-6 of themselves or as 32-bit floats; missing values and "3" for 3 are counted apart. Run it with a later export of the
    source: what the serving side computed otherwise shows here long before it shows in the performance.
    """
    settings, spec = project(ctx)
    need(not prepared or file is not None, "--prepared needs a FILE", "name the file that is past the prepare steps")
    moment, length = at_time(now), span("--window", window)
    world = open_world(settings)
    world.predictions.ingest()
    state = fold(spec.model.name, world.journal.read(spec.model.name))
    need(bool(state.versions), f"{spec.model.name} has no version, so nothing was served", "`flyball train` makes the first")
    table, source = _training_side(settings, spec, file, prepared=prepared)
    looked = Window(start=moment - length, end=moment) if length is not None else _covered(table, spec, moment)
    report = skew(world, spec, state, Memory(), table, source=source, window=looked)
    if as_json:
        show_json(plain(report, settings))
    else:
        show(report, settings)
    if max_share is not None and (not report.matched or report.worst > max_share):
        why = (
            f"a column differs in {report.worst:.2%} of its rows, allowed are {max_share:.2%}" if report.matched else "nothing was compared"
        )
        say(f"failed: {why}")
        sys.exit(1)


def plain(report: SkewReport, settings: Settings) -> dict[str, object]:
    """A report as `--json` prints it."""
    return {
        "model": report.model,
        "source": report.source,
        "window": [report.window.start, report.window.end],
        "by": report.by,
        "served": report.served,
        "capped": report.capped,
        "nameless": report.nameless,
        "repeated": report.repeated,
        "training": report.training,
        "matched": report.matched,
        "unmatched": report.unmatched,
        "columns": {
            column.column: {
                "share": column.share,
                "compared": column.compared,
                "differing": column.differing,
                "values": column.values,
                "missing_served": column.missing_served,
                "missing_training": column.missing_training,
                "types": column.types,
                "pattern": None if column.pattern is None else told(column.pattern, settings),
                "reason": told(column.reason, settings),
                "examples": list(column.examples),
            }
            for column in report.columns
        },
        "only_served": list(report.only_served),
        "only_training": list(report.only_training),
    }


def show(report: SkewReport, settings: Settings) -> None:
    """A report for people."""
    served = f"the newest {report.served}" if report.capped else str(report.served)
    span = f"{when(report.window.start)} to {when(report.window.end)} UTC"
    say(f"{report.source}: {report.training} rows; {served} predictions, {span}")
    left = [
        f"{report.unmatched} ids are not in the training data"
        if report.by == "id"
        else f"{report.unmatched} have no row of their unit and time"
    ]
    left += [f"{report.nameless} carry no {report.by}"] if report.nameless else []
    left += [f"{report.repeated} were asked again later (the latest counts)"] if report.repeated else []
    say(f"matched by {report.by}: {report.matched}; {'; '.join(left)}")
    if not report.matched:
        say("nothing to compare: send `id` (or `unit` and `at`) with requests, take later data, or widen --window")
        return
    rows = [
        (
            c.column,
            f"{c.share:.2%}",
            c.differing,
            c.compared,
            c.values,
            c.missing_served,
            c.missing_training,
            c.types,
            "" if c.pattern is None else told(c.pattern, settings),
        )
        for c in report.columns
    ]
    head = ("column", "differs", "rows", "of", "value", "missing when served", "missing in training", "type", "in words")
    show_table(head, rows)
    examples = [(c.column, e.id, e.prediction_id, e.served or "-", e.training or "-") for c in report.columns for e in c.examples]
    if examples:
        show_table(("column", report.by, "prediction", "served", "training"), examples, title="examples")
    for names, what in ((report.only_served, "only served"), (report.only_training, "only in the training data")):
        if names:
            console().print(f"{what}, so not compared: {', '.join(names)}")


def _training_side(settings: Settings, spec: Spec, file: Path | None, *, prepared: bool) -> tuple[Table, str]:
    """The rows that are trained on, past the prepare steps, and what they are called."""
    if file is None and spec.retrain.source == "source":  # else a snapshot holds rows of the log, which would be compared with themselves
        from flyball.adapters.pandas.arrow import read_parquet

        newest = settings.folder / "snapshots" / f"{slug(spec.model.name)}.parquet"
        if newest.is_file():
            return read_parquet(newest, times=time_columns(spec.data)).table, f"snapshot {newest.name}"
    if file is not None and prepared:
        from flyball.adapters.pandas.frames import load_table

        texts = [name for name in (spec.data.id, spec.data.unit) if name is not None]
        return load_table(file, times=time_columns(spec.data), texts=texts).table, file.name
    if file is not None:
        spec = replace(spec, data=replace(spec.data, source=str(file.resolve())))
    workshop = open_workshop(settings, spec, echo=say)
    try:
        return workshop.trainer.prepare(spec).table, f"{spec.data.source if file is None else file.name}, prepared"
    finally:
        workshop.trainer.close()


def _covered(table: Table, spec: Spec, now: datetime) -> Window:
    """The time the table covers, with a day on both sides; without times, everything up to now."""
    name = spec.data.time
    if name is None or name not in table or table[name].dtype.kind != "M":
        return Window(start=_BEGIN, end=now)
    times = table[name][~np.isnat(table[name])]
    if not len(times):
        return Window(start=_BEGIN, end=now)
    known = micros(times)
    return Window(start=from_micros(int(known.min())) - _SLACK, end=from_micros(int(known.max())) + _SLACK)
