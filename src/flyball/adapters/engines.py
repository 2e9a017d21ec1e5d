"""The engines that heavy work runs on, by the names that `--on` takes."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from flyball.core.errors import StoreError, UnsupportedError, UsageError
from flyball.core.schema import did_you_mean
from flyball.ports.mapping import Mapper, Say

Item = TypeVar("Item")
Result = TypeVar("Result")

# name → (module, class, extra, what has to be installed)
_CLUSTERS = {
    "dask": ("flyball.adapters.dask.mapper", "DaskMapper", "distributed"),
    "ray": ("flyball.adapters.ray.mapper", "RayMapper", "ray"),
}
LOCAL = "local"
ENGINES = (LOCAL, *_CLUSTERS)


def read_engine(on: str) -> tuple[str, str]:
    """What `--on` says, as the engine's name and the address of a cluster (empty: one of this machine). UsageError for anything else."""
    name, colon, address = on.partition(":")
    if name not in ENGINES:
        raise UsageError(f"--on {on}: nothing runs on {name!r}{did_you_mean(name, ENGINES)}", hint=f"one of {', '.join(ENGINES)}")
    if name == LOCAL and colon:
        raise UsageError(f"--on {on}: the processes of this machine have no address", hint="write --on local")
    if colon and not address.strip():
        raise UsageError(f"--on {on}: the address is missing", hint=f"write --on {name} for processes of this machine, or {name}:ADDRESS")
    return name, address


@contextmanager
def open_mapper(on: str, shared: Path, *, processes: int | None = None) -> Iterator[Mapper]:
    """The mapper that `--on` names. `shared`: the folder that the work needs, which has to be there, under this path, for every worker.

    `processes`: how many at a time where the engine is this machine's own. UnsupportedError without the engine's package, StoreError if the
    cluster cannot be reached.
    """
    name, address = read_engine(on)
    if name == LOCAL:
        from flyball.adapters.local.mapper import LocalMapper

        yield LocalMapper(processes)
        return
    module, kind, package = _CLUSTERS[name]
    try:
        made = getattr(import_module(module), kind)
    except ImportError as error:
        if error.name is None or error.name.split(".")[0] not in (package, "dask"):
            raise
        raise UnsupportedError(f"--on {on} needs {package}, which is not installed", hint=f"pip install 'flyball[{name}]'") from None
    shared.mkdir(parents=True, exist_ok=True)
    mark = shared / f".{name}-{secrets.token_hex(8)}"
    mark.touch()
    try:
        with made(address, processes) as mapper:
            yield Shared(mapper, mark.resolve())
    finally:
        mark.unlink(missing_ok=True)


class Shared:
    """The port `Mapper` over another one: on every worker the work begins with a look at whether the project's folder is there."""

    def __init__(self, mapper: Mapper, mark: Path) -> None:
        self._mapper, self._mark = mapper, mark

    @property
    def slots(self) -> int:
        """How many items are worked on at a time."""
        return self._mapper.slots

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """The results in the order of the items."""
        return self._mapper.map(partial(_looked, work, self._mark), items, say=say)

    def each(self, work: Callable[[Item, Say], Result], items: Iterable[Item], *, say: Say) -> Iterator[Result]:
        """The results in the order of the items, each as soon as it is there."""
        return self._mapper.each(partial(_looked, work, self._mark), items, say=say)


def _looked(work: Callable[[Any, Say], Any], mark: Path, item: Any, say: Say) -> Any:
    if not mark.exists():
        import socket

        raise StoreError(
            f"the worker on {socket.gethostname()} does not see the folder {mark.parent}",
            hint="the project has to lie on a file system that every worker mounts under the same path",
        )
    return work(item, say)
