"""The project's folder on this machine: port Workspace."""

import importlib.metadata
import json
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flyball.adapters.git import working_tree
from flyball.training.records import WorkingTree

_LEARNING = ("scikit-learn", "numpy", "pandas", "xgboost", "xgboost-cpu", "lightgbm", "catboost", "torch", "skl2onnx")
_STALE = 3 * 86_400  # seconds after which the folder of a training that nobody continued is removed


class LocalWorkspace:
    """`.flyball/work/` holds one folder per training in progress, locked while somebody works in it."""

    def __init__(self, project: Path) -> None:
        self._project = project.resolve()
        self._root = self._project / ".flyball" / "work"

    def tree(self) -> WorkingTree:
        """See `adapters.git`."""
        return working_tree(self._project)

    def environment(self) -> str:
        """Packages installed from elsewhere than an index are named with their place."""
        # a copy of the path: what is imported in other threads meanwhile may change it
        lines = {_line(found) for found in importlib.metadata.distributions(path=list(sys.path)) if found.metadata["Name"]}
        return "\n".join([f"# python {platform.python_version()}", *sorted(lines, key=str.lower)]) + "\n"

    def versions(self) -> Mapping[str, str]:
        """Python to its minor version: a patch release learns the same."""
        found = {"python": ".".join(platform.python_version_tuple()[:2])}
        for name in _LEARNING:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return found

    @contextmanager
    def work(self, identity: str) -> Iterator[Path]:
        """Waits while another process works on the same training."""
        folder = self._root / _short(identity)
        folder.mkdir(parents=True, exist_ok=True)
        ignored = self._root.parent / ".gitignore"
        if not ignored.exists():
            ignored.write_text("# caches, and the key that signs bundles: nothing for a repository\n*\n")
        with (self._root / f"{_short(identity)}.lock").open("a") as lock:
            _lock(lock.fileno())
            folder.mkdir(exist_ok=True)
            yield folder

    def done(self, identity: str) -> None:
        """Also clears away what was abandoned long ago."""
        shutil.rmtree(self._root / _short(identity), ignore_errors=True)
        for folder in self._root.glob("*/"):
            if time.time() - folder.stat().st_mtime > _STALE:
                shutil.rmtree(folder, ignore_errors=True)


def _short(identity: str) -> str:
    head, _, repeated = identity.partition("+")
    return f"{head[:24]}-{repeated}" if repeated else head[:24]


def _lock(descriptor: int) -> None:
    """Held until the file is closed, which the system does for a process that dies."""
    try:
        import fcntl
    except ImportError:  # Windows: two trainings at once repeat each other's work there, and the journal takes one
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _line(found: importlib.metadata.Distribution) -> str:
    name, version = found.metadata["Name"], found.version
    origin = found.read_text("direct_url.json")
    if origin:
        try:
            return f"{name} @ {json.loads(origin)['url']}"
        except (ValueError, KeyError):
            return f"{name}=={version}"
    return f"{name}=={version}"
