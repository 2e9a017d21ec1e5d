"""`flyball experiment`: the rollout that runs, or the last one."""

import sys
from pathlib import Path

import click

from flyball.cli.frame import as_json, at_time, console, now_option, project, same_model, say, show_json, show_table, told, when
from flyball.core.errors import StoreError
from flyball.core.verdict import Verdict
from flyball.journal.state import fold
from flyball.loop.experiment import ExperimentView, experiment_view
from flyball.loop.memory import Memory
from flyball.loop.shown import plain_experiment
from flyball.monitoring.records import ArmFigures, ArmsEvidence
from flyball.settings import Settings
from flyball.wiring import open_world

_CALLS = {Verdict.PASS: "in favour of the new version", Verdict.FAIL: "against the new version", Verdict.UNDECIDED: "not decided"}


@click.command()
@click.argument("name", required=False)
@click.option("--html", default=None, metavar="FILE", help="Write a self-contained page with charts (-: to stdout).")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, name: str | None, html: str | None, now: str | None, as_json: bool) -> None:
    """Show the rollout that runs, or the last one that ended: what each arm had, the gain with bounds, and what follows from it.

    The bounds hold however often one looks: a decision is made when one of them passes its line. Only matured predictions of whole days
    count. Beside it stands what a test would say that is looked at once; it decides nothing.

    \b
    flyball experiment                          arms, gain, split, phases
    flyball experiment --html experiment.html   a page with the bounds over time
    flyball experiment --json                   for programs
    """
    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    world, memory = open_world(settings), Memory()
    world.predictions.ingest()
    at = at_time(now)
    entries = [entry for entry in world.journal.read(spec.model.name) if entry.at <= at]
    state = fold(spec.model.name, entries)
    view = experiment_view(world, spec, state, memory, at, entries=entries)
    if html is not None:
        _write(view, html, settings)
    if as_json:
        show_json(plain_experiment(view, lambda reason: told(reason, settings)))
    elif html != "-":
        _tell(view, settings)


def _tell(view: ExperimentView, settings: Settings) -> None:
    rollout, e, out = view.rollout, view.evidence, console()
    state = "ended" if not view.running else "paused" if view.paused is not None else "running"
    out.print(f"{view.model}: version {rollout.version} against {rollout.champion}, {rollout.strategy} by {rollout.metric}, {state}")
    out.print(f"since {when(rollout.start_at)}, deadline {when(rollout.deadline_at)}; as of {when(view.at)} UTC")
    out.print(f"\n{_CALLS[view.verdict]}: {told(view.reason, settings)}")
    if view.paused is not None:
        out.print(f"paused: {told(view.paused, settings)}")
    if view.ended is not None and view.ended_at is not None:
        out.print(f"ended {when(view.ended_at)}: {told(view.ended, settings)}")
    elif view.verdict is Verdict.UNDECIDED and e is not None and e.lower is not None:
        expected = f"about {when(view.expected_at)}" if view.expected_at is not None else "not before the deadline"
        out.print(f"if the gain stays what it is, it is decided {expected}")
    if isinstance(e, ArmsEvidence):
        _tell_arms(view, e)
    elif e is not None:
        out.print(f"\nboth versions scored {e.rows:,} rows of {e.live_blocks} live days; {e.missed:,} the new one could not score")
    for trip in view.trips:
        out.print(f"guardrail {trip.guardrail}, {when(trip.at)}: {told(trip.reason, settings)}")
    if not view.trips:
        out.print("guardrails: none has acted")


def _tell_arms(view: ExperimentView, e: ArmsEvidence) -> None:
    columns = ("arm", "rows", "units", "matured", "labelled", "coverage", f"mean {e.metric}", "label after")
    out = console()
    out.print("")
    show_table(columns, [_arm(f"champion {e.against}", e.champion), _arm(f"challenger {e.version}", e.challenger)])
    if len(view.phases) > 1:
        out.print("")
        gains = [e.phases[number] if number < len(e.phases) else None for number in range(len(view.phases))]
        rows = [
            (number + 1, when(phase.since), f"{phase.share:.1%}", "-" if gain is None else f"{gain:+.5f}")
            for number, (phase, gain) in enumerate(zip(view.phases, gains, strict=True))
        ]
        show_table(("phase", "since", "share", "gain"), rows)
    out.print("")
    if e.fixed is not None:
        out.print(
            f"looked at once (decides nothing): gain {e.gain:+.5f} [{e.fixed.lower:+.5f}, {e.fixed.upper:+.5f}], p = {e.fixed.p_value:.3g}"
        )
    out.print(f"split: p = {e.ratio_p:.2g} of all units, {e.ratio_p_labelled:.2g} of those with labels (blocks below .0005)")
    if e.preferred is not None:
        out.print(f"the challenger is the better one with probability {e.preferred:.1%}")


def _arm(name: str, one: ArmFigures) -> tuple[object, ...]:
    return (
        name,
        one.rows,
        one.units,
        one.matured,
        one.labelled,
        f"{one.labelled / one.matured:.1%}" if one.matured else "-",
        "-" if one.mean is None else f"{one.mean:.5f}",
        "-" if one.lag_median is None else f"{one.lag_median / 3600:.1f} h",
    )


def _write(view: ExperimentView, file: str, settings: Settings) -> None:
    from flyball.render.experiment.page import experiment_page

    page = experiment_page(view, "zh" if settings.language == "zh" else "en")
    if file == "-":
        sys.stdout.write(page)
        return
    try:
        Path(file).write_text(page, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}", hint="name a file in a folder that exists and can be written") from None
    say(f"written: {file}")
