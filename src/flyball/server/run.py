"""The supervisor: binds the address, starts the workers, replaces those that die, moves their logs into the database, drains."""

import errno
import ipaddress
import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import FrameType

import msgspec

from flyball.core.errors import FlyballError, RefusedError, StoreError, UsageError
from flyball.ports import PredictionLog
from flyball.server.settings import ServerSettings, find_factory, settings_to_json

_INGEST_EVERY = 1.0
_LOOK_EVERY = 0.2
_MOST_EARLY_DEATHS = 3
_SLOWEST_RESTART = 10.0

_log = logging.getLogger("flyball.server")


def serve(settings: ServerSettings, ports: str, ready: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean drain, 1 if workers could not be kept alive.

    `ports` is the import string `package.module:function` of a function from the project's folder to `ServerPorts`: each process opens
    its own. `ready` is called with the URL as soon as every worker listens. Before anything starts: StoreError if the address is taken,
    RefusedError if it is not a loopback address.
    """
    listener = bind(settings.host, settings.port)
    try:
        port = listener.getsockname()[1]
        settings = replace(settings, port=port)
        predictions = [find_factory(ports)(one.folder).predictions for one in (settings, *settings.also)]
        shutil.rmtree(settings.folder / ".flyball" / "metrics", ignore_errors=True)
        supervisor = Supervisor(settings, ports, listener, ready or _say_ready)
        return supervisor.run(predictions)
    finally:
        listener.close()


def bind(host: str, port: int) -> socket.socket:
    """A socket that is bound and listens."""
    if not _loopback(host):
        raise RefusedError(
            f"this server has no access tokens yet, so it does not listen on {host!r}, where others could reach it",
            hint="use 127.0.0.1 and put a proxy that authenticates before it",
        )
    if port and not 0 < port < 65536:
        raise UsageError(f"{port} is not a port", hint="ports are 1 to 65535; 0 takes a free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StoreError(
                f"port {port} of {host} is in use", hint=f"stop what listens there, or take another: flyball serve --port {port + 1}"
            ) from error
        raise StoreError(
            f"cannot listen on port {port} of {host}: {error.strerror}", hint="take another port: flyball serve --port 8000"
        ) from error
    return listener


class Supervisor:
    """Keeps `settings.workers` processes alive on one listening socket."""

    def __init__(self, settings: ServerSettings, ports: str, listener: socket.socket, ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._ports = ports
        self._listener = listener
        self._ready = ready
        self._stop = threading.Event()
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._listening: set[int] = set()
        self._told = False
        self._early_deaths = 0

    def run(self, predictions: Sequence[PredictionLog]) -> int:
        """Start, watch, drain; ingest about once a second all the while, and once more at the end."""
        handlers = self._catch_signals()
        ingester = threading.Thread(target=self._ingest, args=(predictions,), name="ingest", daemon=True)
        ingester.start()
        try:
            for number in range(self._settings.workers):
                self._start(number)
            return self._watch()
        finally:
            self._stop.set()
            self._drain()
            ingester.join(timeout=self._settings.drain_timeout)
            for log in predictions:
                with suppress(FlyballError):
                    log.ingest()
            for sig, handler in handlers.items():
                signal.signal(sig, handler)

    def _watch(self) -> int:
        while not self._stop.wait(_LOOK_EVERY):
            for number, process in list(self._workers.items()):
                if process.poll() is None or self._stop.is_set():
                    continue
                early = number not in self._listening
                self._listening.discard(number)
                self._early_deaths = self._early_deaths + 1 if early else 0
                _log.error("worker %d ended with status %s; starting another", number, process.returncode)
                if self._early_deaths >= _MOST_EARLY_DEATHS:
                    print(f"worker {number} could not start {self._early_deaths} times in a row: giving up", file=sys.stderr)  # noqa: T201 - the last word
                    return 1
                if self._stop.wait(min(_SLOWEST_RESTART, 0.1 * 4**self._early_deaths)):
                    break
                self._start(number)
        return 0

    def _start(self, number: int) -> None:
        descriptor = self._listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flyball.server.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
            cwd=self._settings.folder,
        )
        order = {
            "settings": msgspec.Raw(settings_to_json(self._settings)),
            "ports": self._ports,
            "number": number,
            "socket": descriptor,
        }
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
        self._workers[number] = process
        threading.Thread(target=self._listen_to, args=(number, process), daemon=True).start()

    def _listen_to(self, number: int, process: subprocess.Popen[bytes]) -> None:
        """In a thread: hear the worker's one word."""
        assert process.stdout is not None
        if process.stdout.readline() == b"ready\n":
            self._listening.add(number)
            if not self._told and len(self._listening) == self._settings.workers:
                self._told = True
                host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
                self._ready(f"http://{host}:{self._settings.port}")
        process.stdout.close()

    def _drain(self) -> None:
        """Tell every worker to stop, wait for the lame duck and the drain, and end what is still there after that."""
        self._listener.close()  # the workers hold it open while they drain; after them nobody does, and connecting is refused
        for process in self._workers.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + self._settings.lame_duck + self._settings.drain_timeout + 2.0
        for process in self._workers.values():
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()

    def _ingest(self, predictions: Sequence[PredictionLog]) -> None:
        """In a thread: let the database follow the logs."""
        told = ""
        while not self._stop.wait(_INGEST_EVERY):
            try:
                for log in predictions:
                    log.ingest()
                told = ""
            except Exception as error:  # noqa: BLE001 - the logs keep what cannot be moved now; serving goes on and the next second tries again
                said = error.message if isinstance(error, FlyballError) else f"{type(error).__name__}: {error}"
                if said != told:
                    _log.error("the prediction log cannot be moved into the database: %s", said)
                told = said

    def _catch_signals(self) -> dict[int, Callable[[int, FrameType | None], object] | int | None]:
        if threading.current_thread() is not threading.main_thread():
            return {}

        def stop(sig: int, frame: FrameType | None) -> None:
            self._stop.set()

        return {sig: signal.signal(sig, stop) for sig in (signal.SIGTERM, signal.SIGINT)}


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _say_ready(url: str) -> None:
    print(f"listening on {url}", file=sys.stderr, flush=True)  # noqa: T201 - the one line a person waits for
