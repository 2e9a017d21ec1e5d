"""`flyball freeze`: stop the loop, not the serving."""

import click

from flyball.cli.frame import at_time, now_option, project, say, span
from flyball.wiring import open_world


@click.command()
@click.option("--reason", required=True, help="Why; it stays in the journal and is shown by `status`.")
@click.option("--for", "duration", metavar="SPAN", default=None, help="Thaw by itself after this long, such as 24h; default: until `thaw`.")
@now_option
@click.pass_context
def command(ctx: click.Context, reason: str, duration: str | None, now: str | None) -> None:
    """Stop promotions, rollbacks by the loop and trainings. Serving, logging and alerts go on; `flyball rollback` stays allowed."""
    from flyball.loop.steer import freeze

    settings, spec = project(ctx)
    moment, length = at_time(now), span("--for", duration)
    until = moment + length if length is not None else None
    freeze(open_world(settings), spec.model.name, reason=reason, until=until, actor=settings.actor, now=moment)
    say(f"{spec.model.name} is frozen" + (f" until {until:%Y-%m-%d %H:%M} UTC" if until else "") + f": {reason}")
