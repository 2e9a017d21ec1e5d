"""`flyball rollback`: go back to the previous champion."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, same_model, say, show_json, tell_written
from flyball.core.codec import to_plain
from flyball.journal.explain import tell
from flyball.settings import Settings
from flyball.stores import open_bundles
from flyball.wiring import open_world


@click.command()
@click.argument("name", required=False)
@click.option("--reason", default="", help="Why; it stays in the journal.")
@click.option(
    "--local", is_flag=True, help="Only on this machine, at once, with the database and MLflow away; journalled when they answer."
)
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, name: str | None, reason: str, local: bool, now: str | None, as_json: bool) -> None:
    """Give the champion's place back to the version before it. Allowed while frozen, and with MLflow away.

    With --local the servers of this machine go back within a second, from what they have in memory or beside them, whatever else is
    broken. /health and `flyball status` say so, and the next tick that reaches the database writes it into the journal.
    """
    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    if local:
        _here(settings, spec.model.name, reason, now, as_json)
        return
    from flyball.loop.steer import roll_back

    done = roll_back(open_world(settings), spec, reason=reason, actor=settings.actor, now=at_time(now))
    if as_json:
        events = [tell(entry).action for entry in done.entries]
        show_json({"model": spec.model.name, "seq": done.entries[-1].seq, "events": events, "trouble": done.trouble})
        return
    tell_written(done, settings)


def _here(settings: Settings, model: str, reason: str, now: str | None, as_json: bool) -> None:
    from flyball.loop.local import roll_back_here

    done = roll_back_here(open_bundles(settings), settings.folder, model, reason=reason, actor=settings.actor, now=at_time(now))
    if as_json:
        show_json({**dict(to_plain(done)), "local": True})  # type: ignore[call-overload]  # a record is an object
        return
    say(f"{model}@{done.to} answers in the place of {model}@{done.version} on this machine; /health says so as soon as it does")
    say("the next tick that reaches the database writes it into the journal")
