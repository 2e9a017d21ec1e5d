"""`flyball why NAME@V`: everything that led to a version's standing, with its evidence."""

import click
from rich.console import Console

from flyball.cli.frame import as_json, console, need, project, show_json, told, version_of, when
from flyball.cli.retrains import paid
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration
from flyball.journal.events import Registered, RetrainEnded, RolloutStarted
from flyball.loop.past.plain import evidence_of, plain_story
from flyball.loop.past.price import Training, bought_words
from flyball.loop.past.story import Story, story_of
from flyball.settings import Settings
from flyball.stores import open_stores


@click.command()
@click.argument("version")
@as_json
@click.pass_context
def command(ctx: click.Context, version: str, as_json: bool) -> None:
    """Say why VERSION (NAME@3, or 3) was trained and what that cost, what its gate said check by check, everything that happened to it
    since with the numbers it rests on, and what it bought: its gain on live rows.
    """
    settings, spec = project(ctx)
    number = version_of(version, spec.model.name)
    story = story_of(spec.model.name, open_stores(settings).journal.read(spec.model.name), number)
    need(story is not None, f"there is no {spec.model.name}@{number}", "`flyball models` lists the versions")
    assert story is not None
    if as_json:
        show_json(plain_story(story, lambda reason: told(reason, settings)))
    else:
        _show(story, settings)


def _show(story: Story, settings: Settings) -> None:
    out = console()
    out.print(f"{story.model}@{story.version}: {story.standing}")
    for one in story.told:
        out.print(f"{when(one.entry.at)}  {one.action} (by {one.entry.actor}): {told(one.reason, settings)}")
        event = one.entry.event
        if isinstance(event, Registered) and event is story.registered:
            _show_made(event, story.training, out, settings)
        elif isinstance(event, RolloutStarted):
            out.print(f"    rules: {_rules(event)}")
        elif isinstance(event, RetrainEnded):
            for name, value in event.cost.items():
                out.print(f"    {name} {value:g}{f' {event.currency}' if name == 'money' and event.currency else ''}")
        for name, value in evidence_of(one).items():
            out.print(f"    {name} {value:g}")
    for bought in story.comparisons:
        kind = "in its rollout" if bought.by == "rollout" else "while it answered"
        out.print(f"what it bought, {kind}: {told(bought_words(bought), settings)}")
    if not story.comparisons:
        out.print("what it bought: nothing was compared on live rows yet")


def _show_made(made: Registered, training: Training | None, out: Console, settings: Settings) -> None:
    for check in made.gate.checks:
        mark = {Verdict.PASS: "passes", Verdict.FAIL: "fails"}.get(check.verdict, check.verdict.value)
        out.print(f"    gate {mark}: {told(check.reason, settings)}")
    if made.trained_from is not None and made.trained_until is not None:
        out.print(f"    rows {made.rows}, from {when(made.trained_from)} to labels known by {when(made.trained_until)} UTC")
    if made.window is not None:
        out.print(f"    window: {told(made.window, settings)}")
    if made.hidden or made.held_back:
        out.print(
            f"    {made.hidden} rows left out whose label the model's own answer hid; of the holdback, {made.held_back} were learned from"
        )
    out.print(f"    run {made.run_id}, data {made.snapshot}")
    if training is not None:
        cpu = f"{training.cpu_seconds:.1f} CPU seconds, " if training.cpu_seconds is not None else ""
        spent = f"{training.seconds:.1f} seconds" if training.seconds is not None else "seconds not kept"
        price = f", {paid(training.money, training.currency)}" if training.money is not None else ""
        out.print(f"    cost {cpu}{spent}{price}")
        for key, reason in sorted(training.firing.items()):
            out.print(f"    firing when it was asked for: {key}: {told(reason, settings)}")


def _rules(event: RolloutStarted) -> str:
    """What the comparison is decided by, as it was pinned when it began."""
    rules = [
        f"{event.strategy} against {event.champion} by {event.metric}",
        f"alpha {event.alpha:g}",
        f"margin {event.margin:g}",
        f"at least {event.min_days} days",
        f"until {when(event.deadline_at)} UTC",
    ]
    if event.share:
        rules.append(f"share {event.share:.0%}")
    if event.steps:
        rules.append(f"steps {', '.join(f'{step:.0%}' for step in event.steps)}, each for {format_duration(event.hold)}")
    if event.floor:
        rules.append(f"floor {event.floor:.0%}")
    if event.approve == "manual":
        rules.append("promotion waits for approval")
    return "; ".join(rules)
