"""`flyball decline NAME@V`: refuse a promotion that waits."""

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
    """Decline the promotion of VERSION (NAME@3, or 3) that waits: the champion stays, and a rollout of the version ends.

    Allowed while frozen. The version stays registered; `flyball promote` may ask for it again.
    """
    from flyball.loop.steer_rollout import decline

    settings, spec = project(ctx)
    number = version_of(version, spec.model.name)
    done = decline(open_world(settings), spec, number, reason=reason, actor=settings.actor, now=at_time(now))
    if as_json:
        show_json({"model": spec.model.name, "version": number, "seq": done.entries[-1].seq, "trouble": done.trouble})
        return
    tell_written(done, settings)
