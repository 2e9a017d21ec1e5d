"""When what failed for a reason that passes is tried again."""

from flyball.core.errors import StoreError

_FIRST, _MOST = 1.0, 60.0


class Again:
    """Seconds until the next attempt: twice as many after each that failed, up to a minute. What cannot pass is never due.

    A store that is away and a full disk pass; a bundle that fails verification and a broken contract do not.
    """

    def __init__(self) -> None:
        self._waits, self._at = _FIRST, float("inf")

    def failed(self, error: Exception, now: float) -> None:
        """An attempt ended like this."""
        if isinstance(error, StoreError | OSError):
            self._at, self._waits = now + self._waits, min(_MOST, 2 * self._waits)

    def due(self, now: float) -> bool:
        """Whether to try again. Whoever does says how it went."""
        return now >= self._at

    def begin(self, *, afresh: bool) -> None:
        """An attempt begins; `afresh`: at something else than before."""
        self._at = float("inf")
        if afresh:
            self._waits = _FIRST
