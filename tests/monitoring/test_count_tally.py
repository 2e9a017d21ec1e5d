"""Tallies: small, added cell by cell, stored and read back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError
from flyball.monitoring.tally import Tally, added, tally_from_bytes, tally_of, tally_to_bytes

HOUR = 3_600_000_000
CELLS = st.lists(st.integers(0, 200), max_size=60)


def plain(tally: Tally) -> tuple[dict[int, int], list[int], list[int]]:
    return dict(sorted(tally.hours.items())), tally.cells.tolist(), tally.counts.tolist()


def make(cells: list[int], size: int = 201) -> Tally:
    return tally_of(np.array(cells, dtype=np.int64), np.array([HOUR * (cell % 3) for cell in cells], dtype=np.int64), size)


@given(parts=st.lists(CELLS, max_size=5), size=st.sampled_from([201, 100_000]))
def test_adding_tallies_is_counting_all_their_rows(parts: list[list[int]], size: int) -> None:
    whole = make([cell for part in parts for cell in part], size)
    assert plain(added([make(part, size) for part in parts])) == plain(whole)
    sums = np.zeros(size, dtype=np.int64)
    for part in parts:
        make(part, size).add_to(sums)
    assert np.flatnonzero(sums).tolist() == whole.cells.tolist()
    assert sums[whole.cells].tolist() == whole.counts.tolist()


@settings(deadline=None)
@given(
    cells=st.lists(st.integers(0, 2**33), unique=True, max_size=400),
    most=st.sampled_from([1, 255, 256, 65_536, 2**32, 2**40]),
    hours=st.dictionaries(st.integers(-(10**6), 10**6), st.integers(1, 2**40), max_size=24),
)
def test_a_tally_survives_storage(cells: list[int], most: int, hours: dict[int, int]) -> None:
    counts = np.array([1 + (cell * 7919) % most for cell in sorted(cells)], dtype=np.int64)
    tally = Tally(hours=hours, cells=np.array(sorted(cells), dtype=np.int64), counts=counts)
    assert plain(tally_from_bytes(tally_to_bytes(tally))) == plain(tally)


def test_a_slot_of_many_columns_takes_about_a_byte_a_cell() -> None:
    rng = np.random.default_rng(0)
    tally = tally_of(rng.integers(0, 13_000, 50 * 1500), np.arange(1500), 13_000)
    assert len(tally_to_bytes(tally)) < 13_000


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x80", b"\x98\x01\x90\x90\x05\x01\x01\xc2\xc4\x00", b"\x98\x63\x90\x90\x00\x01\x01\xc2\xc4\x00"]
)
def test_other_bytes_are_no_tally(content: bytes) -> None:
    with pytest.raises(DataError, match="no stored counts") as caught:
        tally_from_bytes(content)
    assert "rebuild" in caught.value.hint
