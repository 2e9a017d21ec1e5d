"""The supervisor: starts the workers, replaces those that die and, when asked, all of them one by one; moves their logs; drains."""

import logging
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from flyball.core.errors import FlyballError
from flyball.server.dialects.grpc_port import hold
from flyball.server.listener import bind, hush
from flyball.server.process import WorkerProcess
from flyball.server.settings import ServerSettings, find_factory

if TYPE_CHECKING:
    from flyball.ports.history import PredictionLog

_INGEST_EVERY = 1.0
_INGESTER_NICE = 10  # a tenth of the core at least, when workers want all of it
_LOOK_EVERY = 1.0  # workers and signals wake the supervisor; this is for deadlines
_MOST_EARLY_DEATHS = 3
_SLOWEST_RESTART = 10.0
_SLOWEST_START = 120.0  # seconds a worker that shall replace another may take to load its models
_HANDSHAKES = 0.1  # seconds for connections that are half made when the port is closed
_LET_GO = 0  # among signals: who started this server is gone
_AFTER_DRAIN = 4.0  # seconds a worker has, on top of the drain's own, to write its log and end

_log = logging.getLogger("flyball.server")
_Handler = Callable[[int, FrameType | None], object] | int | None


def serve(settings: ServerSettings, ports: str, ready: Callable[[str], None] | None = None, *, leash: int | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean drain, 1 if workers could not be kept alive. SIGHUP replaces the workers one by one.

    `ports` is the import string `package.module:function` of a function from the project's folder to `ServerPorts`: each process opens
    its own. `ready` is called with the URL as soon as every worker listens. `leash`: a file descriptor whose end, when whoever holds the
    other side is gone, means the same as SIGTERM. Before anything starts: StoreError if the address is taken,
    RefusedError if it is not a loopback address and the settings do not say what others call it.
    """
    listener = bind(settings.host, settings.port, reachable=bool(settings.called))
    grpc = None
    try:
        settings = replace(settings, port=listener.getsockname()[1])
        if settings.traces:
            from flyball.server.tracing import check_traces  # the supervisor starts without it

            check_traces()
        if settings.grpc_port is not None:
            grpc = hold(settings.host, settings.grpc_port, reachable=bool(settings.called))
            settings = replace(settings, grpc_port=grpc.getsockname()[1])
        for one in (settings, *settings.also):
            shutil.rmtree(one.folder / ".flyball" / "metrics", ignore_errors=True)
        supervisor = Supervisor(settings, ports, listener, ready or _say_ready)
        if leash is not None:
            threading.Thread(target=supervisor.follow, args=(leash,), name="leash", daemon=True).start()
        return supervisor.run()
    finally:
        listener.close()
        if grpc is not None:
            grpc.close()


class Supervisor:
    """Keeps `settings.workers` processes alive on one listening socket."""

    def __init__(self, settings: ServerSettings, ports: str, listener: socket.socket, ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._ports = ports
        self._listener = listener
        self._ready = ready
        self._told = False
        self._workers: dict[int, WorkerProcess] = {}  # by place
        self._numbers = {place: place for place in range(settings.workers)}  # the number of who was last in a place
        self._again_at: dict[int, float] = {}
        self._early_deaths = 0
        self._due: deque[int] = deque()  # places whose worker is to be replaced
        self._fresh: tuple[int, WorkerProcess, float] | None = None  # who shall take which place, and until when
        self._leaving: list[tuple[WorkerProcess, float]] = []
        self._ended = 0
        self._signals: deque[int] = deque()
        self._asked_to_stop = 0
        self._terminal = _has_terminal()
        self._hangup_ends = True
        self._hear, self._call = os.pipe()
        for end in (self._hear, self._call):
            os.set_blocking(end, False)

    def run(self) -> int:
        """Start, watch, drain; ingest about once a second all the while, and once more at the end."""
        handlers = self._catch_signals()
        over = threading.Event()
        logs: list[PredictionLog] = []
        ingester = threading.Thread(target=_ingest, args=(logs, over), name="ingest", daemon=True)
        try:
            for place in range(self._settings.workers):
                self._workers[place] = self._start(place)
            try:
                logs += self._open()  # while the workers start: it is most of what there is to import
            except BaseException:
                self._asked_to_stop = 2  # nobody has been told of a server: no lame duck
                raise
            ingester.start()
            return self._watch()
        finally:
            over.set()
            self._drain()
            if ingester.ident is not None:
                ingester.join(timeout=self._settings.drain_timeout)
            for one in logs:
                with suppress(FlyballError, OSError):
                    one.ingest()
            for sig, handler in handlers.items():
                signal.signal(sig, handler)
            self._forget_address()

    def follow(self, leash: int) -> None:
        """In a thread: drain when the other side of the leash is let go, however that came about."""
        with suppress(OSError):
            while os.read(leash, 4096):
                pass
        self._signals.append(_LET_GO)
        self._wake()

    def _open(self) -> "list[PredictionLog]":
        factory = find_factory(self._ports)
        return [factory(one.folder).predictions for one in (self._settings, *self._settings.also)]

    def _watch(self) -> int:
        while True:
            self._wait(_LOOK_EVERY)
            if self._asked_to_stop:
                return 0
            now = time.monotonic()
            self._tell()
            self._bury(now)
            if self._early_deaths >= _MOST_EARLY_DEATHS:
                _say(f"workers could not start {self._early_deaths} times in a row: giving up")
                return 1
            for place, number in self._numbers.items():
                taken = place in self._workers or (self._fresh is not None and self._fresh[0] == place)
                if not taken and now >= self._again_at.get(place, 0.0):
                    self._workers[place] = self._start(number)
            self._replace(now)

    def _bury(self, now: float) -> None:
        """Take note of who has ended: those who were to, and those who died."""
        for one, until in self._leaving:
            if now > until:
                one.kill()
        for one in [one for one, _ in self._leaving if one.status is not None]:
            self._forget(one)
        self._leaving = [(one, until) for one, until in self._leaving if one.status is None]
        for place, one in list(self._workers.items()):
            if (status := one.status) is None:
                continue
            del self._workers[place]
            self._forget(one)
            self._early_deaths = 0 if one.listening else self._early_deaths + 1
            self._again_at[place] = now + min(_SLOWEST_RESTART, 0.1 * 4**self._early_deaths)
            _log.error("worker %d ended with status %s; starting another", one.number, status)

    def _replace(self, now: float) -> None:
        """One step of a rolling restart: at most one worker more than wanted, and never one that can answer less than the old."""
        if self._fresh is None:
            while self._due and not self._leaving and self._fresh is None:
                place = self._due.popleft()
                if place in self._workers:  # a place that is empty is filled anyway
                    number = place if self._numbers[place] != place else place + self._settings.workers
                    self._fresh = place, self._start(number), now + _SLOWEST_START
            return
        place, fresh, until = self._fresh
        old = self._workers.get(place)
        if fresh.status is not None or now > until:
            _say("a new worker could not take over: the restart is given up, and the old workers go on")
            fresh.kill()
            self._forget(fresh)
            self._fresh = None
            self._due.clear()
        elif fresh.listening:
            self._workers[place], self._numbers[place], self._fresh = fresh, fresh.number, None
            if old is not None:
                old.retire()
                self._leaving.append((old, now + self._settings.lame_duck + self._settings.drain_timeout + _AFTER_DRAIN))
            if not self._due:
                _say("every worker has been replaced")

    def _start(self, number: int) -> WorkerProcess:
        others = any(one.live for one in self._workers.values())
        return WorkerProcess(self._settings, self._ports, self._listener, number, self._wake, patient=others)

    def _forget(self, worker: WorkerProcess) -> None:
        worker.forget()
        self._ended += 1
        for one in (self._settings, *self._settings.also):
            worker.keep_counters(one.folder, self._ended)

    def _tell(self) -> None:
        if self._told or len(self._workers) < self._settings.workers or not all(one.listening for one in self._workers.values()):
            return
        self._told = True
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        url = f"http://{host}:{self._settings.port}"
        self._note_address(url)
        self._ready(url)

    def _drain(self) -> None:
        """The lame duck, then the port closes, then everybody ends; by force who is still there at the end."""
        every = [*self._workers.values(), *(one for one, _ in self._leaving), *([self._fresh[1]] if self._fresh else [])]
        for one in every:
            one.drain()
        until = time.monotonic() + self._settings.lame_duck
        while any(one.status is None for one in every) and self._asked_to_stop < 2 and time.monotonic() < until:
            self._wait(max(0.0, until - time.monotonic()))
        if hush(self._listener):
            time.sleep(_HANDSHAKES)
        self._listener.close()  # the workers' copies are left; the last to be closed refuses whoever comes then
        for one in every:
            one.leave()
        until = time.monotonic() + self._settings.drain_timeout + _AFTER_DRAIN
        for one in every:
            one.end(until - time.monotonic())

    def _wait(self, seconds: float) -> None:
        """Until a worker or a signal has something to say, but no longer than this."""
        if select.select([self._hear], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                os.read(self._hear, 4096)
        while self._signals:
            self._heard(self._signals.popleft())

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._call, b".")

    def _heard(self, sig: int) -> None:
        if sig == _LET_GO:
            self._asked_to_stop = max(1, self._asked_to_stop)  # not the second time, after which nobody is waited for
            return
        if sig != signal.SIGHUP:
            self._asked_to_stop += 1
            return
        had, self._terminal = self._terminal, _has_terminal()
        if had and not self._terminal:  # nobody asked: the terminal was closed
            self._asked_to_stop += self._hangup_ends
        elif not self._asked_to_stop:
            self._due = deque(range(self._settings.workers))
            self._wake()

    def _catch_signals(self) -> dict[int, _Handler]:
        if threading.current_thread() is not threading.main_thread():
            return {}

        def note(sig: int, frame: FrameType | None) -> None:
            self._signals.append(sig)  # no lock may be taken here
            self._wake()

        handlers: dict[int, _Handler] = {sig: signal.signal(sig, note) for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        self._hangup_ends = handlers[signal.SIGHUP] != signal.SIG_IGN  # nohup
        return handlers

    def _note_address(self, url: str) -> None:
        note = {"pid": os.getpid(), "url": url, "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        path = self._settings.folder / ".flyball" / "server.json"
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(note))
            fresh.replace(path)
        except OSError as error:
            _log.warning("the server's address could not be written down: %s", error.strerror)

    def _forget_address(self) -> None:
        path = self._settings.folder / ".flyball" / "server.json"
        with suppress(OSError, msgspec.MsgspecError, AttributeError):
            if msgspec.json.decode(path.read_bytes()).get("pid") == os.getpid():  # another server of this project may have come since
                path.unlink()


def _ingest(predictions: "Sequence[PredictionLog]", over: threading.Event) -> None:
    """In a thread: let the databases follow the logs."""
    _stand_back()
    told = ["" for _ in predictions]
    while not over.wait(_INGEST_EVERY):
        for number, one in enumerate(predictions):
            try:
                one.ingest()
                said = ""
            except Exception as error:  # noqa: BLE001 - the logs keep what cannot be moved now; serving goes on and the next second tries again
                said = error.message if isinstance(error, FlyballError) else f"{type(error).__name__}: {error}"
                if said != told[number]:
                    _log.error("the prediction log cannot be moved into the database: %s", said)
            told[number] = said


def _stand_back() -> None:
    """Let this thread wait for the workers where they need the same core: a second's rows at once would keep answers waiting."""
    if sys.platform == "linux":
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _INGESTER_NICE)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _say_ready(url: str) -> None:
    _say(f"listening on {url}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the few lines a person waits for
