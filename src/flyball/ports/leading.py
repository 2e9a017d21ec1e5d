"""Who may act: of several loops over one store, one leads.

Each port is a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes.
"""

from datetime import timedelta
from typing import Protocol

from flyball.journal.leading import Lease


class Leases(Protocol):
    """The right to act for a model, for a while. Its times are the store's own, so that clocks of machines need not agree."""

    def take(self, model: str, holder: str, *, lasts: timedelta) -> Lease | None:
        """The lease of a model for so long from now on; None while another holds it.

        A holder that takes it again keeps its epoch, as long as nobody else had it meanwhile. Whoever takes it over, or first, has an
        epoch above all there were, and appends of the journal with a lower one fail from that moment on.
        """
        ...

    def current(self, model: str) -> Lease | None:
        """Who holds it now, if anybody does; None after it ended or was given back."""
        ...

    def give_back(self, lease: Lease) -> None:
        """Let others take it at once; nothing if it is somebody else's by now."""
        ...
