"""`flyball monitor`: drift and realised performance."""

from dataclasses import replace

import click

from flyball.cli.frame import as_json, at_time, console, need, now_option, project, say, show_json, show_table, span, told
from flyball.journal.state import State, fold
from flyball.loop.evidence.monitor import keep, monitor
from flyball.loop.memory import Memory
from flyball.monitoring.records import MonitorReport
from flyball.settings import Settings
from flyball.wiring import open_world


@click.command()
@click.option("--window", default=None, metavar="SPAN", help="The span up to now, such as 7d (default: the spec's [monitor] window).")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, window: str | None, now: str | None, as_json: bool) -> None:
    """Hold the predictions of the last window against the champion's training data, and the matured past against its outcomes.

    A column drifts when it has certainly moved further than the margin: the whole interval [lower, upper] lies above the threshold. Nothing
    here is a p-value, so more traffic does not make more alarms.
    """
    settings, spec = project(ctx)
    length = span("--window", window)
    if length is not None:
        spec = replace(spec, monitor=replace(spec.monitor, window=length))
    world = open_world(settings)
    world.predictions.ingest()
    state = fold(spec.model.name, world.journal.read(spec.model.name))
    need(state.champion is not None, f"{spec.model.name} has no champion to watch", "`flyball train` makes the first")
    assert state.champion is not None
    report = monitor(world, spec, state, state.champion, Memory(), now=at_time(now))
    if window is None and now is None:  # what the loop would see now: the server shows it as gauges
        keep(world, state, report, spec.monitor.window)
    if as_json:
        show_json(plain(report, state, settings))
    else:
        show(report, state, settings)


def plain(report: MonitorReport, state: State, settings: Settings) -> dict[str, object]:
    """A report as `--json` prints it."""
    return {
        "model": state.model,
        "version": report.version,
        "window": [report.window.start, report.window.end],
        "rows": report.rows,
        "columns": {
            name: {
                "state": column.state,
                "distance": column.distance,
                "lower": column.lower,
                "upper": column.upper,
                "threshold": column.threshold,
                "missing": column.missing,
                "out_of_range": column.out_of_range,
                "new_categories": column.new_categories,
                "distances": dict(column.distances),
                "reason": told(column.reason, settings),
            }
            for name, column in report.columns.items()
        },
        "performance": _performance(report, settings),
        "alerts": [{"key": key, "reason": told(reason, settings)} for key, reason in sorted(state.firing.items())],
    }


def show(report: MonitorReport, state: State, settings: Settings) -> None:
    """A report for people: the furthest columns first."""
    window = f"{report.window.start:%Y-%m-%d %H:%M} to {report.window.end:%Y-%m-%d %H:%M} UTC"
    title = f"{state.model}@{report.version}: {report.rows} rows, {window}"
    columns = sorted(report.columns.items(), key=lambda item: (item[1].state != "drift", -item[1].distance))
    rows = [(name, c.state, c.distance, c.lower, c.upper, c.threshold, c.missing, told(c.reason, settings)) for name, c in columns]
    if rows:
        show_table(("column", "state", "distance", "lower", "upper", "threshold", "missing", "in words"), rows, title=title)
    elif report.rows:
        say(f"{title}: this version has no reference, so nothing is compared; `flyball adopt --data FILE` makes one")
    else:
        say(f"{title}: nothing was predicted, so there is nothing to compare")
    if report.performance is not None:
        p = report.performance
        console().print(f"performance: {told(p.reason, settings)} ({p.labelled} of {p.matured} matured rows have a label)")
    for key, reason in sorted(state.firing.items()):
        console().print(f"alert {key}: {told(reason, settings)}")


def _performance(report: MonitorReport, settings: Settings) -> dict[str, object] | None:
    p = report.performance
    if p is None:
        return None
    return {
        "metric": p.metric,
        "version": p.version,
        "window": [p.window.start, p.window.end],
        "value": p.value,
        "lower": p.lower,
        "upper": p.upper,
        "matured": p.matured,
        "labelled": p.labelled,
        "blocks": p.blocks,
        "reason": told(p.reason, settings),
    }
