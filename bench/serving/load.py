"""The load: plain sockets and epoll in one thread, requests made beforehand, answers read by their length.

Closed loop: every connection sends its next request when it has its answer. Open loop: requests are due at a fixed rate and a request's
time counts from when it was due, so a server that stalls is charged for all who had to wait.
"""

import gc
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_READ = 1 << 18
_PATIENCE = 30.0


class WrongAnswerError(Exception):
    """An answer that is no 200, or a server that stopped answering."""


@dataclass(frozen=True)
class Outcome:
    """What one run of load saw. Times are seconds; the run lasts from the first request to the last answer."""

    answers: int
    seconds: float
    p50: float
    p99: float


@dataclass(slots=True)
class _Connection:
    """One client. `since` is when the request it waits for was sent (or due), `got` what has come of the answer."""

    socket: socket.socket
    since: float = 0.0
    got: bytes = b""
    number: int = -1


def closed_loop(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Outcome:
    """As many requests as `connections` clients can make, one after the other each."""
    with _Load(port, requests, connections) as load:
        return load.run_closed(seconds)


def open_loop(port: int, requests: Sequence[bytes], *, connections: int, seconds: float, rate: float) -> Outcome:
    """`rate` requests a second, evenly due, over at most `connections` connections; those that find none free wait and are charged."""
    with _Load(port, requests, connections) as load:
        return load.run_open(seconds, rate)


def ask(port: int, request: bytes) -> bytes:
    """The body of one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as client:
        client.sendall(request)
        got = b""
        while (end := end_of(got)) is None:
            part = client.recv(_READ)
            if not part:
                end = len(got)
                break
            got += part
    if got[9:12] != b"200":
        raise WrongAnswerError(got[:500].decode(errors="replace"))
    head, _, body = got[:end].partition(b"\r\n\r\n")
    return _unchunked(body) if b"transfer-encoding: chunked" in head.lower() else body


class _Load:
    """The connections of one run."""

    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        self._port = port
        self._requests = requests
        self._next = 0
        self._poll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._times = array("d")
        for _ in range(connections):
            self._connect()

    def __enter__(self) -> "_Load":
        gc.collect()
        gc.disable()
        return self

    def __exit__(self, *error: object) -> None:
        gc.enable()
        for connection in self._open.values():
            connection.socket.close()
        self._poll.close()

    def run_closed(self, seconds: float) -> Outcome:
        """Send on every answer until the time is over, then wait for what is still due."""
        clock, poll, opened = time.perf_counter, self._poll.poll, self._open
        begun = clock()
        until = begun + seconds
        for connection in list(opened.values()):
            self._send(connection, clock())
        waiting = len(opened)
        while waiting:
            events = poll(_PATIENCE)
            if not events:
                raise WrongAnswerError(f"no answer within {_PATIENCE:g} s")
            for descriptor, _ in events:
                free = self._read(opened[descriptor])
                if free is not None:
                    now = clock()
                    if now < until:
                        self._send(free, now)
                    else:
                        waiting -= 1
        return self._outcome(clock() - begun)

    def run_open(self, seconds: float, rate: float) -> Outcome:
        """Send what is due to whoever is free; the core is this process's own, so it looks all the time instead of sleeping."""
        clock, poll, opened = time.perf_counter, self._poll.poll, self._open
        free, busy = deque(opened.values()), 0
        begun = last = clock()
        total, sent = int(seconds * rate), 0
        while sent < total or busy:
            now = clock()
            due = min(total, int((now - begun) * rate) + 1)
            while sent < due and free:
                self._send(free.popleft(), begun + sent / rate)
                sent += 1
                busy += 1
            for descriptor, _ in poll(0):
                done = self._read(opened[descriptor])
                if done is not None:
                    busy -= 1
                    free.append(done)
                    last = now
            if busy and now - last > _PATIENCE:
                raise WrongAnswerError(f"no answer within {_PATIENCE:g} s")
        return self._outcome(clock() - begun)

    def _send(self, connection: _Connection, since: float) -> None:
        connection.since, connection.number = since, self._next
        request = self._requests[self._next]
        self._next = (self._next + 1) % len(self._requests)
        try:
            sent = connection.socket.send(request)
        except BlockingIOError:
            sent = 0
        except OSError:  # the server let the connection go between two requests, as it may
            self._again(connection)
            return
        if sent < len(request):
            self._send_rest(connection, request[sent:])

    def _send_rest(self, connection: _Connection, rest: bytes) -> None:
        """A body larger than the socket's buffer: wait for the server to take it."""
        connection.socket.settimeout(_PATIENCE)
        connection.socket.sendall(rest)
        connection.socket.setblocking(False)

    def _read(self, connection: _Connection) -> _Connection | None:
        """The connection, ready for its next request, if its answer is whole now."""
        try:
            part = connection.socket.recv(_READ)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            part = b""
        if not part:
            return self._ended(connection)
        got = connection.got + part if connection.got else part
        end = end_of(got)
        if end is None:
            connection.got = got
            return None
        if got[9:12] != b"200" or end != len(got):
            raise WrongAnswerError(got[:500].decode(errors="replace"))
        self._times.append(time.perf_counter() - connection.since)
        connection.got = b""
        return connection

    def _ended(self, connection: _Connection) -> _Connection | None:
        """A server that closes after each answer gets a new connection for the next; one that closed before it is asked again."""
        whole = connection.got[9:12] == b"200"
        if connection.got and not whole:
            raise WrongAnswerError(connection.got[:500].decode(errors="replace"))
        if not whole:
            self._again(connection)
            return None
        self._times.append(time.perf_counter() - connection.since)
        self._drop(connection)
        return self._connect()

    def _again(self, connection: _Connection) -> None:
        """Ask once more on a new connection; the time runs on."""
        self._drop(connection)
        fresh = self._connect()
        fresh.since, fresh.number = connection.since, connection.number
        fresh.socket.send(self._requests[fresh.number])

    def _connect(self) -> _Connection:
        client = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setblocking(False)
        self._poll.register(client.fileno(), select.EPOLLIN)
        connection = self._open[client.fileno()] = _Connection(client)
        return connection

    def _drop(self, connection: _Connection) -> None:
        self._poll.unregister(connection.socket.fileno())
        del self._open[connection.socket.fileno()]
        connection.socket.close()

    def _outcome(self, seconds: float) -> Outcome:
        times = sorted(self._times)
        return Outcome(len(times), seconds, times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))])


def end_of(got: bytes) -> int | None:
    """Where the first answer in `got` ends; None if it is not whole, or only the closing of the connection will end it."""
    head = got.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = got.find(b"ontent-length: ", 0, head)
    if at < 0:
        at = got.find(b"ontent-Length: ", 0, head)
    if at >= 0:
        if got.find(b"HTTP/1.0", 0, 8) == 0 or got.find(b"onnection: close", 0, head) >= 0:
            return None
        end = head + 4 + int(got[at + 15 : got.find(b"\r", at)])
        return end if len(got) >= end else None
    if b"chunked" in got[:head]:
        end = got.find(b"0\r\n\r\n", head) + 5
        return end if end > 4 else None
    return None


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
        if not length:
            break
    return whole
