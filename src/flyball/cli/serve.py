"""`flyball serve`: answer predictions over HTTP."""

import sys

import click

from flyball.cli.frame import project, same_model, say
from flyball.core.record import record
from flyball.settings import Settings
from flyball.spec.records import Spec


@record
class ServeOptions:
    """What the command line says over the spec's [serve]."""

    host: str | None
    port: int | None
    workers: int | None
    clock: str
    trusted_code: bool


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
@trusted_option
@click.pass_context
def command(
    ctx: click.Context, model: str | None, host: str | None, port: int | None, workers: int | None, clock: str, trusted_code: bool
) -> None:
    """Serve the champion: POST /predict and /outcomes, GET /health, /metrics and /docs.

    Every prediction is logged. When the champion changes, the server loads, verifies and warms the new one beside the old and swaps
    without a failed request. Ctrl-C or SIGTERM drains and ends.
    """
    settings, spec = project(ctx)
    same_model(model, spec.model.name)
    sys.exit(run(settings, spec, ServeOptions(host=host, port=port, workers=workers, clock=clock, trusted_code=trusted_code)))


def run(settings: Settings, spec: Spec, options: ServeOptions) -> int:
    """Serve until told to stop; give the exit status."""
    from flyball.server.run import serve
    from flyball.server.settings import ServerSettings

    wanted = ServerSettings(
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
    )
    return serve(wanted, "flyball.wiring:server_ports", lambda url: say(f"{spec.model.name} answers at {url}/predict; see {url}/docs"))
