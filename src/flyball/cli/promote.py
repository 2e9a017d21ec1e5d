"""`flyball promote NAME@V`: make a version champion or challenger."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json, told, version_of, when
from flyball.journal.explain import tell
from flyball.wiring import open_world


@click.command()
@click.argument("version")
@click.option(
    "--to",
    "stage_name",
    type=click.Choice(["production", "staging"]),
    default="production",
    show_default=True,
    help="production = champion, staging = challenger.",
)
@click.option(
    "--share", type=click.FloatRange(0, 1), default=0.0, help="With --to staging: the share of units the challenger answers (0: none)."
)
@click.option("--force", is_flag=True, help="Promote although the gate did not pass; needs --reason.")
@click.option("--reason", default="", help="Why; it stays in the journal.")
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context, version: str, stage_name: str, share: float, force: bool, reason: str, now: str | None, as_json: bool
) -> None:
    """Make VERSION (NAME@3, or 3) champion: servers swap to it within a second, without a failed request.

    The present champion becomes `previous`, and `flyball rollback` goes back to it.
    """
    from flyball.loop.steer import promote, stage

    settings, spec = project(ctx)
    number, world, moment = version_of(version, spec.model.name), open_world(settings), at_time(now)
    if stage_name == "staging":
        entries = stage(world, spec, number, share=share, reason=reason, actor=settings.actor, now=moment)
    else:
        entries = promote(world, spec, number, force=force, reason=reason, actor=settings.actor, now=moment)
    if as_json:
        show_json({"model": spec.model.name, "version": number, "to": stage_name, "seq": entries[-1].seq})
        return
    for entry in entries:
        one = tell(entry)
        say(f"{when(entry.at)}  {one.action}: {told(one.reason, settings)}")
