"""`flyball rollback`: go back to the previous champion."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, same_model, show_json, tell_written
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
    done = roll_back(open_world(settings), spec, reason=reason, actor=settings.actor, now=at_time(now))
    if as_json:
        events = [tell(entry).action for entry in done.entries]
        show_json({"model": spec.model.name, "seq": done.entries[-1].seq, "events": events, "trouble": done.trouble})
        return
    tell_written(done, settings)
