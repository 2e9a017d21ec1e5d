"""`flyball rollout`: how the comparison of a new version stands; pause, resume or abort it."""

from datetime import datetime

import click

from flyball.cli.frame import as_json, at_time, now_option, project, same_model, say, show_json, show_table, tell_written, told, when
from flyball.core.errors import UsageError
from flyball.journal.explain import tell
from flyball.loop.rollout import RolloutStatus, WaitingStatus, answered, rollout_status, waiting_status
from flyball.loop.shown import plain_rollout
from flyball.settings import Settings
from flyball.wiring import open_world


@click.command()
@click.argument("action", type=click.Choice(["status", "pause", "resume", "abort"]), default="status")
@click.argument("name", required=False)
@click.option("--reason", default="", help="Why, with pause, resume and abort; it stays in the journal.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, action: str, name: str | None, reason: str, now: str | None, as_json: bool) -> None:
    """How the rollout of a new version stands, and what a person may do to it.

    status (the default): strategy, share, phase, the next step, the deadline, and what it waits for. pause: the challenger answers
    nobody and nothing is decided until resume; the deadline moves by as long, a step is held anew, and guardrails act all the same.
    abort: it ends undecided and the champion stays; always allowed. A rollout begins by itself, by the strategy of [rollout], when a
    version has passed its gate.
    """
    from flyball.loop.steer_rollout import abort, pause, resume

    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    moment = at_time(now)
    if action == "status":
        if reason:
            raise UsageError("--reason belongs to pause, resume and abort", hint="`flyball rollout status` changes nothing")
        _status(settings, spec.model.name, moment, as_json=as_json)
        return
    act = {"pause": pause, "resume": resume, "abort": abort}[action]
    done = act(open_world(settings), spec, reason=reason, actor=settings.actor, now=moment)
    if as_json:
        events = [tell(entry).action for entry in done.entries]
        show_json({"model": spec.model.name, "seq": done.entries[-1].seq, "events": events, "trouble": done.trouble})
        return
    tell_written(done, settings)


def _status(settings: Settings, model: str, now: datetime, *, as_json: bool) -> None:
    from flyball.loop.written import current

    world = open_world(settings)
    state = current(world, model)
    count = answered(world.predictions, state, now=now)
    if as_json:
        show_json(plain_rollout(state, now, lambda reason: told(reason, settings), answered=count))
        return
    found, waiting = rollout_status(state, now=now, answered=count), waiting_status(state)
    rows = [*(_rows(found, settings) if found is not None else []), *(_waiting_rows(waiting, settings) if waiting is not None else [])]
    if rows:
        show_table(("", ""), rows, title=model)
    if found is None:
        say(f"no version of {model} is being compared with the champion")


def _rows(found: RolloutStatus, settings: Settings) -> list[tuple[str, str]]:
    following = ""
    if found.next_at is not None:
        following = f"{found.next_share:.1%} from " if found.next_share is not None else "new weights from "
        following += f"{when(found.next_at)} UTC"
    return [
        ("version", f"{found.version} against champion {found.champion}, by {found.metric}"),
        ("strategy", found.strategy),
        ("share", f"{found.share:.1%} of the units since {when(found.phase_since)} UTC"),
        ("next", following or "-"),
        ("started", f"{when(found.started_at)} UTC"),
        ("deadline", f"{when(found.deadline_at)} UTC"),
        ("paused", f"since {when(found.paused_since)} UTC" if found.paused_since is not None else "-"),
        ("waits for", told(found.waits_for, settings)),
    ]


def _waiting_rows(waiting: WaitingStatus, settings: Settings) -> list[tuple[str, str]]:
    asked = f"version {waiting.version} since {when(waiting.since)} UTC, asked for by {waiting.asked_by}: {told(waiting.reason, settings)}"
    return [("waits for approval", asked)]
