"""`flyball status`: what serves, what runs, what comes next."""

import sys

import click

from flyball.cli.frame import as_json, at_time, each_project, now_option, projects, show_json, show_table, told
from flyball.loop.fleet import fleet_of
from flyball.loop.listing import StatusLine, describe
from flyball.loop.telling.notify import untold
from flyball.serving.local import holds, read_local
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.stores import open_stores


@click.command()
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, now: str | None, as_json: bool) -> None:
    """Champion, challenger, rollout, watch, training, freeze, alerts, silences, workers, swap, leader, and when the next
    training is due.

    With -C on a folder of projects: each of them.
    """
    from flyball.journal.state import fold

    def look(settings: Settings, spec: Spec) -> dict[str, object]:
        stores = open_stores(settings)
        entries = stores.journal.read(spec.model.name)
        state = fold(spec.model.name, entries)
        fleet = fleet_of(spec.model.name, entries, stores.deployments, stores.leases)
        waits = untold(stores.outbox, spec)
        lines = describe(state, spec, fleet, now=at_time(now), sentence=lambda reason: told(reason, settings), untold=waits)
        deployed = stores.deployments.current(spec.model.name)
        local = read_local(settings.state)
        if local is not None and local.model == spec.model.name and (deployed is None or holds(local, deployed)):
            here = (
                f"version {local.to} in the place of {local.version} since {local.at:%Y-%m-%d %H:%M} UTC, by {local.actor}: {local.reason}"
            )
            lines = [*lines, StatusLine(name="rolled back here", value=here)]
        if not as_json:
            show_table(("", ""), [(line.name, _text(line)) for line in lines], title=spec.model.name)
        return {"model": spec.model.name, **{line.name: line.value for line in lines}}

    found, well = each_project(ctx, look)
    if as_json:
        show_json(found[0] if len(projects(ctx)) == 1 else found)
    sys.exit(0 if well else 1)


def _text(line: StatusLine) -> str:
    if line.value is None:
        return "-"
    if isinstance(line.value, list | tuple):
        return "\n".join(str(item) for item in line.value) or "-"
    if isinstance(line.value, dict):
        return "\n".join(f"{key}: {value}" for key, value in line.value.items()) or "-"
    return str(line.value)
