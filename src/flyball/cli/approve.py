"""`flyball approve NAME@V`: let a promotion that waits go through."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, show_json, tell_written, version_of
from flyball.wiring import open_world


@click.command()
@click.argument("version")
@click.option("--reason", required=True, help="Why; it stays in the journal.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, version: str, reason: str, now: str | None, as_json: bool) -> None:
    """Approve the promotion of VERSION (NAME@3, or 3) that waits: it becomes champion within a second.

    Promotions wait where flyball.toml says approve = "manual"; `flyball status` shows which, since when and on what evidence. With
    four_eyes = true nobody approves what they asked for themselves or trained by hand. Refused while the loop is frozen or the rollout
    is paused.
    """
    from flyball.loop.steer_rollout import approve

    settings, spec = project(ctx)
    number = version_of(version, spec.model.name)
    done = approve(open_world(settings), spec, number, reason=reason, actor=settings.actor, now=at_time(now))
    if as_json:
        show_json({"model": spec.model.name, "version": number, "seq": done.entries[-1].seq, "trouble": done.trouble})
        return
    tell_written(done, settings)
