"""`flyball alerts`: what fires, what is silenced, who could not be told."""

import sys
from collections.abc import Mapping

import click

from flyball.cli.frame import as_json, at_time, need, now_option, project, say, show_json, show_table, told, when
from flyball.core.errors import NotFoundError
from flyball.core.reason import Reason, because
from flyball.loop.telling.alerts import Overview, overview, try_receivers
from flyball.settings import Settings
from flyball.stores import open_stores
from flyball.wiring import open_sender


@click.command()
@click.option("--test", is_flag=True, help="Send a test to every receiver of the spec now, and say of each whether it was taken.")
@click.option(
    "--close", metavar="KEY", default=None, help="End what the alert KEY from outside asks for, as if its sender had said it is over."
)
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, test: bool, close: str | None, now: str | None, as_json: bool) -> None:
    """What fires since when and why, what is silenced until when and by whom, what outside alerts ask for, and what happened lately.

    An alert from outside that its sender has not repeated for seven days is over; --close KEY ends one at once.

    Each receiver of [alerts] is listed with what it could not be told yet, and why.
    """
    from flyball.journal.state import fold
    from flyball.loop.telling.inbound import hear

    settings, spec = project(ctx)
    stores, moment, model = open_stores(settings), at_time(now), spec.model.name
    entries = stores.journal.read(model)
    state = fold(model, entries)
    if close is not None:
        need(not test, "--close ends a request and --test tries receivers", "give one of them")
        heard = hear(
            stores.journal, model, close, firing=False, reason=because("alerts.request_closed", key=close), actor=settings.actor, now=moment
        )
        if heard == "not open":
            hint = f"open: {', '.join(sorted(state.requests)[:10])}" if state.requests else "none is open"
            raise NotFoundError(f"no alert from outside asks under the key {close!r}", hint=hint)
        entries = stores.journal.read(model)
        state = fold(model, entries)
    if test:
        need(bool(spec.alerts.to), f"the spec of {model} names no receivers", 'add [alerts] to = [ { kind = "log" } ] to flyball.toml')
        results = try_receivers(open_sender(settings), spec, state, now=moment)
        if as_json:
            show_json([{"receiver": name, "taken": not error, "error": error or None} for name, error in results])
        else:
            show_table(("receiver", "was it taken?"), [(name, (error and f"no: {error}") or "yes") for name, error in results])
        sys.exit(1 if any(error for _, error in results) else 0)
    found = overview(state, entries, spec, stores.outbox.waiting(model), now=moment)
    if as_json:
        show_json({"model": model, **plain(found, settings)})
    else:
        show(found, settings, model)


def plain(found: Overview, settings: Settings) -> Mapping[str, object]:
    """The overview as `--json` prints it."""

    def why(reason: Reason) -> str:
        return told(reason, settings)

    return {
        "firing": [
            {
                "key": one.key,
                "severity": one.severity,
                "since": one.since,
                "reason": why(one.reason),
                "silenced_until": one.silenced_until,
                "answered": one.answered,
            }
            for one in found.firing
        ],
        "silences": found.silences,
        "requests": [{"key": one.key, "since": one.since, "reason": why(one.reason), "answered": one.answered} for one in found.requests],
        "receivers": [{"receiver": one.name, "waiting": None if one.waiting is None else why(one.waiting)} for one in found.receivers],
        "history": [
            {"at": one.entry.at, "actor": one.entry.actor, "action": one.action, "key": _key(one.entry.event), "reason": why(one.reason)}
            for one in found.history
        ],
    }


def show(found: Overview, settings: Settings, model: str) -> None:
    """The overview for people."""
    firing = [
        (
            one.key,
            one.severity,
            when(one.since),
            "-" if one.silenced_until is None else f"until {when(one.silenced_until)}",
            told(one.reason, settings),
        )
        for one in found.firing
    ]
    if firing:
        show_table(
            ("alert", "severity", "since (UTC)", "silenced", "in words"),
            firing,
            title=told(because("alerts.firing", model=model, count=len(firing)), settings),
        )
    else:
        say(f"{model}: no alert fires")
    if found.silences:
        rows = [(one.pattern, when(one.until), one.actor, one.covers, one.reason) for one in found.silences]
        show_table(("silenced", "until (UTC)", "by", "fire now", "because"), rows)
    if found.requests:
        asked = [(one.key, when(one.since), "yes" if one.answered else "no", told(one.reason, settings)) for one in found.requests]
        show_table(("key", "asked (UTC)", "trained since", "from outside"), asked)
    if found.receivers:
        show_table(
            ("receiver", "not told yet"),
            [(one.name, "-" if one.waiting is None else told(one.waiting, settings)) for one in found.receivers],
        )
    else:
        say("nobody is told of alerts: flyball.toml has no [alerts] to")
    if found.history:
        rows_of = [(when(one.entry.at), one.action, _key(one.entry.event) or "-", told(one.reason, settings)) for one in found.history]
        show_table(("lately (UTC)", "what", "alert", "in words"), rows_of)


def _key(event: object) -> str | None:
    found = getattr(event, "key", None) or getattr(event, "pattern", None)
    return found if isinstance(found, str) else None
