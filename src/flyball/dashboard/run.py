"""The dashboard's process: it listens on this machine only, and stands back when predictions need the cores."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from flyball.dashboard.app import make_app
from flyball.dashboard.records import DashboardPorts
from flyball.dashboard.table import warm
from flyball.server.listener import bind

HOST = "127.0.0.1"
PORT = 8080
_HOSTS = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})


def serve(ports: DashboardPorts, port: int, ready: Callable[[str], None]) -> int:
    """Answer until told to stop; say where when it listens. UsageError names who has the port."""
    listener: socket.socket = bind(HOST, port)
    with suppress(OSError):
        os.nice(10)
    config = uvicorn.Config(
        make_app(ports, hosts=_HOSTS), log_config=None, access_log=False, lifespan="off", server_header=False, ws="none"
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    threading.Thread(target=warm, name="warm", daemon=True).start()  # what pages import takes a second the first time
    ready(f"http://{HOST}:{listener.getsockname()[1]}")
    uvicorn.Server(config).run(sockets=[listener])
    return 0
