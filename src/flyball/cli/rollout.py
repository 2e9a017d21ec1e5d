"""`flyball rollout`: how the comparison of a new version stands; pause, resume or abort it."""

from datetime import datetime

import click

from flyball.cli.frame import as_json, at_time, now_option, project, same_model, say, show_json, show_table, span, tell_written, told, when
from flyball.core.errors import UsageError
from flyball.journal.explain import tell
from flyball.loop.rollout import RolloutStatus, WaitingStatus, answered, rollout_status, waiting_status
from flyball.loop.shown import plain_rollout
from flyball.loop.world import World
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_world


@click.command()
@click.argument("action", type=click.Choice(["status", "start", "pause", "resume", "abort"]), default="status")
@click.argument("name", required=False)
@click.option("--reason", default="", help="Why, with pause, resume and abort; it stays in the journal.")
@click.option("--for", "duration", metavar="SPAN", default=None, help="With pause: go on by itself after this long, such as 24h.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, action: str, name: str | None, reason: str, duration: str | None, now: str | None, as_json: bool) -> None:
    """How the rollout of a new version stands, and what a person may do to it.

    status (the default): strategy, share, phase, the next step, the deadline, and what it waits for. pause: the challenger answers
    nobody and nothing is decided until resume; the deadline moves by as long, a step is held anew, and guardrails act all the same. With
    --for it goes on by itself; without, it ends undecided once it stood still for as long as it was to last.
    abort: it ends undecided and the champion stays; always allowed. A rollout begins by itself, by the strategy of [rollout], when a
    version has passed its gate. start: do not wait for the loop's next look with that, as after `flyball register --hold`.
    """
    from flyball.loop.steer_rollout import abort, pause, resume

    settings, spec = project(ctx)
    same_model(name, spec.model.name)
    moment = at_time(now)
    length = span("--for", duration)
    if length is not None and action != "pause":
        raise UsageError("--for belongs to pause", hint="`flyball rollout pause --for 24h --reason '...'`")
    if action == "status":
        if reason:
            raise UsageError("--reason belongs to pause, resume and abort", hint="`flyball rollout status` changes nothing")
        _status(settings, spec.model.name, moment, as_json=as_json)
        return
    world, actor = open_world(settings), settings.actor
    if action == "start":
        _start(world, settings, spec, moment, as_json=as_json)
        return
    if action == "pause":
        done = pause(world, spec, reason=reason, actor=actor, now=moment, length=length)
    else:
        done = (resume if action == "resume" else abort)(world, spec, reason=reason, actor=actor, now=moment)
    if as_json:
        events = [tell(entry).action for entry in done.entries]
        show_json({"model": spec.model.name, "seq": done.entries[-1].seq, "events": events, "trouble": done.trouble})
        return
    tell_written(done, settings)


def _start(world: World, settings: Settings, spec: Spec, now: datetime, *, as_json: bool) -> None:
    from flyball.loop.engine import follow_up
    from flyball.loop.written import current

    done = follow_up(world, spec, now=now, actor=settings.actor)
    champion = current(world, spec.model.name).champion
    if as_json:
        events = [tell(entry).action for entry in done.entries]
        show_json({"model": spec.model.name, "champion": champion, "events": events, "trouble": done.trouble})
        return
    tell_written(done, settings)
    if not done.entries:
        say("nothing to start: no version waits for its chance")
    say(f"champion: {spec.model.name}@{champion}" if champion else "no champion: nothing answers yet")


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
        ("paused", _paused(found)),
        ("waits for", told(found.waits_for, settings)),
    ]


def _paused(found: RolloutStatus) -> str:
    if found.paused_since is None or found.paused_until is None:
        return "-"
    then = "goes on by itself" if found.resumes else "ends undecided unless resumed"
    return f"since {when(found.paused_since)} UTC; {then} at {when(found.paused_until)} UTC"


def _waiting_rows(waiting: WaitingStatus, settings: Settings) -> list[tuple[str, str]]:
    asked = f"version {waiting.version} since {when(waiting.since)} UTC, asked for by {waiting.asked_by}: {told(waiting.reason, settings)}"
    return [("waits for approval", asked)]
