"""The one way a record is declared: frozen, keyword-only, with slots."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, keyword-only dataclass with slots."""
    decorate: Callable[[type[T]], type[T]] = dataclass(frozen=True, kw_only=True, slots=True)
    return decorate(cls)
