"""Child processes that hold a model: started, asked one at a time, timed, replaced when they die, and gone when their parent is.

A frame on the socket between parent and child is four bytes of length (big-endian) and MessagePack. Child → parent: the frame's first
byte says whether an answer (`+`) or an error (`-`: kind, message, hint) follows.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from flyball.core import errors
from flyball.core.errors import FlyballError, StoreError
from flyball.core.surroundings import for_others

LOADING = 300.0  # seconds a model may take to be loaded
_LARGEST = 1 << 31
_SLOWEST_RESTART = 30.0
_LENGTH = struct.Struct(">I")


class Gone(Exception):  # noqa: N818 - a state of the process, turned into an error by whoever asked
    """The process on the other side has ended."""


class Pool:
    """`size` children, each asked by one thread at a time. A child that dies or is too slow is replaced while the others go on."""

    def __init__(self, start: "Callable[[], ModelProcess]", *, size: int, deadline: float) -> None:
        self._start = start
        self._deadline = deadline
        self._changed = threading.Condition()
        self._idle: list[ModelProcess] = [start()]  # a model that cannot be loaded is told to whoever loads it
        self._all: set[ModelProcess] = set(self._idle)
        self._trouble = ""  # why no child could be started the last time
        self._closed = False
        for _ in range(size - 1):
            self._replace()

    def ask(self, request: bytes, *, patience: float = 1.0) -> bytes:
        """The answer of a child; the error it answered with is raised here. It may take `patience` times the deadline.

        StoreError if the child dies over it, if it takes longer (it is then ended), or if none is free for as long.
        """
        deadline = self._deadline * patience
        child = self._take(time.monotonic() + deadline)
        try:
            answer = child.ask(request, deadline)
        except TimeoutError:
            self._drop(child)
            raise StoreError(
                f"the model did not answer within {deadline:g} s; its process was ended and another is being started",
                hint="look at what it does with such rows, or send fewer at once",
            ) from None
        except Gone:
            raise StoreError(
                f"the model's process {self._drop(child)} while it scored these rows; another is being started",
                hint="its last words stand in the server's output",
            ) from None
        except BaseException:
            self._drop(child)
            raise
        with self._changed:
            self._idle.append(child)
            self._changed.notify()
        return _answer(answer)

    def close(self) -> None:
        """End every child; whoever waits for one is told."""
        with self._changed:
            self._closed = True
            children = list(self._all)
            self._all.clear()
            self._changed.notify_all()
        for child in children:
            child.end()

    def _take(self, until: float) -> "ModelProcess":
        with self._changed:
            while True:
                while self._idle:
                    child = self._idle.pop()  # the one that answered last has its memory warm
                    if child.alive:
                        return child
                    child.end()
                    self._forget(child)
                if self._closed:
                    raise StoreError("the model's processes have been ended")
                if self._trouble and not self._all:
                    raise StoreError(f"the model's process cannot be started: {self._trouble}", hint="it is tried again")
                if not self._changed.wait(until - time.monotonic()):
                    raise StoreError(
                        f"no process of the model was free for {self._deadline:g} s", hint="start the server with more workers"
                    )

    def _drop(self, child: "ModelProcess") -> str:
        """End a child, have another started, and say how it ended."""
        how = child.end()
        with self._changed:
            self._forget(child)
        return how

    def _forget(self, child: "ModelProcess") -> None:
        self._all.discard(child)
        self._replace()

    def _replace(self) -> None:
        if not self._closed:
            threading.Thread(target=self._start_another, name="model-process", daemon=True).start()

    def _start_another(self) -> None:
        """In a thread: start a child, again and again if need be, ever more slowly."""
        pause = 0.5
        while not self._closed:
            try:
                child = self._start()
            except Exception as error:  # noqa: BLE001 - whatever it was, a pool must not stay without a child for ever
                with self._changed:
                    self._trouble = error.message if isinstance(error, FlyballError) else f"{type(error).__name__}: {error}"
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closed, pause)
                pause = min(_SLOWEST_RESTART, pause * 2)
                continue
            if not self._join(child):
                child.end()
            return

    def _join(self, child: "ModelProcess") -> bool:
        """Let a child answer, unless the pool was closed while it started."""
        with self._changed:
            self._trouble = ""
            if not self._closed:
                self._all.add(child)
                self._idle.append(child)
                self._changed.notify()
            return not self._closed


class ModelProcess:
    """One child process and the socket to it. `lifeline` is never written to: when this process ends, however, the child sees it close."""

    def __init__(self) -> None:
        self._ending = threading.Lock()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise _not_started(error) from error
        try:
            end, self._lifeline = os.pipe()
        except OSError as error:
            ours.close()
            theirs.close()
            raise _not_started(error) from error
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flyball.adapters.mlflow.pool_child", str(theirs.fileno()), str(end)],
                env=for_others(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a model prints belongs to the server's output
                pass_fds=[theirs.fileno(), end],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            os.close(self._lifeline)
            raise _not_started(error) from error
        finally:
            theirs.close()
            os.close(end)
        self._socket = ours

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ask(self, request: bytes, timeout: float) -> bytes:
        """Send a frame and give the one that comes back; TimeoutError, or Gone if the process ends instead."""
        until = time.monotonic() + timeout
        try:
            self._socket.settimeout(timeout)
            self._socket.sendall(_LENGTH.pack(len(request)) + request)
            return receive(self._socket, until)
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone from error

    def end(self) -> str:
        """End the process with everything it started; how it ended, in words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.05 if self._process.returncode is None else 0)  # one that is dying by itself may tell of what
        code = self._process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            self._socket.close()
        with self._ending:  # the pool may be closed while one that asks ends its child: a number closed twice may be another's
            lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)
        if code is None:
            return "was ended"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _not_started(error: OSError) -> StoreError:
    return StoreError(f"no process could be started for the model: {error.strerror}", hint="free memory, processes or open files")


def start_child(hello: bytes) -> ModelProcess:
    """A child that has loaded its model; the error it met instead is raised here."""
    child = ModelProcess()
    try:
        _answer(child.ask(hello, LOADING))
    except TimeoutError:
        child.end()
        raise StoreError(f"the model was not loaded within {LOADING:g} s", hint="load it by hand: mlflow.pyfunc.load_model(...)") from None
    except Gone:
        raise StoreError(f"the process that loads the model {child.end()}", hint="its last words stand in the output") from None
    except BaseException:
        child.end()
        raise
    return child


def receive(connection: socket.socket, until: float | None = None) -> bytes:
    """The next frame; Gone at the end of the stream, TimeoutError if it is not complete by a time of the monotonic clock."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, until))
    return _exactly(connection, length, until)


def send(connection: socket.socket, content: bytes) -> None:
    """Send one frame."""
    connection.sendall(_LENGTH.pack(len(content)) + content)


def _exactly(connection: socket.socket, size: int, until: float | None) -> bytes:
    if size >= _LARGEST:
        raise Gone
    content = bytearray(size)
    view, got = memoryview(content), 0
    while got < size:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        count = connection.recv_into(view[got:])
        if not count:
            raise Gone
        got += count
    return bytes(content)


def _answer(frame: bytes) -> bytes:
    if frame[:1] == b"+":
        return frame[1:]
    kind, message, hint = msgspec.msgpack.decode(frame[1:], type=tuple[str, str, str])
    found = getattr(errors, kind, FlyballError)
    raise (found if isinstance(found, type) and issubclass(found, FlyballError) else FlyballError)(message, hint=hint)
