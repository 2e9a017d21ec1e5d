"""`flyball thaw`: let the loop act again."""

import click

from flyball.cli.frame import at_time, now_option, project, say
from flyball.wiring import open_world


@click.command()
@click.option("--reason", default="", help="Why; it stays in the journal.")
@now_option
@click.pass_context
def command(ctx: click.Context, reason: str, now: str | None) -> None:
    """End a freeze: the loop may promote, roll back and train again."""
    from flyball.loop.steer import thaw

    settings, spec = project(ctx)
    thaw(open_world(settings), spec.model.name, reason=reason, actor=settings.actor, now=at_time(now))
    say(f"{spec.model.name} is thawed")
