"""`flyball serve`: answer predictions over HTTP."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from flyball.cli.frame import each_project, project, projects, same_model, say
from flyball.core.errors import UsageError
from flyball.core.record import record
from flyball.settings import Settings, admin_tokens
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
    timeout: float | None = None
    grpc_port: int | None = None
    leash: bool = False


trusted_option = click.option(
    "--trusted-code",
    is_flag=True,
    help="Also serve versions that could not be compiled, by running the code inside the model (unpickling it). Only for models you made.",
)


_HELP = ""  # what -h says without an address behind it

_model_options = (
    click.option("-m", "--model-uri", default=None, metavar="URI", help="The same as MODEL, as `mlflow models serve` spells it."),
    click.option("--state", type=click.Path(path_type=Path), default=None, metavar="DIR", help="Where a model without a spec is kept."),
    click.option("--classes", default=None, metavar="A,B,…", help="The classes of a model that does not name them, in their order."),
    click.option("--follow/--no-follow", default=True, help="Take up what an alias comes to mean while serving (default), or do not."),
    click.option("--follow-every", type=click.FloatRange(min=0.1), default=30.0, hidden=True),
    # What `mlflow models serve` takes besides: the model runs in this environment, and nothing is installed for it.
    click.option("--env-manager", type=click.Choice(["local", "virtualenv", "conda", "uv"]), default="local", hidden=True),
    click.option("--no-conda", is_flag=True, hidden=True),
    click.option("-i", "--install-mlflow", is_flag=True, hidden=True),
    click.option("--enable-mlserver", is_flag=True, hidden=True),
)


def model_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a model that has no spec."""
    for option in reversed(_model_options):
        function = option(function)
    return function


@click.command(context_settings={"help_option_names": ["--help"]})
@click.argument("model", required=False)
@click.option("-h", "--host", is_flag=False, flag_value=_HELP, default=None, help="Address (default: the spec's, 127.0.0.1).")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=None, help="Port (default: the spec's, 8000); 0 takes a free one.")
@click.option("-w", "--workers", type=click.IntRange(1, 64), default=None, help="Processes that answer (default: the spec's, 1).")
@click.option("--grpc-port", type=click.IntRange(1, 65535), default=None, help="Also answer the Open Inference Protocol over gRPC there.")
@click.option("-t", "--timeout", type=click.FloatRange(min=0.001), default=None, help="Seconds a model that runs by itself may take.")
@model_options
@click.option(
    "--clock",
    type=click.Choice(["wall", "request"]),
    default="wall",
    show_default=True,
    help="request: each request says when it happens (`at`), for replays.",
)
@click.option("--traces", is_flag=True, help="Send a span of OpenTelemetry for every request (OTEL_EXPORTER_OTLP_ENDPOINT says where).")
@click.option("--leash", is_flag=True, hidden=True, help="Drain and end when stdin ends: whoever started this server is gone then.")
@trusted_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    model: str | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    clock: str,
    traces: bool,
    trusted_code: bool,
    timeout: float | None,
    grpc_port: int | None,
    leash: bool,
    model_uri: str | None,
    **without_spec: Any,
) -> None:
    """Serve the champion: POST /predict and /outcomes, GET /health, /metrics and /docs.

    Every prediction is logged. When the champion changes, the server loads, verifies and warms the new one beside the old and swaps
    without a failed request. Ctrl-C or SIGTERM drains and ends.

    With -C on a folder of projects, one server answers for all of them, each at /models/NAME/predict.

    MODEL may also be models:/NAME@ALIAS, models:/NAME/VERSION, runs:/RUN/PATH or a folder: any model that MLflow logged, without a spec.
    It is kept in .flyball-serve/ here. A model that is Python code is opened with --trusted-code only.
    """
    if host == _HELP:
        click.echo(ctx.get_help())
        return
    options = ServeOptions(
        host=host,
        port=port,
        workers=workers,
        clock=clock,
        trusted_code=trusted_code,
        traces=traces,
        timeout=timeout,
        grpc_port=grpc_port,
        leash=leash,
    )
    asked = model_uri or (model if model is not None and is_uri(model) else None)
    if asked is not None:
        sys.exit(_serve_model(ctx.obj, asked, options, without_spec))
    folders = projects(ctx)
    if len(folders) == 1:
        settings, spec = project(ctx)
        same_model(model, spec.model.name)
        sys.exit(run([(settings, spec)], options))
    found, _ = each_project(ctx, lambda settings, spec: (settings, spec))
    sys.exit(run([one for one in found if model in (None, one[1].model.name)], options))


def is_uri(text: str) -> bool:
    """Whether a word names a model by its place: no project calls its model like that."""
    return ":" in text or "/" in text or (Path(text) / "MLmodel").is_file()


def _serve_model(folder: Path, asked: str, options: ServeOptions, given: Mapping[str, Any]) -> int:
    """Serve a model that has no spec."""
    from flyball.cli.serve_model import ModelOptions, serve_model

    if given["env_manager"] != "local" or given["install_mlflow"]:
        say("the model runs in this environment: install what its requirements.txt names here, nothing is installed for it")
    wanted = ModelOptions(
        asked=asked,
        state=given["state"],
        classes=given["classes"],
        trusted=options.trusted_code,
        follow=given["follow"],
        follow_every=given["follow_every"],
    )
    return serve_model(folder, wanted, lambda settings, spec: run([(settings, spec)], options))


def run(models: Sequence[tuple[Settings, Spec]], options: ServeOptions) -> int:
    """Serve one model or several in one server, until told to stop; give the exit status. The first says address and workers."""
    from flyball.server.admin.tokens import read_tokens
    from flyball.server.run import serve

    if not models:
        raise UsageError("no project here has a model of that name")
    read_tokens(admin_tokens())  # told here if it cannot be used, and not by every worker
    names = [spec.model.name for _, spec in models]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(f"two projects here call their model {twice!r}", hint="one server can serve a name once: rename one of them")
    first, *others = [server_settings(settings, spec, options) for settings, spec in models]
    rest = tuple(replace(one, host=first.host, port=first.port, workers=first.workers) for one in others)

    def ready(url: str) -> None:
        for name in names:
            path = f"models/{quote(name, safe='')}/predict" if rest else "predict"
            say(f"{name} answers at {url}/{path}; see {url}/docs")
        if first.grpc_port is not None:
            say(f"gRPC is answered on port {first.grpc_port}")

    return serve(replace(first, also=rest), "flyball.wiring:server_ports", ready, leash=0 if options.leash else None)


def holdback(spec: Spec) -> float:
    """The share of units that are answered as if nothing was to be done: of a binary model that shapes its own labels."""
    return spec.rollout.holdback if spec.model.influences_outcome and spec.model.task == "binary" else 0.0


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
        grpc_port=options.grpc_port,
        takes_alerts="alert" in spec.retrain.on,
        overrides=spec.rollout.overrides,
        holdback=holdback(spec),
        replica=settings.replica,
        request_timeout=ServerSettings.__dataclass_fields__["request_timeout"].default if options.timeout is None else options.timeout,
    )
