"""`flyball retrains NAME`: every training, why it was asked for, what it cost and what it bought."""

from collections.abc import Sequence

import click

from flyball.cli.frame import as_json, console, project, same_model, show_json, show_table, told, when
from flyball.loop.past.plain import plain_training
from flyball.loop.past.price import Bought, PutOff, Training, trainings
from flyball.settings import Settings
from flyball.stores import open_stores


@click.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Also the triggers that were put off, and why, between them.")
@as_json
@click.pass_context
def command(ctx: click.Context, name: str | None, everything: bool, as_json: bool) -> None:
    """List every training of the loop and of people: trigger, rows, time window, CPU seconds, price, gate, what became of its version, and
    what it bought: the gain over the champion on live rows, with bounds.

    NAME is the project's model and may be left out. A gain says "certainly better" only where its whole interval lies above 0. Of
    trainings that a person started, only those that made a version stand in the journal.
    """
    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    found = trainings(open_stores(settings).journal.read(spec.model.name))
    shown = [one for one in found if everything or isinstance(one, Training)]
    if as_json:
        show_json({"model": spec.model.name, "trainings": [plain_training(one, lambda reason: told(reason, settings)) for one in shown]})
        return
    if not shown:
        console().print(f"{spec.model.name}: no training yet; `flyball train` runs the first")
        return
    head = ("when (UTC)", "cause", "outcome", "version", "rows", "CPU s", "s", "paid", "gate", "became", "bought")
    show_table(head, [_row(one) for one in shown], title=spec.model.name)
    _tell(shown, settings)


def _row(one: Training | PutOff) -> tuple[object, ...]:
    if isinstance(one, PutOff):
        return when(one.at), one.cause, "put off", *(["-"] * 8)
    return (
        when(one.at),
        one.cause,
        one.ended,
        one.version or "-",
        one.rows or "-",
        _seconds(one.cpu_seconds),
        _seconds(one.seconds),
        paid(one.money, one.currency),
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


def paid(money: float | None, currency: str) -> str:
    """An amount of money for people."""
    return "-" if money is None else f"{money:.4f} {currency}".strip()


def _seconds(spent: float | None) -> str:
    return "-" if spent is None else f"{spent:.1f}"
