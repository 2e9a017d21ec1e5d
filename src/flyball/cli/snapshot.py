"""`flyball snapshot`: prepare the data and keep the exact rows with DVC."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json
from flyball.loop.making.training import Workshop, take_snapshot
from flyball.wiring import open_workshop


@click.command()
@click.option("--pull", is_flag=True, help="First fetch what DVC tracks and is not here, as in a fresh checkout.")
@click.option("--push", is_flag=True, help="Push it to the project's DVC remote as well.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, pull: bool, push: bool, now: str | None, as_json: bool) -> None:
    """Run the prepare steps, write the exact rows a training would see as one Parquet file, and add it to DVC.

    The same rows give the same digest. `flyball train` does this by itself; a data job in CI runs it apart.
    """
    settings, spec = project(ctx)
    workshop = open_workshop(settings, spec, echo=say)
    if pull:
        fetch(workshop)
    snapshot = take_snapshot(spec, workshop, now=at_time(now), push=push, progress=say)
    if as_json:
        show_json(snapshot)
        return
    click.echo(f"{snapshot.path}: {snapshot.rows} rows, {len(snapshot.columns)} columns, sha256 {snapshot.digest}")
    if push:
        say("pushed to the DVC remote")


def fetch(workshop: Workshop) -> None:
    """Bring the project's data here."""
    came = workshop.snapshots.pull()
    say(f"fetched {came} files with DVC" if came else "DVC had nothing to fetch")
