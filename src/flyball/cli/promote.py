"""`flyball promote NAME@V`: make a version champion or challenger."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json, tell_written, version_of
from flyball.core.errors import UsageError
from flyball.journal.moves import ApprovalAsked
from flyball.wiring import open_world


@click.command()
@click.argument("version")
@click.option(
    "--to",
    "stage_name",
    type=click.Choice(["production", "staging", "none"]),
    default="production",
    show_default=True,
    help="production = champion, staging = challenger, none = no longer challenger.",
)
@click.option(
    "--share", type=click.FloatRange(0, 1), default=None, help="With --to staging: the share of units the challenger answers (0: none)."
)
@click.option("--force", is_flag=True, help="Promote whatever speaks against it, without approval; needs --reason.")
@click.option("--reason", default="", help="Why; it stays in the journal.")
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context, version: str, stage_name: str, share: float | None, force: bool, reason: str, now: str | None, as_json: bool
) -> None:
    """Make VERSION (NAME@3, or 3) champion: servers swap to it within a second, without a failed request.

    The present champion becomes `previous`, and `flyball rollback` goes back to it. Where flyball.toml says approve = "manual", this asks
    for the promotion, which waits for `flyball approve`. While a version is being compared with the champion nothing is promoted by hand.
    --force overrides what speaks against it, and the approval; it needs --reason.
    """
    from flyball.loop.steer import promote, stage, unstage

    if share is not None and stage_name != "staging":
        raise UsageError("--share belongs to --to staging", hint="production answers every unit")

    settings, spec = project(ctx)
    number, world, moment = version_of(version, spec.model.name), open_world(settings), at_time(now)
    if stage_name == "staging":
        done = stage(world, spec, number, share=share or 0.0, force=force, reason=reason, actor=settings.actor, now=moment)
    elif stage_name == "none":
        done = unstage(world, spec, number, reason=reason, actor=settings.actor, now=moment)
    else:
        done = promote(world, spec, number, force=force, reason=reason, actor=settings.actor, now=moment)
    if as_json:
        seq = done.entries[-1].seq
        waits = any(isinstance(entry.event, ApprovalAsked) for entry in done.entries)
        told = {"model": spec.model.name, "version": number, "to": stage_name, "seq": seq, "trouble": done.trouble}
        show_json({**told, "waits_for_approval": True} if waits else told)
        return
    tell_written(done, settings)
    if any(isinstance(entry.event, ApprovalAsked) for entry in done.entries):
        say(f"it waits for a person: flyball approve {spec.model.name}@{number} --reason '...'")
