"""A model registry in memory: versions with their bundles, and aliases."""

import threading
from collections.abc import Mapping
from pathlib import Path

from flyball.core.errors import NotFoundError
from flyball.core.record import record


@record
class _Version:
    run_id: str
    identity: str
    tags: Mapping[str, str]
    files: Mapping[str, bytes]


class MemoryRegistry:
    """The port `Registry`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, list[_Version]] = {}
        self._beside: dict[tuple[str, int, str], Mapping[str, bytes]] = {}
        self._aliases: dict[str, dict[str, int]] = {}

    def register(self, model: str, run_id: str, bundle: Path, *, identity: str, tags: Mapping[str, str]) -> int:
        """Make the next version of a model, with its bundle; the same identity gives the same version again."""
        if not bundle.is_dir():
            raise NotFoundError(f"there is no bundle folder {bundle.name}", hint="pack the bundle before registering it")
        with self._lock:
            versions = self._versions.setdefault(model, [])
            for number, version in enumerate(versions, start=1):
                if version.identity == identity:
                    return number
            versions.append(_Version(run_id=run_id, identity=identity, tags=dict(tags), files=_files(bundle)))
            return len(versions)

    def run_of(self, model: str, identity: str) -> str:
        """The run of the version with this identity; empty if there is none."""
        with self._lock:
            return next((version.run_id for version in self._versions.get(model, []) if version.identity == identity), "")

    def aliases(self, model: str) -> Mapping[str, int]:
        """Flyball's aliases as they stand in the registry."""
        with self._lock:
            return dict(self._aliases.get(model, {}))

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Point an alias at a version, or remove it (None)."""
        with self._lock:
            if version is None:
                self._aliases.get(model, {}).pop(alias, None)
            else:
                self._version(model, version)
                self._aliases.setdefault(model, {})[alias] = version

    def keep_bundle(self, model: str, version: int, digest: str, bundle: Path) -> None:
        """Keep another bundle of a version beside the one it was registered with, under its digest."""
        with self._lock:
            self._version(model, version)
            self._beside.setdefault((model, version, digest), _files(bundle))

    def fetch_bundle(self, model: str, version: int, into: Path, *, digest: str = "") -> None:
        """Copy a bundle of a version out of the registry."""
        with self._lock:
            found = self._beside.get((model, version, digest)) if digest else self._version(model, version).files
        if found is None:
            raise NotFoundError(f"the registry has no bundle {digest[:12]} of {model}@{version}")
        for name, content in found.items():
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def _version(self, model: str, version: int) -> _Version:
        versions = self._versions.get(model, [])
        if not 1 <= version <= len(versions):
            raise NotFoundError(
                f"there is no version {model}@{version}", hint=f"versions present: 1 to {len(versions)}" if versions else ""
            )
        return versions[version - 1]


def _files(folder: Path) -> Mapping[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
