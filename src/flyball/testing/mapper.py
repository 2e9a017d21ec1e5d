"""What every mapper keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

import os
import signal
import time
from itertools import count
from pathlib import Path

import pytest

from flyball.core.errors import DataError, StoreError
from flyball.ports.mapping import Mapper, Say

_PATIENCE = 60.0  # seconds until what waits for others gives up, so that a mapper that fails a test ends


def double(item: int, say: Say) -> int:
    """Say which item it is, and give twice as much."""
    say(f"item {item}")
    say(f"still item {item}")
    return 2 * item


def fails(item: int, say: Say) -> int:
    """Refuse item 1."""
    if item == 1:
        say("item 1 is looked at")
        raise DataError("item 1 is not data", hint="look at it")
    return item


def breaks(item: int, say: Say) -> int:
    """Do what cannot be done for item 0."""
    return 1 // item


def dies(item: int, say: Say) -> int:
    """End the process for item 0, every time."""
    if item == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def dies_once(item: tuple[int, Path], say: Say) -> int:
    """End the process in the middle of the work, the first time that item 1 is worked on."""
    number, folder = item
    say(f"item {number} begins")
    mark = folder / "killed"
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def meets(item: tuple[int, Path], say: Say) -> bool:
    """Wait until the other of two items is worked on too."""
    number, folder = item
    (folder / f"here-{number}").touch()
    return _until(folder / f"here-{1 - number}", say)


def fails_or_goes_on(item: tuple[int, Path], say: Say) -> int:
    """Item 0 fails once item 1 works; item 1 works on until it is told otherwise, and says so all the time."""
    number, folder = item
    if number == 0:
        _until(folder / "works", say)
        raise DataError("item 0 is not data")
    (folder / "works").touch()
    _until(folder / "never", say)
    (folder / "finished").touch()
    return number


def waits_to_be_heard(path: Path, say: Say) -> bool:
    """Say something, and wait for what who hears it does."""
    say("do it")
    return _until(path, say)


def _until(path: Path, say: Say) -> bool:
    end = time.monotonic() + _PATIENCE
    while not path.exists() and time.monotonic() < end:
        say(f"waits for {path.name}")
        time.sleep(0.05)
    return path.exists()


class MapperSuite:
    """Inherit, and give the fixture `mapper`: one that works on two items at a time, each in a process that may be killed."""

    def test_results_come_in_the_order_of_the_items_and_all_that_is_said_is_told(self, mapper: Mapper) -> None:
        said: list[str] = []
        assert mapper.map(double, [3, 1, 2, 5], say=said.append) == [6, 2, 4, 10]
        assert sorted(said) == sorted(f"{what} {item}" for item in (1, 2, 3, 5) for what in ("item", "still item"))
        assert all(said.index(f"item {item}") < said.index(f"still item {item}") for item in (1, 2, 3, 5))

    def test_nothing_to_do_gives_nothing(self, mapper: Mapper) -> None:
        assert mapper.map(double, [], say=lambda _: None) == []

    def test_two_items_are_worked_on_at_once(self, mapper: Mapper, tmp_path: Path) -> None:
        assert mapper.slots == 2
        assert mapper.map(meets, [(0, tmp_path), (1, tmp_path)], say=lambda _: None) == [True, True]

    def test_what_is_said_is_told_while_the_work_goes_on(self, mapper: Mapper, tmp_path: Path) -> None:
        def hear(line: str) -> None:
            if line == "do it":
                (tmp_path / "done").touch()

        assert mapper.map(waits_to_be_heard, [tmp_path / "done"] * 2, say=hear) == [True, True]

    def test_items_are_taken_as_there_is_room_and_results_given_as_they_are_there(self, mapper: Mapper) -> None:
        without_end = mapper.each(double, count(1), say=lambda _: None)
        assert [next(without_end) for _ in range(4)] == [2, 4, 6, 8]
        without_end.close()  # type: ignore[attr-defined]  # a generator
        assert mapper.map(double, [7, 8], say=lambda _: None) == [14, 16]

    def test_the_first_error_is_raised_as_it_was(self, mapper: Mapper) -> None:
        with pytest.raises(DataError) as raised:
            mapper.map(fails, [0, 1, 2], say=lambda _: None)
        assert (raised.value.message, raised.value.hint) == ("item 1 is not data", "look at it")

    def test_the_first_error_ends_the_others(self, mapper: Mapper, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="item 0"):
            mapper.map(fails_or_goes_on, [(0, tmp_path), (1, tmp_path)], say=lambda _: None)
        assert mapper.map(meets, [(0, tmp_path), (1, tmp_path)], say=lambda _: None) == [True, True]
        assert not (tmp_path / "finished").exists()

    def test_work_that_breaks_is_told_with_what_broke_it(self, mapper: Mapper) -> None:
        with pytest.raises(StoreError, match="ZeroDivisionError"):
            mapper.map(breaks, [0, 1], say=lambda _: None)

    def test_work_whose_process_is_killed_is_done_again_and_the_result_is_the_same(self, mapper: Mapper, tmp_path: Path) -> None:
        said: list[str] = []
        items = [(number, tmp_path) for number in range(6)]
        assert mapper.map(dies_once, items, say=said.append) == [0, 1, 4, 9, 16, 25]
        assert (tmp_path / "killed").exists()
        assert {f"item {number} begins" for number in range(6)} <= set(said)

    def test_an_item_that_kills_every_process_is_an_error(self, mapper: Mapper) -> None:
        with pytest.raises(StoreError, match="without a word"):
            mapper.map(dies, [0, 1], say=lambda _: None)
