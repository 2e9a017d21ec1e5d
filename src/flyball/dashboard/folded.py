"""What is known of a model, kept from page to page: only entries that are new are folded."""

import threading
from collections.abc import Sequence

from flyball.journal.events import Entry
from flyball.journal.known import State
from flyball.journal.state import fold


class Folded:
    """The fold of one journal.

    It goes on from the newest entry that was folded if that very object stands at its place again: a journal that remembers gives the same
    ones as long as it is the same, and others after it was put back from a backup. Then, and for a journal that remembers nothing, all is
    folded anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[int, Entry, State] | None = None

    def state(self, model: str, entries: Sequence[Entry]) -> State:
        """The state after these entries, which are all there are."""
        if not entries:
            return fold(model, entries)
        with self._lock:
            count, last, start = self._known or (0, entries[0], None)
            if start is None or start.model != model or count > len(entries) or entries[count - 1] is not last:
                count, start = 0, None
            found = fold(model, entries[count:], start=start)
            self._known = (len(entries), entries[-1], found)
        return found
