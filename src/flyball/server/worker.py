"""One worker process: `python -m flyball.server.worker`. Its order comes as one line of JSON on stdin; `ready` goes out on stdout.

When stdin ends, the process that started it is gone, and the worker drains and ends as on SIGTERM.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import cast

import msgspec
import uvicorn

from flyball.server.app import App, make_app
from flyball.server.memory import be_frugal
from flyball.server.protocol import TimedProtocol, protocol_for
from flyball.server.settings import ServerPorts, ServerSettings, find_factory, settings_from_json

_LAST_ACCEPTED = 1.5  # seconds


class Order(msgspec.Struct):
    """What a worker is started with. `socket` is an inherited file descriptor that listens already."""

    settings: msgspec.Raw
    ports: str
    number: int
    socket: int


class WorkerServer(uvicorn.Server):
    """uvicorn with a lame duck: after SIGTERM it accepts and answers for a while, closing each connection after its answer."""

    def __init__(self, config: uvicorn.Config, app: App, *, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._announce = announce
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        sweeper = self._loop.create_task(self._sweep())
        sweeper.add_done_callback(lambda task: task.cancelled() or task.exception())
        gc.collect()
        gc.freeze()  # what stands now stays: the collector need not look at it again
        gc.set_threshold(50_000, 20, 20)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, give connections that were made a moment ago the time to be read and answered, then end the rest."""
        loop = asyncio.get_running_loop()
        last = [connection for listener in sockets or [] for connection in _accept_all(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in last:
            with suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, connection)
        # Every answer of a drain ends its connection: what is still open has not been read yet, or never speaks.
        until = loop.time() + _LAST_ACCEPTED
        while self.server_state.connections and loop.time() < until:
            await asyncio.sleep(0.02)
        await super().shutdown()

    def _protocol(self) -> asyncio.Protocol:
        """A connection as uvicorn makes it."""
        make = cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; a second Ctrl-C ends at once."""
        if self._app.draining and sig == signal.SIGINT:
            self.force_exit = self.should_exit = True
        elif not self._app.draining:
            self._app.draining = True
            if self._loop is None:
                self.should_exit = True
            else:
                self._loop.call_soon_threadsafe(self._loop.call_later, self._app.settings.lame_duck, self._leave)

    def _leave(self) -> None:
        self.should_exit = True

    async def _sweep(self) -> None:
        """Once a second: end connections whose headers are overdue."""
        loop = asyncio.get_running_loop()
        while not self.should_exit:
            await asyncio.sleep(1.0)
            settings = self._app.settings
            for connection in list(self.server_state.connections):
                cast(TimedProtocol, connection).expire(loop.time(), settings.header_timeout, settings.keep_alive)


def _accept_all(listener: socket.socket) -> list[socket.socket]:
    """The connections that the kernel has made and nobody has taken: closing the listener would reset them."""
    found: list[socket.socket] = []
    listener.setblocking(False)
    while True:
        try:
            found.append(listener.accept()[0])
        except OSError:
            return found


def run_worker(
    settings: ServerSettings,
    ports: ServerPorts,
    *,
    number: int,
    listener: socket.socket,
    announce: Callable[[], None],
    others: Sequence[tuple[ServerSettings, ServerPorts]] = (),
) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT."""
    app = make_app(settings, ports, worker=f"{settings.port}-w{number}", number=number, others=others)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=protocol_for(app),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(settings.keep_alive),
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout)),
        backlog=2048,
    )
    WorkerServer(config, app, announce=announce).run(sockets=[listener])


def main() -> None:
    """Read the order, serve, end."""
    be_frugal()
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    settings = settings_from_json(bytes(order.settings))
    status = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # from here on whatever is printed goes to stderr
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("flyball").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # malformed requests are counted, not told one by one
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def announce() -> None:
        status.write("ready\n")
        status.flush()

    listener = socket.socket(fileno=order.socket)
    factory = find_factory(order.ports)
    others = [(one, factory(one.folder)) for one in settings.also]
    run_worker(settings, factory(settings.folder), number=order.number, listener=listener, announce=announce, others=others)


def _end_with_parent() -> None:
    while os.read(0, 4096):  # not through sys.stdin: its lock must be free when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
