"""`flyball up`: server and loop together, until Ctrl-C."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import click

from flyball.cli.admission import allow
from flyball.cli.frame import opened, projects, say, span, told, when
from flyball.cli.serve import trusted_option
from flyball.cli.tick import show
from flyball.core.errors import FlyballError, UsageError
from flyball.core.reason import because
from flyball.settings import Settings
from flyball.spec.records import Spec

# Seconds between two times that what was answered is counted: often enough that no count is large, rarely enough to cost nothing.
_COUNTED_EVERY = 5.0
_SLOWEST_END = 30.0
_SHORTEST_LEASE = timedelta(seconds=1)

LOOKED = "looked"
"""In a project's .flyball: when a loop without a server looked last."""


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port of the server (default: the spec's, 8000).")
@click.option("--every", default="60s", show_default=True, metavar="SPAN", help="How often the loop looks.")
@click.option("--lease", default="15s", show_default=True, metavar="SPAN", help="Another machine takes over from one silent for so long.")
@click.option("--no-server", is_flag=True, help="The loop alone: servers run elsewhere, over the same shared stores.")
@click.option(
    "--dashboard/--no-dashboard",
    "dashboard",
    default=None,
    help="Pages to look at it in a browser (default: unless --no-server).",
)
@click.option("--dashboard-port", type=click.IntRange(0, 65535), default=None, help="On this machine (default: 8080, or a free one).")
@trusted_option
@click.pass_context
def command(
    ctx: click.Context,
    port: int | None,
    every: str,
    lease: str,
    no_server: bool,
    dashboard: bool | None,
    dashboard_port: int | None,
    trusted_code: bool,
) -> None:
    """Run the server, the loop and the dashboard in one process tree: it answers, watches, retrains, compares, promotes and rolls back.

    One failing tick is reported and the next one tries again; the server goes on answering whatever the loop does. With -C on a folder of
    projects: a server and a loop for each (each needs its own [serve] address), and one that fails does not stop the others.

    Where several machines share a store, each answers and one of them acts; another takes over by itself when that one is gone.
    With --no-server only the loop runs; .flyball/looked is touched after every look, so that a platform can tell whether it hangs.
    """
    folders, pause, lasts = projects(ctx), span("--every", every).total_seconds(), span("--lease", lease)
    if lasts < _SHORTEST_LEASE:
        raise UsageError(f"--lease {lease} is too short to be renewed in time", hint="write 1s or more; 15s is a good choice")
    if port is not None and len(folders) > 1:
        raise UsageError("--port is for one project", hint="give each project an address of its own: [serve] address")
    if no_server and (port is not None or trusted_code):
        raise UsageError("--port and --trusted-code are the server's, and --no-server starts none", hint="leave them out")
    options = None if no_server else [*([] if port is None else ["--port", str(port)]), *(["--trusted-code"] if trusted_code else [])]
    stop = threading.Event()

    def stopping(*_: object) -> None:
        if stop.is_set():  # asked twice: do not wait for the tick
            raise KeyboardInterrupt
        stop.set()

    # A tick that has begun is finished: interrupted anywhere, it could leave the registry behind the journal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping)
    shown = not no_server if dashboard is None else dashboard
    if dashboard_port is not None and not shown:
        raise UsageError("--dashboard-port without a dashboard", hint="leave it out, or add --dashboard")
    pages: subprocess.Popen[bytes] | None = None
    running = [one for one in (_start(folder, options, lasts, alone=len(folders) == 1) for folder in folders) if one is not None]
    try:
        if shown and running:
            pages = _show(ctx, dashboard_port)
        _look_until(running, pause, stop)
    finally:
        if stop.is_set():
            say("stopping ...")
        statuses = [one.end() for one in running]
        if pages is not None:
            pages.terminate()
            _wait(pages)
    sys.exit(max(statuses, default=1) if len(running) == len(folders) else 1)


def _show(ctx: click.Context, port: int | None) -> "subprocess.Popen[bytes]":
    """The dashboard over the same folder. It ends with this process, and whatever becomes of it, the rest goes on."""
    where = [] if port is None else ["--port", str(port)]
    words = [sys.executable, "-P", "-m", "flyball", "-C", str(ctx.obj), "dashboard", "--leash", *where]
    return subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)  # Ctrl-C is this process's: it ends its children


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The status of a process that was told to end; killed if it does not in time."""
    with process:  # lets go of its leash as well
        try:
            return process.wait(timeout=_SLOWEST_END)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


class _Project:
    """One project that is up: its server, and what its loop needs."""

    def __init__(self, settings: Settings, spec: Spec, options: list[str] | None, lasts: timedelta) -> None:
        from flyball.journal.state import fold
        from flyball.loop.leading import Leadership
        from flyball.loop.memory import Memory
        from flyball.stores import open_stores, wall_clock
        from flyball.wiring import open_world

        self.settings, self.spec = settings, spec
        self.world, self.memory, self.retention = open_world(settings), Memory(), open_stores(settings).retention
        assert self.world.leases is not None  # wiring gives them
        self.leadership = Leadership(self.world.leases, spec.model.name, settings.replica, lasts=lasts)
        self.stands_by = False
        freeze = fold(spec.model.name, self.world.journal.read(spec.model.name)).frozen(wall_clock())
        if freeze is not None:
            say(f"the loop of {spec.model.name} is frozen since {when(freeze.at)} UTC: {freeze.reason}; `flyball thaw` lets it act")
        # The pipe is the server's leash: it ends with this process, also if that is killed, and the server then drains and ends.
        serve = [sys.executable, "-m", "flyball", "-C", str(settings.folder), "serve", "--leash", *(options or [])]
        self.server = None if options is None else subprocess.Popen(serve, stdin=subprocess.PIPE)
        if self.server is None:
            say(f"the loop of {spec.model.name} runs; no server is started")
        self.told_gone = False

    def look(self) -> None:
        """One tick, if this machine leads; whatever is wrong with it, the server goes on answering."""
        from flyball.loop.forgetting import forget
        from flyball.loop.leading import tick_if_leading
        from flyball.stores import wall_clock

        try:
            done = tick_if_leading(self.world, self.spec, self.memory, self.leadership, now=wall_clock())
            changed, self.stands_by = (done.stands_by is not None) != self.stands_by, done.stands_by is not None
            if changed and not self.stands_by:
                say(f"{self.spec.model.name}: {told(because('tick.leads', holder=self.leadership.holder), self.settings)}")
            if done.entries or done.trouble or done.told or done.untold or (changed and self.stands_by):
                show(done, self.settings)
            if not self.stands_by:
                forget(self.retention, self.settings.stores.keep, now=done.at, clock=wall_clock(), say=say)
        except Exception as error:  # noqa: BLE001 - see above
            say(f"{self.spec.model.name}: this tick failed, the next one tries again: {type(error).__name__}: {error}")
        if self.server is None:
            with contextlib.suppress(OSError):
                self.settings.state.mkdir(exist_ok=True)
                (self.settings.state / LOOKED).touch()

    def count(self) -> None:
        """Count what was answered since, so that a tick has little left to count; what hinders it, the next tick says.

        Where another machine leads, look whether it still does, and take over if not.
        """
        from flyball.journal.state import fold
        from flyball.loop.counting import count_rows
        from flyball.stores import wall_clock

        if self.stands_by:
            with contextlib.suppress(FlyballError):
                if self.leadership.take() is not None:
                    self.look()
            return
        with contextlib.suppress(Exception):
            if self.world.predictions.ingest():
                state = fold(self.spec.model.name, self.world.journal.read(self.spec.model.name))
                count_rows(self.world, state, self.memory, now=wall_clock())

    def gone(self) -> bool:
        """Whether the server has ended; said once."""
        if self.server is None or self.server.poll() is None:
            return False
        if not self.told_gone:
            self.told_gone = True
            say(f"the server of {self.spec.model.name} has ended with status {self.server.returncode}")
        return True

    def end(self) -> int:
        """Let another machine lead, end the server and give its exit status; 0 without one."""
        self.leadership.let_go()
        if self.server is None:
            return 0
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
        return _wait(self.server)


def _start(folder: Path, options: list[str] | None, lasts: timedelta, *, alone: bool) -> _Project | None:
    try:
        settings, spec = opened(folder)
        allow("up", {}, settings, spec)
        return _Project(settings, spec, options, lasts)
    except FlyballError as error:
        if alone:
            raise
        say(f"{folder.name}: error: {error}")
        return None


def _look_until(running: list[_Project], pause: float, stop: threading.Event) -> None:
    """Tick every project again and again, and count in between, until told to stop or until no server is left."""
    due = counted = 0.0
    while not stop.is_set() and not all([one.gone() for one in running]):
        now = time.monotonic()
        looks = now >= due
        if looks:
            due = now + pause
        if looks or now >= counted:
            for one in running:
                if not stop.is_set() and not one.gone():
                    (one.look if looks else one.count)()
            counted = time.monotonic() + _COUNTED_EVERY
        stop.wait(0.2)
