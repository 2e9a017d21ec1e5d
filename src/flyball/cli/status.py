"""`flyball status`: what serves, what runs, what comes next."""

import click

from flyball.cli.frame import as_json, at_time, now_option, project, show_json, show_table, told
from flyball.loop.listing import StatusLine, describe
from flyball.wiring import open_stores


@click.command()
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, now: str | None, as_json: bool) -> None:
    """Champion, challenger, rollout, watch, training, freeze, alerts, workers, and when the next training is due."""
    from flyball.journal.state import fold

    settings, spec = project(ctx)
    stores = open_stores(settings)
    state = fold(spec.model.name, stores.journal.read(spec.model.name))
    lines = describe(state, spec, stores.deployments.workers(spec.model.name), now=at_time(now), sentence=lambda r: told(r, settings))
    if as_json:
        show_json({"model": spec.model.name, **{line.name: line.value for line in lines}})
        return
    show_table(("", ""), [(line.name, _text(line)) for line in lines], title=spec.model.name)


def _text(line: StatusLine) -> str:
    if line.value is None:
        return "-"
    if isinstance(line.value, list | tuple):
        return "\n".join(str(item) for item in line.value) or "-"
    if isinstance(line.value, dict):
        return ", ".join(f"{key}: {value}" for key, value in line.value.items()) or "-"
    return str(line.value)
