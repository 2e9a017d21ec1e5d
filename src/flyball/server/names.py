"""The names under which a server may be called: a web page that was made to resolve here calls it by another, and is refused."""

from collections.abc import Sequence

ANY = "*"
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


class Names(frozenset[bytes]):
    """Values of the `Host` header, in small letters, with a port or without."""

    anything = False

    def __contains__(self, name: object) -> bool:
        return (self.anything and isinstance(name, bytes)) or super().__contains__(name)

    def with_port(self, port: int) -> frozenset[bytes]:
        """The same names, and each with a port behind it; to be asked often."""
        return self if self.anything else frozenset(name + end for name in self for end in (b"", b":%d" % port))


def names(host: str, called: Sequence[str]) -> Names:
    """Loopback, the address that is listened on, and what others call the server; with `*` among them, anything."""
    found = Names(_as_header(name) for name in (*_LOOPBACK, host, *called))
    found.anything = ANY in called
    return found


def _as_header(name: str) -> bytes:
    return (f"[{name}]" if ":" in name and not name.startswith("[") else name).lower().encode()
