"""The registry of a process that must not load MLflow: nothing is read or written now, and the next tick brings it up to date."""

from collections.abc import Mapping
from pathlib import Path

from flyball.core.errors import StoreError


class LaterRegistry:
    """The port `Registry` where there is none at hand: whatever is asked, a StoreError says that it is done later."""

    def register(self, model: str, run_id: str, bundle: Path, *, identity: str, tags: Mapping[str, str]) -> int:
        """Not now."""
        raise _later()

    def run_of(self, model: str, identity: str) -> str:
        """Not now."""
        raise _later()

    def aliases(self, model: str) -> Mapping[str, int]:
        """Not now."""
        raise _later()

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Not now."""
        raise _later()

    def keep_bundle(self, model: str, version: int, digest: str, bundle: Path) -> None:
        """Not now."""
        raise _later()

    def fetch_bundle(self, model: str, version: int, into: Path, *, digest: str = "") -> None:
        """Not now."""
        raise _later()


def _later() -> StoreError:
    return StoreError("a server does not speak to the registry; the next tick does")
