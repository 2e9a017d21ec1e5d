"""`flyball backtest`: replay history under several policies and compare them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flyball.cli.frame import as_json, console, on_option, say, show_json, show_table, span, told
from flyball.core.errors import StoreError, UsageError
from flyball.core.reason import because
from flyball.settings import Settings, read_settings

if TYPE_CHECKING:
    from flyball.loop.backtest.records import BacktestReport, Difference, Scored

_SHOWN = 2  # metrics beside each other on a screen


@click.command()
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="POLICY",
    help="never, every:30d, evenly (as often as the spec retrains) or evenly:4, drift, performance, spec; with changes to the spec behind "
    "commas, such as 'spec,retrain.window=60d'. Repeat it (default: never, evenly, drift, performance, spec).",
)
@click.option("--data", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Replay this file (default: [data] source).")
@click.option("--from-log", is_flag=True, help="Replay what the prediction log has.")
@click.option("--start", default=None, metavar="TIME", help="First day of the replay (default: after a fifth of the history).")
@click.option("--end", default=None, metavar="TIME", help="Where it ends (default: after the last row).")
@click.option(
    "--train-until", default=None, metavar="TIME", help="The first champion learns from what was known by then (default: --start)."
)
@click.option("--step", default="1d", show_default=True, metavar="SPAN", help="How often the loop looks.")
@click.option("--seed", type=click.IntRange(0), default=None, help="Seed of the trainings (default: as in [train] params).")
@click.option("--metric", default=None, metavar="NAME", help="What policies are ranked by (default: [rollout] metric).")
@click.option(
    "--changes", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Times at which the data changed, one a line."
)
@click.option(
    "--within", default="14d", show_default=True, metavar="SPAN", help="An alarm so long after a change, or before a loss, belongs to it."
)
@click.option("--processes", type=click.IntRange(1), default=None, metavar="N", help="Policies at a time (default: one for each core).")
@click.option("--html", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Write the report as one page, with plots.")
@on_option
@as_json
@click.pass_obj
def command(
    folder: Path,
    policies: tuple[str, ...],
    data: Path | None,
    from_log: bool,
    start: str | None,
    end: str | None,
    train_until: str | None,
    step: str,
    seed: int | None,
    metric: str | None,
    changes: Path | None,
    within: str,
    processes: int | None,
    html: Path | None,
    on: str,
    as_json: bool,
) -> None:
    """Replay history through the loop that runs live, once for each policy, and say how they compare.

    The first champion learns from what was known before --start. From then on every row asks for a prediction, every outcome is told when
    it became known, and at the end of each step the loop looks, retrains, compares, promotes or refuses as the policy says. Nothing of the
    project changes: the worlds are in memory, trainings in a scratch folder. The dashboard shows its report.

    \b
    flyball backtest --start 2013-03-01
    flyball backtest --policy spec --policy 'spec,window=60d' --policy every:30d --html choice.html
    flyball backtest --on dask:tcp://scheduler:8786
    """
    from flyball.loop.backtest.records import Request
    from flyball.wiring import run_backtest

    if html is not None and not html.resolve().parent.is_dir():
        raise UsageError(f"--html {html}: there is no folder {html.resolve().parent}")
    settings = read_settings(folder)
    request = Request(
        policies=policies,
        start=_time("--start", start),
        end=_time("--end", end),
        train_until=_time("--train-until", train_until),
        step=span("--step", step) or timedelta(days=1),
        seed=seed,
        metric=metric,
        changes=None if changes is None else read_changes(changes),
        within=span("--within", within),
    )
    report = run_backtest(settings, request, data=data, from_log=from_log, processes=processes, on=on, say=say)
    _keep(report, settings, from_log=from_log)
    if html is not None:
        from flyball.render.backtest.page import html_page

        html.write_text(html_page(report, "zh" if settings.language == "zh" else "en"), encoding="utf-8")
        say(f"wrote {html}")
    if as_json:
        from flyball.loop.shown import plain_backtest

        show_json(plain_backtest(report, lambda reason: told(reason, settings)))
    else:
        show(report, settings)


def _keep(report: BacktestReport, settings: Settings, *, from_log: bool) -> None:
    """Keep the report for the dashboard. It was made all the same where that fails."""
    from flyball.loop.backtest.kept import KeptBacktest, keep
    from flyball.stores import wall_clock

    try:
        keep(settings.state, KeptBacktest(at=wall_clock(), actor=settings.actor, report=report, from_log=from_log))
    except StoreError as error:
        say(f"warning: {error}")


def read_changes(path: Path) -> tuple[datetime, ...]:
    """The times of a file, the first cell of each line; a first line that is no time is a heading. UsageError names what is no time."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--changes {path} cannot be read: {error}", hint="a text file with one time a line") from None
    found: list[datetime] = []
    for number, line in enumerate(lines, 1):
        cell = line.split(",")[0].strip().strip('"')
        if not cell:
            continue
        try:
            found.append(_read_time(cell))
        except ValueError as error:
            if number > 1:
                raise UsageError(f"--changes {path}, line {number}: {cell!r} is no time ({error})", hint="such as 2013-11-01") from None
    if not found:
        raise UsageError(f"--changes {path} holds no time", hint="one a line, such as 2013-11-01")
    return tuple(sorted(found))


def show(report: BacktestReport, settings: Settings) -> None:
    """Print a report for people."""
    from flyball.render.backtest.page import judged_by, ranked_by, span_reason

    metrics = report.metrics[:_SHOWN]
    console().print(told(because("backtest.title", model=report.model), settings))
    console().print(told(span_reason(report), settings))
    for warning in report.warnings:
        say(f"warning: {told(warning, settings)}")
    heads = ["policy", *(f"mean {name}" for name in metrics), f"gain in {report.metric}"]
    heads += ["retrains", "CPU s", "promoted", "refused", "rolled back", "alarms", "false", "missed", "days below floor"]
    show_table(heads, [_row(one, report, metrics) for one in report.policies])
    console().print(told(ranked_by(report, "zh" if settings.language == "zh" else "en"), settings))
    console().print(told(judged_by(report), settings))
    for one in report.policies:
        console().print(f"\n{one.name}:")
        for made in one.decisions:
            console().print(
                f"  {made.at:%Y-%m-%d}  {made.action}{f' @{made.version}' if made.version else ''}: {told(made.reason, settings)}"
            )
        for trouble in one.trouble:
            say(f"warning: {one.name}: {trouble}")
        if one.unanswered:
            say(f"warning: {one.name}: {one.unanswered} rows could not be answered (values missing that the model cannot do without)")
    console().print(f"\n{told(because('backtest.chosen'), settings)}")
    console().print(f"seconds: {report.seconds:.1f}, of the processor {report.cpu_seconds:.1f}")


def _row(one: Scored, report: BacktestReport, metrics: tuple[str, ...]) -> list[object]:
    row: list[object] = [one.name, *(one.mean.get(name, "-") for name in metrics), _gain(one.against.get(report.metric))]
    row += [one.retrains, round(one.cost.cpu_seconds), one.promotions, one.refused, one.rollbacks, len(one.alarms)]
    row += ["-" if value is None else value for value in (one.false_alarms, one.missed)]
    return [*row, f"{one.under_floor:g}"]


def _gain(told: Difference | None) -> str:
    if told is None:
        return "-"
    return f"{told.gain:+.4f} [{told.lower:+.4f}, {told.upper:+.4f}]"


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return _read_time(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}", hint="write for example 2013-03-01 or 2013-03-01T06:00:00Z") from None


def _read_time(text: str) -> datetime:
    """A time; without a zone it is UTC, a day is its midnight."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
