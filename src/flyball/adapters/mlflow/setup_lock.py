"""A new project's MLflow database: made whole or not at all, by one process while the others wait.

MLflow creates the tables in place, in some fifty steps that take seconds: a second process looking on fails, and a process killed
halfway leaves a database that nobody can open any more.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SQLITE = "sqlite:///"
# Alembic keeps the migration it is in among its module's globals: two threads would migrate each other's databases.
_ONE_AT_A_TIME = threading.Lock()


def make_database(uri: str, artifacts: str, lock: Path, make_store: Callable[[str, str], Any]) -> None:
    """Make the SQLite file of a URI if it is not there: under another name first. `make_store` opens MLflow's tracking store."""
    path = Path(uri.removeprefix(_SQLITE))
    if path.exists():
        return
    with _ONE_AT_A_TIME, alone(lock):
        if path.exists():
            return
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            make_store(f"{_SQLITE}{draft}", artifacts).engine.dispose()
            _put_in_place(draft, path)
        finally:
            for left in path.parent.glob(f"{draft.name}*"):
                left.unlink(missing_ok=True)


def _put_in_place(draft: Path, path: Path) -> None:
    """Give the draft its name, unless there is a database of that name by now: another project's runs may be in it."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        draft.replace(path)


def lock_of(project: Path, uri: str) -> Path | None:
    """The project's lock for a SQLite database; None where a server looks after its tables itself.

    A database that several projects share has a lock in each: two of them may make it at once, and the first to be done has made it.
    """
    return project / ".flyball" / "mlflow.lock" if uri.startswith(_SQLITE) else None


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Alone among the processes that use this lock."""
    try:
        import fcntl
    except ImportError:  # Windows: two drafts may be made there at once, and the later one stays
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield
