"""`flyball retrains NAME`: every training, why it was asked for, what it cost and what it bought."""

from collections.abc import Sequence

import click

from flyball.cli.frame import as_json, console, project, same_model, show_json, show_table, told, when
from flyball.loop.price import Bought, PutOff, Training, bought_words, trainings
from flyball.settings import Settings
from flyball.wiring import open_stores


@click.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Also the triggers that were put off, and why, between them.")
@as_json
@click.pass_context
def command(ctx: click.Context, name: str | None, everything: bool, as_json: bool) -> None:
    """List every training of the loop and of people: trigger, rows, time window, CPU seconds, gate, what became of its version, and what
    it bought: the gain over the champion on live rows, with bounds.

    NAME is the project's model and may be left out. A gain says "certainly better" only where its whole interval lies above 0. Of
    trainings that a person started, only those that made a version stand in the journal.
    """
    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    found = trainings(open_stores(settings).journal.read(spec.model.name))
    shown = [one for one in found if everything or isinstance(one, Training)]
    if as_json:
        show_json({"model": spec.model.name, "trainings": [plain_training(one, settings) for one in shown]})
        return
    if not shown:
        console().print(f"{spec.model.name}: no training yet; `flyball train` runs the first")
        return
    head = ("when (UTC)", "cause", "outcome", "version", "rows", "CPU s", "s", "gate", "became", "bought")
    show_table(head, [_row(one) for one in shown], title=spec.model.name)
    _tell(shown, settings)


def plain_training(one: Training | PutOff, settings: Settings) -> dict[str, object]:
    """A training, or one that was put off, as JSON: numbers as numbers, reasons as sentences with their values beside."""
    if isinstance(one, PutOff):
        return {
            "kind": "put off",
            "at": one.at,
            "actor": one.actor,
            "cause": one.cause,
            "reason": told(one.reason, settings),
            "evidence": one.reason.values,
            "because": told(one.because, settings),
        }
    return {
        "kind": "training",
        "at": one.at,
        "actor": one.actor,
        "cause": one.cause,
        "action": one.action or None,
        "reason": told(one.reason, settings) if one.reason else None,
        "evidence": one.reason.values if one.reason else {},
        "firing": sorted(one.firing),
        "outcome": one.ended,
        "ended_at": one.ended_at,
        "told": told(one.told, settings) if one.told else None,
        "version": one.version or None,
        "rows": one.rows,
        "window": [one.trained_from, one.trained_until],
        "window_reason": told(one.window, settings) if one.window else None,
        "hidden": one.hidden,
        "held_back": one.held_back,
        "seconds": one.seconds,
        "cpu_seconds": one.cpu_seconds,
        "gate": one.gate,
        "became": one.became,
        "became_at": one.became_at,
        "bought": plain_bought(one.bought, settings) if one.bought else None,
        "comparisons": [plain_bought(each, settings) for each in one.comparisons],
    }


def plain_bought(one: Bought, settings: Settings) -> dict[str, object]:
    """What a version was worth on live rows, as JSON."""
    return {
        "by": one.by,
        "at": one.at,
        "against": one.against,
        "metric": one.metric,
        "verdict": one.verdict,
        "gain": one.gain,
        "lower": one.lower,
        "upper": one.upper,
        "rows": one.rows,
        "days": one.days,
        "reason": told(bought_words(one), settings),
    }


def _row(one: Training | PutOff) -> tuple[object, ...]:
    if isinstance(one, PutOff):
        return when(one.at), one.cause, "put off", *(["-"] * 7)
    return (
        when(one.at),
        one.cause,
        one.ended,
        one.version or "-",
        one.rows or "-",
        _seconds(one.cpu_seconds),
        _seconds(one.seconds),
        one.gate.value if one.gate else "-",
        one.became,
        _gain(one.bought),
    )


def _tell(shown: Sequence[Training | PutOff], settings: Settings) -> None:
    """The reasons below the table: they are sentences."""
    out = console()
    for one in shown:
        if isinstance(one, PutOff):
            out.print(f"{when(one.at)}  {one.cause} asked: {told(one.reason, settings)}; put off: {told(one.because, settings)}")
        elif one.reason is not None:
            out.print(f"{when(one.at)}  {one.cause}: {told(one.reason, settings)}")
        if isinstance(one, Training) and one.told is not None and one.ended in ("failed", "lost"):
            out.print(f"                  {told(one.told, settings)}")


def _gain(one: Bought | None) -> str:
    if one is None:
        return "-"
    if one.gain is None or one.lower is None or one.upper is None:
        return f"too few days ({one.days})"
    return f"{one.gain:+.4f} [{one.lower:+.4f}, {one.upper:+.4f}] on {one.days} days"


def _seconds(spent: float | None) -> str:
    return "-" if spent is None else f"{spent:.1f}"
