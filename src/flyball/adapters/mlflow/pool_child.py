"""The child process that holds a model: `python -m flyball.adapters.mlflow.pool_child SOCKET LIFELINE`.

The first frame says which bundle; every further one brings rows as columns, and goes back as scores. Errors go back as errors.
"""

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from flyball.adapters.mlflow.pool import Gone, receive, send
from flyball.core.codec import from_plain
from flyball.core.errors import FlyballError
from flyball.registry.records import Manifest


def main() -> int:
    """Load, then score until the parent is gone."""
    connection, lifeline = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    end_with_parent(lifeline)
    try:
        score = _load(connection)
        while True:
            request = receive(connection)
            try:
                answer = b"+" + score(request)
            except Exception as error:  # noqa: BLE001 - whatever the model raises must reach the parent, or it would wait for its deadline
                answer = _error(error)
            send(connection, answer)
    except (Gone, OSError):
        return 0


def _load(connection: socket.socket) -> Callable[[bytes], bytes]:
    """Open the model that the first frame names, and say how that went."""
    hello = msgspec.msgpack.decode(receive(connection))
    try:
        from flyball.adapters.mlflow.estimator import load_here

        score = load_here(Path(hello["folder"]), from_plain(hello["manifest"], Manifest)).answer
    except Exception as error:
        send(connection, _error(error))
        raise Gone from error
    send(connection, b"+")
    return score


def _error(error: Exception) -> bytes:
    if isinstance(error, FlyballError):
        return b"-" + msgspec.msgpack.encode((type(error).__name__, error.message, error.hint))
    traceback.print_exc()
    return b"-" + msgspec.msgpack.encode(("StoreError", f"the model's process failed: {type(error).__name__}: {error}", ""))


def end_with_parent(lifeline: int) -> None:
    """End, with everything the model started, as soon as the parent is gone: by a signal, which needs no turn of the interpreter."""
    import fcntl

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        os.read(lifeline, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
