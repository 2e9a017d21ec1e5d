"""A worker as its supervisor sees it: a process that is given an order, says how far it is, and hears two words."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from flyball.server.settings import ServerSettings, settings_to_json

READY, LIVE = b"ready\n", b"live\n"  # what a worker says: it listens; every model it serves has an answer
RETIRE, LEAVE = b"retire\n", b"leave\n"  # what it is told: another has taken over; nobody listens any more


class WorkerProcess:
    """One worker, from its start to its end. `changed` is called, in a thread, when it says something or ends.

    `patient`: it shall not listen before it has an answer, because others have.
    """

    def __init__(
        self, settings: ServerSettings, ports: str, listener: socket.socket, number: int, changed: Callable[[], None], *, patient: bool
    ) -> None:
        self.number = number
        self.name = settings.worker(number)
        self.listening = False
        self.live = False
        self._changed = changed
        descriptor = listener.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flyball.server.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
            cwd=settings.folder,
        )
        order = {
            "settings": msgspec.Raw(settings_to_json(settings)),
            "ports": ports,
            "number": number,
            "socket": descriptor,
            "patient": patient,
        }
        self._say(msgspec.json.encode(order) + b"\n")
        threading.Thread(target=self._listen, name=f"worker-{number}", daemon=True).start()

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def drain(self) -> None:
        """Ask it to answer what comes for the lame duck's time, and then to wait for `leave` (or, in vain, some seconds longer)."""
        if self.status is None:
            self._process.terminate()

    def leave(self) -> None:
        """Tell a worker that drains that nobody can connect any more: it takes what waits, answers, and ends."""
        self._say(LEAVE)

    def retire(self) -> None:
        """Tell it that another has taken its place: it takes no new connections, answers on those it has, and ends."""
        self._say(RETIRE)

    def end(self, seconds: float) -> None:
        """Wait for its end, by force after so many seconds."""
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.kill()
        self.forget()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Let go of the pipe to a worker that has ended."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def keep_counters(self, folder: Path, after: int) -> None:
        """Keep what this worker counted under a name that no later worker writes to: totals over all workers must not fall."""
        left = folder / ".flyball" / "metrics" / f"{self.name}.json"
        with suppress(OSError):
            left.replace(left.with_suffix(f".{after}.json"))

    def _say(self, words: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it may have ended
            self._process.stdin.write(words)
            self._process.stdin.flush()

    def _listen(self) -> None:
        """In a thread: hear what it says until its end."""
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                self.listening = self.listening or line == READY
                self.live = self.live or line == LIVE
                self._changed()
        self._process.wait()
        self._changed()
