"""`flyball demo`: the loop over a year of real flights, live."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from flyball.cli.frame import as_json, console, show_json
from flyball.settings import read_settings

_INTERRUPTED = 130


@click.command()
@click.option(
    "--folder", "project_folder", type=click.Path(path_type=Path), default=None, help="Where the project is built (default: demo-project)."
)
@click.option("--days", type=click.IntRange(1), default=None, help="How many days to replay (default: 1 March to 31 December).")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Simulated days per second at most (default: as fast as it goes).",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the trainings; a run is a function of it.")
@click.option(
    "--dashboard/--no-dashboard", "dashboard", default=None, help="Pages to watch it in a browser, with buttons (default: in a terminal)."
)
@as_json
@click.pass_obj
def command(
    folder: Path, project_folder: Path | None, days: int | None, speed: float | None, seed: int, dashboard: bool | None, as_json: bool
) -> None:
    """Replay the departures of 2013 from New York against a real server, with the loop keeping the model good.

    The first champion learns from January and February. From March on every departure is a prediction request and every landing its
    outcome; each simulated midnight the loop looks, and retrains, compares, promotes or refuses with nobody touching it.
    """
    from flyball.demo.report import print_summary
    from flyball.demo.run import Options, run_demo
    from flyball.demo.summary import as_plain
    from flyball.demo.view import LiveView, PlainView, View

    target = project_folder or folder / "demo-project"
    talk = Console(stderr=True, highlight=False)
    dashboard = talk.is_terminal if dashboard is None else dashboard
    view: View = LiveView(talk, "flight-delay") if talk.is_terminal and not as_json else PlainView(talk)
    try:
        options = Options(folder=target, days=days, speed=speed, seed=seed, language=read_settings(target).language, dashboard=dashboard)
        summary = run_demo(options, view)
    finally:
        view.close()
    if as_json:
        show_json(as_plain(summary))
    else:
        print_summary(summary, console())
    if not summary.finished:
        sys.exit(_INTERRUPTED)
    if summary.failed_requests or summary.rejected_outcomes:
        sys.exit(1)
