"""`flyball silence`: tell nobody of some alerts for a while."""

from datetime import timedelta

import click

from flyball.alerting.rules import matches
from flyball.cli.frame import at_time, now_option, project, say, span
from flyball.core.errors import UsageError
from flyball.journal.events import AlertFired
from flyball.wiring import open_world


@click.command()
@click.argument("pattern")
@click.option("--for", "duration", metavar="SPAN", default=None, help="How long, such as 24h; a year at most.")
@click.option("--reason", default="", help="Why; it stays in the journal and is shown by `alerts` and `status`.")
@click.option("--end", is_flag=True, help="End the silence of this pattern now.")
@now_option
@click.pass_context
def command(ctx: click.Context, pattern: str, duration: str | None, reason: str, end: bool, now: str | None) -> None:
    """Tell nobody of the alerts whose key fits PATTERN: drift:temp, 'drift:*', '*'.

    They fire and resolve in the journal all the same, and may ask for a training; only notifications are withheld. What still fires when
    the silence ends is told then. `flyball freeze` is what keeps the loop from training.
    """
    from flyball.loop.steer import end_silence, silence
    from flyball.loop.written import current

    settings, spec = project(ctx)
    moment, model = at_time(now), spec.model.name
    world = open_world(settings)
    if end:
        if duration is not None:
            raise UsageError("--end ends a silence now, so --for has no meaning beside it")
        end_silence(world, model, pattern, reason=reason or "no reason given", actor=settings.actor, now=moment)
        say(f"people are told of {pattern} again; what fires is told at the next tick")
        return
    length: timedelta | None = span("--for", duration)
    if length is None or not reason:
        raise UsageError("a silence needs --for and --reason", hint=f"flyball silence '{pattern}' --for 24h --reason '...'")
    silence(world, model, pattern, reason=reason, length=length, actor=settings.actor, now=moment)
    firing = sum(matches(pattern, key) for key in current(world, model).firing)
    say(f"nobody is told of {pattern} until {moment + length:%Y-%m-%d %H:%M} UTC; firing now: {firing}")
    events = (entry.event for entry in world.journal.read(model))
    if not any(isinstance(event, AlertFired) and matches(pattern, event.key) for event in events):
        say(f"no alert of that name has fired yet: if {pattern} is not what you meant, `flyball alerts` lists those that have")
