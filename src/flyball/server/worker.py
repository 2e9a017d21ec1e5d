"""One worker process: `python -m flyball.server.worker`. Its order comes as one line of JSON on stdin; what it says goes out on stdout.

It says `ready` when it listens and `live` when every model it serves has an answer. It hears `retire` (another has taken its place) and
`leave` (the port is closed) on stdin; when stdin ends, the process that started it is gone, and it drains and ends by itself.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import cast

import msgspec
import uvicorn

from flyball.server.app import App, make_app
from flyball.server.limits import limited
from flyball.server.listener import accept_all, hush
from flyball.server.memory import be_frugal
from flyball.server.process import LEAVE, LIVE, READY, RETIRE
from flyball.server.protocol import TimedProtocol, protocol_for
from flyball.server.settings import ServerPorts, ServerSettings, find_factory, settings_from_json

_LAST_ACCEPTED = 1.5  # seconds connections have, that were made at the last moment or are idle, to be read
_WORD_FROM_ABOVE = 5.0  # seconds the supervisor may be late with its `leave`


class Order(msgspec.Struct):
    """What a worker is started with. `socket` is an inherited file descriptor that listens already.

    `patient`: others answer on that socket, so take nothing from it before there is an answer to everything.
    """

    settings: msgspec.Raw
    ports: str
    number: int
    socket: int
    patient: bool = False


class WorkerServer(uvicorn.Server):
    """uvicorn with a lame duck: asked to stop, it accepts and answers for a while, closing each connection after its answer.

    A worker that shares its port must not decide alone when nobody listens any more: whoever connects between its last look and its
    closing would be reset. The supervisor closes the port and says `leave`; without that word the worker leaves some seconds later.
    """

    def __init__(self, config: uvicorn.Config, app: App, *, say: Callable[[bytes], None], patient: bool = False) -> None:
        super().__init__(config)
        self._app = app
        self._say = say
        self._patient = patient
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last = True  # to let go of the port; False: others go on listening
        self._orphan = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load, listen, then say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=[])
        while self._patient and not self._live() and not self.should_exit:
            await asyncio.sleep(0.05)
        sweeper = self._loop.create_task(self._sweep())
        sweeper.add_done_callback(lambda task: task.cancelled() or task.exception())
        gc.collect()
        gc.freeze()  # what stands now stays: the collector need not look at it again
        gc.set_threshold(50_000, 20, 20)
        for listener in sockets or []:
            self.servers.append(await self._loop.create_server(self._protocol, sock=listener, backlog=self.config.backlog))
        self._say(READY)
        self._tell_live()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, give connections that were made a moment ago the time to be read and answered, then end the rest."""
        loop = asyncio.get_running_loop()
        last = []
        if self._orphan and any([hush(listener) for listener in sockets or []]):
            await asyncio.sleep(0.1)
        if self._last:
            last = [connection for listener in sockets or [] for connection in accept_all(listener)]
        self._close_port(sockets or [])
        for connection in last:
            with suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, connection)
        # Every answer of a drain ends its connection: what is still open has not been read yet, or never speaks.
        until = loop.time() + _LAST_ACCEPTED
        await asyncio.sleep(0.02)  # connections that were accepted in this very turn are not in the list yet
        while self.server_state.connections and loop.time() < until and not self.force_exit:
            await asyncio.sleep(0.02)
        await super().shutdown()

    def hear(self, word: bytes) -> None:
        """A word of the supervisor's, in a thread; empty: it is gone."""
        if self._loop is None:
            self.should_exit = self.should_exit or not word
            return
        with suppress(RuntimeError):  # the loop has ended
            if word == LEAVE:
                self._loop.call_soon_threadsafe(self._leave)
            elif word == RETIRE:
                self._loop.call_soon_threadsafe(self._retire)
            elif not word:
                self._orphan = True
                self._loop.call_soon_threadsafe(self._drain, 0.0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; a second Ctrl-C ends at once."""
        if self._app.draining and sig == signal.SIGINT:
            self.force_exit = self.should_exit = True
        elif self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._drain, _WORD_FROM_ABOVE)

    def _drain(self, patience: float) -> None:
        if not self._app.draining and self._loop is not None:
            self._app.draining = True
            self._loop.call_later(self._app.settings.lame_duck + patience, self._leave)

    def _retire(self) -> None:
        """Take no new connections: they come to the others who listen on the same socket."""
        if not self.should_exit:
            self._last = False
            self._close_port([])
            self._drain(0.0)

    def _leave(self) -> None:
        self.should_exit = True

    def _close_port(self, sockets: list[socket.socket]) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()

    def _protocol(self) -> asyncio.Protocol:
        """A connection as uvicorn makes it."""
        make = cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _live(self) -> bool:
        return all(one.reloader.live is not None for one in self._app.models.by_name.values())

    def _tell_live(self) -> bool:
        if self._live():
            self._say(LIVE)
            return True
        return False

    async def _sweep(self) -> None:
        """Once a second: end connections whose headers are overdue."""
        loop = asyncio.get_running_loop()
        told = False
        while not self.should_exit:
            await asyncio.sleep(1.0)
            told = told or self._tell_live()
            settings = self._app.settings
            for connection in list(self.server_state.connections):
                cast(TimedProtocol, connection).expire(loop.time(), settings.header_timeout, settings.keep_alive)


def server_for(
    settings: ServerSettings,
    ports: Callable[[ServerSettings], ServerPorts],
    *,
    number: int,
    say: Callable[[bytes], None],
    patient: bool = False,
) -> WorkerServer:
    """A server that is ready to run on a listening socket."""
    others = [(one, ports(one)) for one in settings.also]
    app = make_app(settings, ports(settings), worker=settings.worker(number), number=number, others=others)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=limited(protocol_for(app)),
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
    return WorkerServer(config, app, say=say, patient=patient)


def main() -> None:
    """Read the order, serve, end."""
    be_frugal()
    words = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - for good. Not sys.stdin: it reads ahead, and is locked at the end
    order = msgspec.json.decode(words.readline(), type=Order)
    settings = settings_from_json(bytes(order.settings))
    status = os.dup(1)
    os.dup2(2, 1)  # from here on whatever is printed goes to stderr
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("flyball").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # malformed requests are counted, not told one by one
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the supervisor, which knows what it means

    def say(word: bytes) -> None:
        with suppress(OSError):
            os.write(status, word)

    factory = find_factory(order.ports)
    server = server_for(settings, lambda one: factory(one.folder), number=order.number, say=say, patient=order.patient)

    def listen() -> None:
        while word := words.readline():
            server.hear(word)
        server.hear(b"")

    threading.Thread(target=listen, name="supervisor", daemon=True).start()
    server.run(sockets=[socket.socket(fileno=order.socket)])


if __name__ == "__main__":
    main()
