"""`flyball models`: the versions with metrics and aliases."""

import click

from flyball.cli.frame import as_json, project, say, show_json, show_table, when
from flyball.journal.state import fold
from flyball.loop.listing import list_versions
from flyball.stores import open_stores


@click.command()
@as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List every version of the project's model: aliases, held-out metrics, gate, engine, run and data."""
    settings, spec = project(ctx)
    journal = open_stores(settings).journal
    versions = list_versions(fold(spec.model.name, journal.read(spec.model.name)))
    if as_json:
        show_json(versions)
        return
    if not versions:
        say(f"{spec.model.name} has no version yet; `flyball train` makes the first")
        return
    metrics = list(spec.evaluate.metrics)
    rows = [
        (
            f"{v.version}",
            ", ".join(v.aliases) or "-",
            v.gate,
            *(v.metrics.get(name, "-") for name in metrics),
            v.engine,
            when(v.created_at),
            v.run_id[:8],
            v.snapshot[:8],
        )
        for v in versions
    ]
    show_table(("version", "aliases", "gate", *metrics, "engine", "created (UTC)", "run", "data"), rows, title=spec.model.name)
