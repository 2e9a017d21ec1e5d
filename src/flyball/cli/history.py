"""`flyball history NAME`: what was in production at a time, and what changed it."""

from datetime import datetime

import click

from flyball.cli.frame import as_json, console, project, same_model, show_json, show_table, told, when
from flyball.core.errors import UsageError
from flyball.core.reason import Reason
from flyball.core.window import parse_time
from flyball.loop.past.history import Change, Production, changes, production_at
from flyball.loop.past.plain import plain_history, plain_production
from flyball.settings import Settings
from flyball.stores import open_stores


@click.command()
@click.argument("name", required=False)
@click.option("--at", metavar="TIME", default=None, help="Show what was in production at this time (RFC 3339).")
@click.option("--from", "since", metavar="TIME", default=None, help="List only what changed after this time.")
@click.option("--to", "until", metavar="TIME", default=None, help="List only what changed up to this time.")
@as_json
@click.pass_context
def command(ctx: click.Context, name: str | None, at: str | None, since: str | None, until: str | None, as_json: bool) -> None:
    """Say what was in production: with --at at one time, else every change of it with who, when and why.

    NAME is the project's model and may be left out. Trainings stand in `flyball retrains`, everything in `flyball journal`.

    \b
    flyball history churn --at 2025-03-01T00:00:00Z     champion, challenger, shadow, rollout, freeze, alerts
    flyball history churn --from 2025-03-01T00:00:00Z --to 2025-04-01T00:00:00Z
    """
    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    if at is not None and (since or until):
        raise UsageError("--at shows one time, --from and --to a span", hint="give one or the other")
    model = spec.model.name
    moment, first, last = (_time(option, text) for option, text in (("--at", at), ("--from", since), ("--to", until)))
    entries = open_stores(settings).journal.read(model)

    def say(reason: Reason) -> str:
        return told(reason, settings)

    if moment is not None:
        stood = production_at(model, entries, moment)
        show_json(plain_production(stood, say)) if as_json else _show_production(stood, settings)
        return
    if first is not None and last is not None and last < first:
        raise UsageError(f"--to {until} is before --from {since}", hint="exchange them")
    if as_json:
        show_json(plain_history(model, entries, since=first, until=last, say=say))
        return
    _show_changes(model, changes(model, entries, since=first, until=last), settings)


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}", hint="write for example 2026-01-31T00:00:00Z") from None


def _show_production(stood: Production, settings: Settings) -> None:
    rows: list[tuple[str, str]] = [
        ("journal", f"entry {stood.seq}" if stood.seq else "nothing had happened yet"),
        ("champion", _version(stood.champion, stood) + (f", since {when(stood.champion_since)}" if stood.champion_since else "")),
        ("challenger", _version(stood.challenger, stood) + (f", {stood.challenger_share:.0%} of the units" if stood.challenger else "")),
        ("in shadow", ", ".join(_version(version, stood) for version in stood.shadow) or "-"),
        ("previous", _version(stood.previous, stood)),
        ("rollout", _rollout(stood)),
        ("watch", f"version {stood.watch.version} against {stood.watch.previous}, until {when(stood.watch.until)}" if stood.watch else "-"),
        ("approval", _because(f"version {stood.waiting.version}", stood.waiting.reason, settings) if stood.waiting else "-"),
        ("training", _because(stood.training.started.cause, stood.training.started.reason, settings) if stood.training else "-"),
        ("frozen", _frozen(stood)),
        ("alerts", "\n".join(_because(key, reason, settings) for key, reason in sorted(stood.firing.items())) or "-"),
    ]
    show_table(("", ""), rows, title=f"{stood.model} at {when(stood.at)} UTC")


def _show_changes(model: str, found: list[Change], settings: Settings) -> None:
    if not found:
        console().print(f"{model}: nothing changed in production")
        return
    rows = [
        (
            one.entry.seq,
            when(one.entry.at),
            one.entry.actor,
            one.action + (f" {one.version}" if one.version else ""),
            one.champion or "-",
            f"{one.challenger} ({one.challenger_share:.0%})" if one.challenger else "-",
            told(one.reason, settings),
        )
        for one in found
    ]
    show_table(("entry", "when (UTC)", "by", "what", "champion", "challenger", "why"), rows, title=model)


def _version(version: int | None, stood: Production) -> str:
    if version is None:
        return "-"
    bundle = stood.bundles.get(version, "")
    return f"{version}" + (f" (bundle {bundle[:12]})" if bundle else "")


def _rollout(stood: Production) -> str:
    rollout = stood.rollout
    if rollout is None:
        return "-"
    told = (
        f"{rollout.strategy}: version {rollout.version} against {rollout.champion} by {rollout.metric}, until {when(rollout.deadline_at)}"
    )
    return told + (f", paused since {when(stood.paused.at)}" if stood.paused else "")


def _frozen(stood: Production) -> str:
    freeze = stood.freeze
    return "-" if freeze is None else freeze.reason + (f", until {when(freeze.until)}" if freeze.until else "")


def _because(what: str, reason: Reason, settings: Settings) -> str:
    return f"{what}: {told(reason, settings)}"
