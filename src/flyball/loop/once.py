"""Things that are opened once in each process that works on parts of one computation."""

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """What `opened` gives, opened where it is first called for. It can be pickled if `opened` can; copies open the same thing once."""

    def __init__(self, opened: Callable[[], T]) -> None:
        self._key, self._opened = secrets.token_hex(8), opened

    def __call__(self) -> T:
        """The thing itself."""
        found: T = _opened(self)
        return found

    def open(self) -> T:
        """The thing, opened anew."""
        return self._opened()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Once) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=1)
def _opened(once: Once[Any]) -> Any:
    return once.open()
