"""The dashboard's process: it listens on this machine only, and stands back when predictions need the cores."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from flyball.core.errors import StoreError
from flyball.dashboard.app import make_app
from flyball.dashboard.records import DashboardPorts
from flyball.dashboard.warming import warm
from flyball.server.listener import bind

HOST = "127.0.0.1"
PORT = 8080
_HOSTS = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
_CONNECTIONS = 500
_FAREWELL = 5  # seconds that answers which are under way have at the end


def serve(ports: DashboardPorts, port: int | None, ready: Callable[[str], None], *, leash: int | None = None) -> int:
    """Answer until SIGTERM or SIGINT; say where when it listens. StoreError names who has the port.

    `port` None: 8080, or a free one where that is taken. `leash`: a file descriptor whose end, when whoever holds the other side is gone,
    means the same as SIGTERM.
    """
    listener = _listen(port)
    with suppress(OSError):
        os.nice(10)
    app = make_app(ports, hosts=_HOSTS)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_FAREWELL,
        limit_concurrency=_CONNECTIONS,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    threading.Thread(target=warm, args=(ports,), name="warm", daemon=True).start()  # the first page takes seconds otherwise
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True
        # A page that is being made cannot be told to stop, and is no reason to stay: whoever reads can be dropped at any point.
        late = threading.Timer(_FAREWELL + 2, os._exit, args=(0,))
        late.daemon = True
        late.start()

    # uvicorn has handlers of its own while it runs, and sends itself what it caught once more when these are back.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if leash is not None:
        threading.Thread(target=_follow, args=(leash, end), name="leash", daemon=True).start()
    ready(f"http://{HOST}:{listener.getsockname()[1]}")
    server.run(sockets=[listener])
    return 0


def _listen(port: int | None) -> socket.socket:
    try:
        return bind(HOST, PORT if port is None else port)
    except StoreError as error:
        if port is None:
            return bind(HOST, 0)
        raise StoreError(error.message, hint=f"take another: flyball dashboard --port {port + 1}, or 0 for a free one") from error


def _follow(leash: int, end: Callable[[], None]) -> None:
    with suppress(OSError):
        while os.read(leash, 4096):
            pass
    end()
