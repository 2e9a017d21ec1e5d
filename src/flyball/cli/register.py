"""`flyball register RUN`: register what a tracked run produced."""

import sys
from functools import partial

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, tell_written
from flyball.core.verdict import Verdict
from flyball.loop.records import Written
from flyball.wiring import open_lineage, open_workshop, open_world


@click.command()
@click.argument("run")
@click.option("--action", default="", metavar="ACTION", help="The action of the loop that this answers, as its request names it.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, run: str, action: str, now: str | None, as_json: bool) -> None:
    """Register the result of `flyball train --no-register`; RUN is the run id it printed.

    Together they let a CI job put its own tests between training and registering. With --action it is what a retraining waits for that
    the loop asked another system for ([train] external).
    """
    from flyball.cli.train import show
    from flyball.loop.engine import follow_up
    from flyball.loop.making.external import cause_of
    from flyball.loop.making.traced import traced
    from flyball.loop.making.training import register_run

    settings, spec = project(ctx)
    moment = at_time(now)
    workshop = open_workshop(settings, spec, echo=say)
    cause = cause_of(action, spec, workshop.journal)
    work = partial(register_run, spec, workshop, run, now=moment, cause=cause, action=action, actor=settings.actor, progress=say)
    result = traced(open_lineage(spec, say=say), "register", cause, work)
    # what a retraining waits for is followed up by the tick that sees its end
    followed = Written(entries=(), trouble="") if action else follow_up(open_world(settings), spec, now=moment, actor=settings.actor)
    show(result, settings, as_json=as_json)
    tell_written(followed, settings)
    if result.gate.verdict is not Verdict.PASS:
        sys.exit(1)
