"""What serves: deployments, bundles, and the team's registry.

Each port is a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from flyball.serving.records import Deployment, Swap


class Swaps(Protocol):
    """Changing what serves in two steps: workers get ready for a deployment, and then it is current for all of them at once."""

    def prepare(self, deployment: Deployment, *, within: timedelta) -> None:
        """Let the live workers get ready for it; where none is alive it becomes current at once.

        It takes the place of one with a lower seq that is being prepared. Below what is current, or not above what is prepared, it is
        nothing.
        """
        ...

    def pending(self, model: str) -> Swap | None:
        """What is being prepared, and who of the live workers has said what; None if nothing is.

        A worker that has not been heard of for 3 s is not waited for.
        """
        ...

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A live worker could answer with `seq` at once, or cannot (`error`)."""
        ...

    def commit(self, model: str, seq: int) -> None:
        """Make what is being prepared current, if that is still `seq`; else nothing."""
        ...


class Deployments(Swaps, Protocol):
    """The table servers watch."""

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        ...

    def publish(self, deployment: Deployment) -> None:
        """Make it current at once, unless one with a higher seq is there already. What is being prepared with a lower seq is given up."""
        ...

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`) and goes on with what it had."""
        ...

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The live workers of a model: the seq each acknowledged, and its error.

        A worker that has not been heard of for 10 s is not listed.
        """
        ...


class BundleStore(Protocol):
    """Local copies of bundles by digest (SHA-256 of the signed manifest's bytes)."""

    def put(self, folder: Path) -> str:
        """Keep a copy of a complete, signed bundle folder, all or nothing; give its digest."""
        ...

    def path(self, digest: str) -> Path:
        """The folder of a bundle, every file verified against its manifest and the manifest against its signature.

        IntegrityError if that fails, NotFoundError if the bundle is not here.
        """
        ...


class Registry(Protocol):
    """The team's model registry (MLflow). The journal is the truth of aliases; here they are a projection."""

    def register(self, model: str, run_id: str, bundle: Path, *, identity: str, tags: Mapping[str, str]) -> int:
        """Make the next version of a model from a run, with its bundle as artifact; the same identity gives the same version again."""
        ...

    def run_of(self, model: str, identity: str) -> str:
        """The run of the version with this identity; empty if there is none."""
        ...

    def aliases(self, model: str) -> Mapping[str, int]:
        """Flyball's aliases as they stand in the registry."""
        ...

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Point an alias at a version, or remove it (None)."""
        ...

    def keep_bundle(self, model: str, version: int, digest: str, bundle: Path) -> None:
        """Keep another bundle of a version beside the one it was registered with, under its digest. What is there already stays."""
        ...

    def fetch_bundle(self, model: str, version: int, into: Path, *, digest: str = "") -> None:
        """Copy a bundle of a version out of the registry: the one it was registered with, or the one kept under a digest.

        NotFoundError if there is none.
        """
        ...
