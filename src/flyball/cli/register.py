"""`flyball register RUN`: register what a tracked run produced."""

import json
import sys
from functools import partial
from pathlib import Path

import click

from flyball.cli.frame import as_json, at_time, now_option, project, say, tell_written
from flyball.core.errors import DataError, UsageError
from flyball.core.verdict import Verdict
from flyball.loop.records import Written
from flyball.wiring import open_lineage, open_workshop, open_world


@click.command()
@click.argument("run", required=False)
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="DIR",
    help="Take the run from what `flyball train --report DIR` left there.",
)
@click.option("--hold", is_flag=True, help="Only register: `flyball rollout start`, or the next look of the loop, puts it to work.")
@click.option("--action", default="", metavar="ACTION", help="The action of the loop that this answers, as its request names it.")
@click.option(
    "--request",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    metavar="FILE",
    help="The request of the loop as it was sent: its action is answered.",
)
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context, run: str | None, folder: Path | None, hold: bool, action: str, request: Path | None, now: str | None, as_json: bool
) -> None:
    """Register the result of `flyball train --no-register`; RUN is the run id it printed.

    Together they let a CI job put its own tests between training and registering. --report takes the run from what
    `flyball train --no-register --report DIR` left in DIR. With --action it is what a retraining waits for that
    the loop asked another system for ([train] external).
    """
    from flyball.cli.train import show
    from flyball.loop.engine import follow_up
    from flyball.loop.making.external import cause_of
    from flyball.loop.making.traced import traced
    from flyball.loop.making.training import register_run

    settings, spec = project(ctx)
    run = _run(run, settings.folder / folder if folder is not None else None, spec.model.name)
    action = action or _action(request)
    moment = at_time(now)
    workshop = open_workshop(settings, spec, echo=say)
    cause = cause_of(action, spec, workshop.journal)
    work = partial(register_run, spec, workshop, run, now=moment, cause=cause, action=action, actor=settings.actor, progress=say)
    result = traced(open_lineage(spec, say=say), "register", cause, work)
    # what a retraining waits for is followed up by the tick that sees its end
    followed = (
        Written(entries=(), trouble="") if action or hold else follow_up(open_world(settings), spec, now=moment, actor=settings.actor)
    )
    show(result, settings, as_json=as_json)
    tell_written(followed, settings)
    if result.gate.verdict is not Verdict.PASS:
        sys.exit(1)


def _run(run: str | None, folder: Path | None, model: str) -> str:
    """The run that was named, or the one that a report is about."""
    if (run is None) == (folder is None):
        raise UsageError("name a run, or the folder of a report", hint="`flyball register RUN`, or `flyball register --report DIR`")
    if run is not None:
        return run
    assert folder is not None
    from flyball.cli.train_report import read_report

    return read_report(folder, model)


def _action(request: Path | None) -> str:
    """The action in a request, which may stand in the payload of a `repository_dispatch`; empty if the loop did not send it."""
    if request is None:
        return ""
    try:
        said = json.loads(request.read_bytes())
    except ValueError as error:
        raise DataError(f"{request} is not JSON: {error}", hint="it should hold what the loop sent") from None
    inner = said.get("client_payload", said) if isinstance(said, dict) else {}
    action = inner.get("action", "") if isinstance(inner, dict) else ""
    return action if isinstance(action, str) else ""
