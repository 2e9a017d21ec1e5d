"""`flyball serve`: answer predictions over HTTP."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from flyball.cli.frame import each_project, project, projects, same_model, say
from flyball.core.errors import UsageError
from flyball.core.record import record
from flyball.settings import Settings
from flyball.spec.records import Spec

if TYPE_CHECKING:
    from flyball.server.settings import ServerSettings


@record
class ServeOptions:
    """What the command line says over the spec's [serve]."""

    host: str | None
    port: int | None
    workers: int | None
    clock: str
    trusted_code: bool
    traces: bool = False


trusted_option = click.option(
    "--trusted-code",
    is_flag=True,
    help="Also serve versions that could not be compiled, by running the code inside the model (unpickling it). Only for models you made.",
)


@click.command()
@click.argument("model", required=False)
@click.option("--host", default=None, help="Address to listen on (default: the spec's, 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port (default: the spec's, 8000); 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="Processes that answer (default: the spec's, 1).")
@click.option(
    "--clock",
    type=click.Choice(["wall", "request"]),
    default="wall",
    show_default=True,
    help="request: each request says when it happens (`at`), for replays.",
)
@click.option("--traces", is_flag=True, help="Send a span of OpenTelemetry for every request (OTEL_EXPORTER_OTLP_ENDPOINT says where).")
@trusted_option
@click.pass_context
def command(
    ctx: click.Context,
    model: str | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    clock: str,
    traces: bool,
    trusted_code: bool,
) -> None:
    """Serve the champion: POST /predict and /outcomes, GET /health, /metrics and /docs.

    Every prediction is logged. When the champion changes, the server loads, verifies and warms the new one beside the old and swaps
    without a failed request. Ctrl-C or SIGTERM drains and ends.

    With -C on a folder of projects, one server answers for all of them, each at /models/NAME/predict.
    """
    options = ServeOptions(host=host, port=port, workers=workers, clock=clock, trusted_code=trusted_code, traces=traces)
    folders = projects(ctx)
    if len(folders) == 1:
        settings, spec = project(ctx)
        same_model(model, spec.model.name)
        sys.exit(run([(settings, spec)], options))
    found, _ = each_project(ctx, lambda settings, spec: (settings, spec))
    sys.exit(run([one for one in found if model in (None, one[1].model.name)], options))


def run(models: Sequence[tuple[Settings, Spec]], options: ServeOptions) -> int:
    """Serve one model or several in one server, until told to stop; give the exit status. The first says address and workers."""
    from flyball.server.run import serve

    if not models:
        raise UsageError("no project here has a model of that name")
    names = [spec.model.name for _, spec in models]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(f"two projects here call their model {twice!r}", hint="one server can serve a name once: rename one of them")
    first, *others = [server_settings(settings, spec, options) for settings, spec in models]
    rest = tuple(replace(one, host=first.host, port=first.port, workers=first.workers) for one in others)

    def ready(url: str) -> None:
        for name in names:
            path = f"models/{quote(name, safe='')}/predict" if rest else "predict"
            say(f"{name} answers at {url}/{path}; see {url}/docs")

    return serve(replace(first, also=rest), "flyball.wiring:server_ports", ready)


def server_settings(settings: Settings, spec: Spec, options: ServeOptions) -> "ServerSettings":
    """How a project's model is served, by its spec and the command line."""
    from flyball.server.settings import ServerSettings

    return ServerSettings(
        model=spec.model.name,
        folder=settings.folder,
        host=options.host or spec.serve.host,
        port=spec.serve.port if options.port is None else options.port,
        workers=options.workers or spec.serve.workers,
        log=spec.serve.log,
        unseen=spec.serve.unseen,
        matures=spec.data.matures,
        trusted=options.trusted_code,
        clock="request" if options.clock == "request" else "wall",
        traces=options.traces,
    )
