"""The same work on several items, in processes of their own."""

import os
from collections.abc import Callable

import pytest

from flyball.adapters.local.mapper import LocalMapper
from flyball.core.errors import DataError, StoreError


def double(item: int, say: Callable[[str], None]) -> int:
    say(f"item {item}")
    return 2 * item


def whose(item: int, say: Callable[[str], None]) -> int:
    return os.getpid()


def fails(item: int, say: Callable[[str], None]) -> int:
    if item == 1:
        raise DataError("item 1 is not data", hint="look at it")
    return item


def dies(item: int, say: Callable[[str], None]) -> int:
    os._exit(7)


def breaks(item: int, say: Callable[[str], None]) -> int:
    return 1 // item


def test_results_come_in_the_order_of_the_items_and_what_is_said_is_told() -> None:
    said: list[str] = []
    assert LocalMapper(2).map(double, [3, 1, 2], say=said.append) == [6, 2, 4]
    assert sorted(said) == ["item 1", "item 2", "item 3"]


def test_each_item_has_a_process_of_its_own() -> None:
    found = LocalMapper(2).map(whose, [1, 2], say=lambda _: None)
    assert len({*found, os.getpid()}) == 3


def test_one_item_alone_is_done_here() -> None:
    assert LocalMapper().map(whose, [1], say=lambda _: None) == [os.getpid()]
    assert LocalMapper().map(whose, [], say=lambda _: None) == []


def test_the_first_error_is_raised_as_it_was() -> None:
    with pytest.raises(DataError) as raised:
        LocalMapper(2).map(fails, [0, 1, 2], say=lambda _: None)
    assert (raised.value.message, raised.value.hint) == ("item 1 is not data", "look at it")


def test_a_process_that_dies_without_a_word_is_told() -> None:
    with pytest.raises(StoreError, match="exit code 7"):
        LocalMapper(2).map(dies, [0, 1], say=lambda _: None)


def test_a_process_that_breaks_is_told_with_what_broke_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StoreError, match="ZeroDivisionError"):
        LocalMapper(2).map(breaks, [0, 1], say=lambda _: None)
    assert "in breaks" in capfd.readouterr().err
