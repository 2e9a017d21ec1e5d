"""`flyball tick`: look once at everything and do what follows."""

import sys
import time
from dataclasses import replace

import click

from flyball.cli.frame import as_json, at_time, console, each_project, now_option, projects, say, show_json, told, when
from flyball.core.reason import because
from flyball.journal.explain import tell
from flyball.loop.records import TickReport
from flyball.loop.world import World
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.stores import open_stores, wall_clock
from flyball.wiring import open_world

_ASKED_EVERY = 1.0  # seconds between two looks at a training that is waited for
_MOST_WAITS = 5  # trainings one tick waits for, of which each is begun by the one before: cooldowns allow fewer


@click.command()
@click.option("--wait", is_flag=True, help="Wait for a training it started or found running, and look again at its end.")
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, wait: bool, now: str | None, as_json: bool) -> None:
    """Ingest what servers logged, measure, decide, act, and write down what was done and why.

    Run it from cron or any scheduler; twice at once does no harm. It starts a training and does not wait for it: a later tick sees its end.
    Where several machines share a store, one of them acts: a tick on another stands by, says who leads, and ends with 0.
    Where the machine goes with the command (a container of a CronJob, a runner of a CI system), --wait keeps it until that end.

    With -C on a folder of projects: each of them, and one that fails does not keep the others from their turn.
    """
    from flyball.loop.forgetting import forget
    from flyball.loop.leading import leading, tick_if_leading
    from flyball.loop.memory import Memory

    def look(settings: Settings, spec: Spec) -> dict[str, object]:
        world, memory = open_world(settings), Memory()
        moment = at_time(now)
        with leading(world.leases, spec.model.name, settings.replica) as leadership:
            done = tick_if_leading(world, spec, memory, leadership, now=moment)
            if not as_json:
                show(done, settings)
            executor = world.executor if leadership is None else leadership.on_one_machine(world.executor)
            for _ in range(_MOST_WAITS if wait and done.stands_by is None else 0):
                if not _outlasted(replace(world, executor=executor), spec.model.name):
                    break
                after = tick_if_leading(world, spec, memory, leadership, now=at_time(now))
                if not as_json:
                    show(after, settings)
                done = _together(done, after)
        if done.stands_by is None:
            forget(open_stores(settings).retention, settings.stores.keep, now=moment, clock=wall_clock(), say=say)
        return plain(done, settings)

    found, well = each_project(ctx, look)
    if as_json:
        show_json(found[0] if len(projects(ctx)) == 1 else found)
    sys.exit(0 if well else 1)


def _together(done: TickReport, after: TickReport) -> TickReport:
    """What two looks one after the other did."""
    return replace(
        after,
        ingested=done.ingested + after.ingested,
        entries=(*done.entries, *after.entries),
        told=(*done.told, *after.told),
        untold=(*done.untold, *after.untold),
    )


def _outlasted(world: World, model: str) -> bool:
    """Whether a training runs, or did until a moment ago: then it has ended when this returns."""
    from flyball.journal.state import fold

    running = fold(model, world.journal.read(model)).running
    if running is None:
        return False
    say(f"{model}: waiting for the training {running.started.action}")
    while world.executor.poll(running.started.action).state == "running":
        time.sleep(_ASKED_EVERY)
    return True


def plain(done: TickReport, settings: Settings) -> dict[str, object]:
    """A tick as `--json` prints it."""
    tellings = [tell(entry) for entry in done.entries]
    return {
        "model": done.model,
        "at": done.at,
        "ingested": done.ingested,
        "decisions": [
            {"at": one.entry.at, "action": one.action, "version": one.version or None, "reason": told(one.reason, settings)}
            for one in tellings
        ],
        "stands_by": None if done.stands_by is None else told(done.stands_by, settings),
        "told": [told(reason, settings) for reason in done.told],
        "trouble": "; ".join([*([done.trouble] if done.trouble else []), *(told(reason, settings) for reason in done.untold)]),
    }


def show(done: TickReport, settings: Settings) -> None:
    """A tick for people."""
    numbers = because("event.tick", ingested=done.ingested, entries=len(done.entries))
    say(f"{when(done.at)}  {done.model}: {told(done.stands_by or numbers, settings)}")
    for entry in done.entries:
        one = tell(entry)
        version = f" {done.model}@{one.version}" if one.version else ""
        console().print(f"{when(entry.at)}  {one.action}{version}: {told(one.reason, settings)}")
    for reason in done.told:
        say(told(reason, settings))
    if done.trouble:
        say(f"warning: {done.trouble}")
    for reason in done.untold:
        say(f"warning: {told(reason, settings)}")
