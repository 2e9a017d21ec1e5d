"""`flyball rollback`: go back to the previous champion."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, same_model, say, show_json, told, when
from flyball.journal.explain import tell
from flyball.wiring import open_world


@click.command()
@click.argument("name", required=False)
@click.option("--reason", default="", help="Why; it stays in the journal.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, name: str | None, reason: str, now: str | None, as_json: bool) -> None:
    """Give the champion's place back to the version before it. Allowed while frozen, and with MLflow away."""
    from flyball.loop.steer import roll_back

    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    entries = roll_back(open_world(settings), spec, reason=reason, actor=settings.actor, now=at_time(now))
    if as_json:
        show_json({"model": spec.model.name, "seq": entries[-1].seq, "events": [tell(entry).action for entry in entries]})
        return
    for entry in entries:
        one = tell(entry)
        say(f"{when(entry.at)}  {one.action}: {told(one.reason, settings)}")
