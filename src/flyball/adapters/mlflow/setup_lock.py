"""MLflow creates the tables of a new database without keeping a second process out for the whole of it: this lock does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(lock: Path | None) -> Iterator[None]:
    """Alone among the processes that use this lock; None (a server is used) asks nobody."""
    if lock is None:
        yield
        return
    try:
        import fcntl
    except ImportError:  # Windows: there the parent sets up the database before the child is asked to fit
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield
