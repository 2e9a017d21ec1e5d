"""`flyball up`: server and loop together, until Ctrl-C."""

import signal
import subprocess
import sys
import threading
import time

import click

from flyball.cli.frame import project, say, span, when
from flyball.cli.serve import trusted_option
from flyball.cli.tick import show
from flyball.settings import Settings
from flyball.spec.records import Spec


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port of the server (default: the spec's, 8000).")
@click.option("--every", default="60s", show_default=True, metavar="SPAN", help="How often the loop looks.")
@trusted_option
@click.pass_context
def command(ctx: click.Context, port: int | None, every: str, trusted_code: bool) -> None:
    """Run the server and the loop in one process tree: it answers, watches, retrains, compares, promotes and rolls back.

    One failing tick is reported and the next one tries again; the server goes on answering whatever the loop does.
    """
    settings, spec = project(ctx)
    pause = span("--every", every).total_seconds()
    words = [sys.executable, "-m", "flyball", "-C", str(settings.folder), "serve"]
    words += [*([] if port is None else ["--port", str(port)]), *(["--trusted-code"] if trusted_code else [])]
    server, stop = subprocess.Popen(words), threading.Event()

    def stopping(*_: object) -> None:
        if stop.is_set():  # asked twice: do not wait for the tick
            raise KeyboardInterrupt
        stop.set()

    # A tick that has begun is finished: interrupted anywhere, it could leave the registry behind the journal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping)
    try:
        _loop(settings, spec, server, pause, stop)
    finally:
        if stop.is_set():
            say("stopping ...")
        status = _end(server)
    sys.exit(status)


def _loop(settings: Settings, spec: Spec, server: "subprocess.Popen[bytes]", pause: float, stop: threading.Event) -> None:
    from flyball.journal.state import fold
    from flyball.loop.engine import tick
    from flyball.loop.memory import Memory
    from flyball.wiring import open_world, wall_clock

    world, memory = open_world(settings), Memory()
    freeze = fold(spec.model.name, world.journal.read(spec.model.name)).frozen(wall_clock())
    if freeze is not None:
        say(f"the loop is frozen since {when(freeze.at)} UTC: {freeze.reason}; `flyball thaw` lets it act")
    due = 0.0
    while server.poll() is None and not stop.is_set():
        if time.monotonic() >= due:
            due = time.monotonic() + pause
            try:
                done = tick(world, spec, memory, now=wall_clock())
                if done.entries or done.trouble:
                    show(done, settings)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one look, the server goes on answering
                say(f"this tick failed, the next one tries again: {type(error).__name__}: {error}")
        stop.wait(0.2)


def _end(server: "subprocess.Popen[bytes]") -> int:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        return server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()
