"""The listening socket: made once by the supervisor, inherited by every worker, and closed without resetting anybody."""

import ctypes
import errno
import ipaddress
import socket
import struct
import sys
from pathlib import Path

from flyball.core.errors import RefusedError, StoreError, UsageError

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux; Python's socket module does not name it
_BACKLOG = 2048
_LISTENS = "0A"  # a state in /proc/net/tcp
# Of the TCP header: a SYN without ACK is dropped, all else passes. (code, jump if true, jump if false, operand)
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


def bind(host: str, port: int, *, reachable: bool = False) -> socket.socket:
    """A socket that is bound and listens. `reachable`: whoever starts the server has said that others may reach it."""
    if not reachable and not _loopback(host):
        raise RefusedError(
            f"this server has no access tokens yet, so it does not listen on {host!r}, where others could reach it",
            hint="use 127.0.0.1 and put a proxy that authenticates before it; or, where a network policy decides who reaches it, "
            "say under which name others call it: --called NAME",
        )
    if port and not 0 < port < 65536:
        raise UsageError(f"{port} is not a port", hint="ports are 1 to 65535; 0 takes a free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StoreError(
                f"port {port} of {host} is in use{_by(family, port)}",
                hint=f"stop what listens there, or take another: flyball serve --port {port + 1}",
            ) from error
        raise StoreError(
            f"cannot listen on port {port} of {host}: {error.strerror}", hint="take another port: flyball serve --port 8000"
        ) from error
    return listener


def hush(listener: socket.socket) -> bool:
    """Let the kernel make no further connections on this socket, in whichever process it is held; False where that cannot be asked.

    There is no way to take the last connection and close a listening socket in one step: whoever connects in between is reset. After
    this, what is new is not answered (a client that tries again in a second finds the port closed), what has been made can be taken,
    and then closing resets nobody.
    """
    if sys.platform != "linux":
        return False
    code = b"".join(struct.pack("HBBI", *step) for step in _NO_SYN)
    kept = ctypes.create_string_buffer(code, len(code))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(kept)))
    except OSError:
        return False
    return True


def accept_all(listener: socket.socket) -> list[socket.socket]:
    """The connections that the kernel has made and nobody has taken: closing the last copy of the socket would reset them."""
    found: list[socket.socket] = []
    listener.setblocking(False)
    while True:
        try:
            found.append(listener.accept()[0])
        except InterruptedError:
            continue
        except OSError:
            return found


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _by(family: socket.AddressFamily, port: int) -> str:
    """Which process listens on a port, in words, where Linux tells: of one's own processes."""
    try:
        table = Path("/proc/net/tcp6" if family == socket.AF_INET6 else "/proc/net/tcp").read_text().splitlines()[1:]
        rows = [line.split() for line in table]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port}
        found = sorted(int(process.name) for process in Path("/proc").glob("[0-9]*") if sockets and _holds(process, sockets))
    except (OSError, ValueError, IndexError):
        return ""
    return f" by process {found[0]}" if found else ""


def _holds(process: Path, sockets: set[str]) -> bool:
    """Whether a process has one of these sockets open; not, if it ended or is somebody else's."""
    try:
        return any(_leads_to(one) in sockets for one in (process / "fd").iterdir())
    except OSError:
        return False


def _leads_to(descriptor: Path) -> str:
    """What a file descriptor is of; nothing, if it was closed since it was listed."""
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
