"""`flyball tick`: look once at everything and do what follows."""

import sys

import click

from flyball.cli.db import forget
from flyball.cli.frame import as_json, at_time, console, each_project, now_option, projects, say, show_json, told, when
from flyball.core.reason import because
from flyball.journal.explain import tell
from flyball.loop.records import TickReport
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_stores, open_world


@click.command()
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, now: str | None, as_json: bool) -> None:
    """Ingest what servers logged, measure, decide, act, and write down what was done and why.

    Run it from cron or any scheduler; twice at once does no harm. It starts a training and does not wait for it: a later tick sees its end.
    Where several machines share a store, one of them acts: a tick on another stands by, says who leads, and ends with 0.
    With -C on a folder of projects: each of them, and one that fails does not keep the others from their turn.
    """
    from flyball.loop.leading import leading, tick_if_leading
    from flyball.loop.memory import Memory

    def look(settings: Settings, spec: Spec) -> dict[str, object]:
        world, moment = open_world(settings), at_time(now)
        with leading(world.leases, spec.model.name, settings.replica) as leadership:
            done = tick_if_leading(world, spec, Memory(), leadership, now=moment)
        if done.stands_by is None:
            forget(settings, open_stores(settings).retention, now=moment)
        if not as_json:
            show(done, settings)
        return plain(done, settings)

    found, well = each_project(ctx, look)
    if as_json:
        show_json(found[0] if len(projects(ctx)) == 1 else found)
    sys.exit(0 if well else 1)


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
