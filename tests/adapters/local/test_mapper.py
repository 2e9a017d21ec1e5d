"""The same work on several items, in processes of their own."""

import os
from collections.abc import Callable

import pytest

from flyball.adapters.local.mapper import LocalMapper
from flyball.core.errors import StoreError
from flyball.testing.mapper import MapperSuite, breaks


@pytest.fixture
def mapper() -> LocalMapper:
    return LocalMapper(2)


class TestLocal(MapperSuite):
    pass


def whose(item: int, say: Callable[[str], None]) -> int:
    return os.getpid()


def leaves(item: int, say: Callable[[str], None]) -> int:
    os._exit(7)


def test_each_item_has_a_process_of_its_own() -> None:
    found = LocalMapper(2).map(whose, [1, 2], say=lambda _: None)
    assert len({*found, os.getpid()}) == 3


def test_one_item_alone_is_done_here() -> None:
    assert LocalMapper().map(whose, [1], say=lambda _: None) == [os.getpid()]
    assert LocalMapper().map(whose, [], say=lambda _: None) == []


def test_a_process_that_dies_without_a_word_is_told_with_its_exit_code() -> None:
    with pytest.raises(StoreError, match="exit code 7"):
        LocalMapper(2).map(leaves, [0, 1], say=lambda _: None)


def test_a_process_that_breaks_says_where_on_its_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StoreError, match="ZeroDivisionError"):
        LocalMapper(2).map(breaks, [0, 1], say=lambda _: None)
    assert "in breaks" in capfd.readouterr().err
