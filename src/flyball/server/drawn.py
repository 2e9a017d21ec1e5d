"""Requests that one way of answering began and another has to finish: what was drawn for them is drawn once."""

from typing import NamedTuple

_MOST = 100  # requests that wait for their other way: it comes in the same moment, or never
_KEPT = 5_000_000  # microseconds after which a request never came back


class Drawn(NamedTuple):
    """The ids of a request's rows, and when they were made, in microseconds. Without a unit the first of them says who answers."""

    ids: list[str]
    now: int


class DrawnAlready:
    """What was drawn for requests by their bodies. Of two with the same body each has its own, and it does not matter which."""

    def __init__(self) -> None:
        self._kept: dict[bytes, list[Drawn]] = {}

    def keep(self, body: bytes, drawn: Drawn) -> None:
        """Another way will answer this request."""
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept.setdefault(body, []).append(drawn)

    def waits(self, body: bytes) -> bool:
        """Whether a way has begun to answer such a request and left it to another."""
        return bool(self._kept) and body in self._kept

    def take(self, body: bytes, now: int) -> Drawn | None:
        """What was drawn for this request, if another way has begun to answer it a moment ago."""
        if not self._kept:
            return None
        waiting = self._kept.pop(body, [])
        fresh = [one for one in waiting if 0 <= now - one.now < _KEPT]
        if len(fresh) > 1:
            self._kept[body] = fresh[1:]
        return fresh[0] if fresh else None
