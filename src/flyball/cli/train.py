"""`flyball train`: prepare, train, evaluate, gate, register."""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flyball.cli.frame import as_json, at_time, console, need, now_option, project, say, show_json, show_table, span, tell_written, told
from flyball.core.verdict import Verdict
from flyball.journal.events import Cause
from flyball.loop.behaviour.subject import leave_candidate
from flyball.loop.making.trained import TrainResult, report
from flyball.loop.making.workshop import Workshop
from flyball.loop.records import Written
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.stores import open_stores
from flyball.wiring import open_lineage, open_workshop, open_world

if TYPE_CHECKING:
    from flyball.loop.trainings import Kept


@click.command()
@click.option("--register/--no-register", default=True, help="Register the result as a model version (default), or only track the run.")
@click.option("--force", is_flag=True, help="Train again although the same spec, data and code were trained before.")
@click.option(
    "--window", default=None, metavar="SPAN", help="Learn from the last SPAN only, such as 60d (default: the spec's [retrain] window)."
)
@click.option("--pull", is_flag=True, help="First fetch the data that DVC tracks and that is not here, as in a fresh checkout.")
@click.option("--push", is_flag=True, help="Push the exact rows to the project's DVC remote, where other machines find them.")
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="DIR",
    help="Write what reviewers want to know into this folder: Markdown, a page with plots, and the result as JSON.",
)
@click.option("--action", default="", hidden=True, help="The retraining this run belongs to; set by the loop.")
@click.option(
    "--cause",
    type=click.Choice(["manual", "performance", "drift", "schedule", "alert"]),
    default="manual",
    hidden=True,
    help="Why the loop asked for it; set by the loop.",
)
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    register: bool,
    force: bool,
    window: str | None,
    pull: bool,
    push: bool,
    folder: Path | None,
    action: str,
    cause: Cause,
    now: str | None,
    as_json: bool,
) -> None:
    """Prepare the data, keep the exact rows, run the project's train function, evaluate it on held-out rows, judge it, register it.

    The first version that passes its gate becomes champion; a later one is promoted or compared with the champion as [rollout] says.
    What trains is what [train] names: a function here or in another environment, a command, or another system that is asked and waited for.

    --report also looks at the champion on the same rows, at how far the newest rows moved, and at how sure the model is; DIR then has
    evaluation.md, evaluation.html and training.json, and `flyball register --report DIR` takes the run from there.

    Exit status 1 when the gate does not pass; the version is registered all the same. One that failed gets no alias; one that the gate left
    undecided may be compared on live rows.
    """
    from flyball.loop.making.traced import traced
    from flyball.loop.making.training import train

    settings, spec = project(ctx)
    moment, length = at_time(now), span("--window", window)
    if length is not None:
        need(spec.data.time is not None, "--window needs a time column", 'name it in flyball.toml: [data] time = "..."')
        spec = replace(spec, retrain=replace(spec.retrain, window=length, since_change=False))
    workshop = open_workshop(settings, spec, echo=lambda line: click.echo(line, err=True, nl=not line.endswith("\n")))
    if pull:
        from flyball.cli.snapshot import fetch

        fetch(workshop)
    work = partial(train, spec, workshop, now=moment, cause=cause, action=action, actor="loop" if action else settings.actor)
    lineage = open_lineage(spec, say=say)
    with _kept(settings, spec.model.name, action) as kept:
        result = traced(lineage, "train", cause, partial(work, force=force, register=register, progress=say))
        kept.registered = result.status == "registered"
    leave_candidate(settings.state, result, moment)
    followed = Written(entries=(), trouble="")
    if register and not action:
        from flyball.loop.engine import follow_up  # here, so that its imports do not hold up the fit

        followed = follow_up(open_world(settings), spec, now=moment, actor=settings.actor)
    _leave(result, settings, spec, workshop, push=push, folder=folder)
    show(result, settings, as_json=as_json)
    tell_written(followed, settings)
    if result.gate.verdict is not Verdict.PASS:
        sys.exit(1)


def _kept(settings: Settings, model: str, action: str) -> AbstractContextManager["Kept"]:
    """Tell other machines that the loop's training runs here; a person's own is nobody else's business."""
    from flyball.loop.trainings import Kept, kept_training

    return kept_training(open_stores(settings).leases, model, action, settings.replica) if action else nullcontext(Kept())


def _leave(result: TrainResult, settings: Settings, spec: Spec, workshop: Workshop, *, push: bool, folder: Path | None) -> None:
    """What other machines and people are to find: the exact rows, and the report."""
    if push and result.snapshot.dvc_md5:
        workshop.snapshots.push(result.snapshot)
    if folder is not None:
        from flyball.cli.train_report import write_report

        write_report(folder, settings, spec, result)


def show(result: TrainResult, settings: Settings, *, as_json: bool) -> None:
    """Print a training's result."""
    if as_json:
        show_json(report(result, lambda reason: told(reason, settings)))
        return
    name = f"{result.model}@{result.version}" if result.version else f"{result.model}, not registered"
    state = " (found again: the same spec, data and code)" if result.status == "unchanged" else ""
    console().print(f"{name}{state}: run {result.run_id}, {result.snapshot.rows} rows, engine {result.engine}")
    rows = [(metric, value, result.lower.get(metric, "-"), result.upper.get(metric, "-")) for metric, value in result.metrics.items()]
    show_table(("metric", "held out", "lower", "upper"), rows)
    if result.gate.slices:
        slices = [(one.slice, c.gain, c.lower, c.upper, c.rows, c.blocks) for one in result.gate.slices for c in (one.comparison,)]
        metric = result.gate.slices[0].comparison.metric
        show_table(("slice", f"gain in {metric}", "lower", "upper", "rows", "blocks"), slices, title="against the champion")
    for check in result.gate.checks:
        console().print(f"gate: {check.verdict.value:14} {told(check.reason, settings)}")
    if result.window is not None:
        console().print(told(result.window, settings))
    for warning in result.warnings:
        say(f"warning: {told(warning, settings)}")
    console().print(f"gate as a whole: {result.gate.verdict.value}")
    console().print("seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in result.seconds.items()))
