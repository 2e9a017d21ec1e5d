"""A tally: the cells that rows fell into and how often, and the hours they fell into; small where rows are few, added cell by cell."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record

Ints = NDArray[np.int64]

_HOUR = 3_600_000_000
_FORMAT = 1
# Fewer bytes than this are not worth compressing: such slots are soon added up in longer ones.
_SMALL = 1000


@record
class Tally:
    """Rows, counted. `cells` are in rising order, each once; `counts` says how many values fell into each.

    `hours`: rows per hour of their event time (hours since 1970, UTC).
    """

    hours: Mapping[int, int]
    cells: Ints
    counts: Ints

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return sum(self.hours.values())

    def add_to(self, sums: Ints) -> None:
        """Add the counts to an array that holds all cells."""
        sums[self.cells] += self.counts


def tally_of(cells: Ints, at: Ints, size: int) -> Tally:
    """The tally of values that fell into these cells (of `size` altogether), of rows with these event times (microseconds)."""
    if len(cells) * 8 > size:
        sums = np.bincount(cells, minlength=size)
        held = np.flatnonzero(sums)
        counts = sums[held]
    else:
        held, counts = np.unique(cells, return_counts=True)
    return Tally(hours=Counter((at // _HOUR).tolist()), cells=held, counts=counts)


def added(parts: Sequence[Tally]) -> Tally:
    """All rows of the tallies together. They must number the same cells."""
    if len(parts) == 1:
        return parts[0]
    hours = dict[int, int]()
    add_hours(hours, parts)
    if not parts:
        return Tally(hours=hours, cells=np.empty(0, dtype=np.int64), counts=np.empty(0, dtype=np.int64))
    cells = np.concatenate([part.cells for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(cells, kind="stable")
    cells, counts = cells[order], counts[order]
    first = np.flatnonzero(_gaps(cells))
    return Tally(hours=hours, cells=cells[first], counts=np.add.reduceat(counts, first) if len(first) else counts)


def add_hours(hours: dict[int, int], tallies: Iterable[Tally]) -> None:
    """Add the rows per hour of tallies to a dict."""
    for tally in tallies:
        for hour, rows in tally.hours.items():
            hours[hour] = hours.get(hour, 0) + rows


def tally_to_bytes(tally: Tally) -> bytes:
    """A tally as bytes for storage: the gaps between the cells and the counts, each as narrow as they allow, compressed."""
    hours = sorted(tally.hours)
    rows = [tally.hours[hour] for hour in hours]
    parts = [_narrow(_gaps(tally.cells)), _narrow(tally.counts)]
    body = parts[0][1] + parts[1][1]
    packed = zlib.compress(body, 1) if len(body) > _SMALL else body
    small = len(packed) < len(body)
    head = [_FORMAT, hours, rows, len(tally.cells), parts[0][0], parts[1][0], small]
    return msgspec.msgpack.encode([*head, packed if small else body])


def tally_from_bytes(content: bytes) -> Tally:
    """The tally that `tally_to_bytes` wrote; DataError for other bytes."""
    try:
        stored = _decode(content)
        body = zlib.decompress(stored.body) if stored.packed else stored.body
        cut = stored.cells * stored.gap_width
        gaps, counts = _wide(body[:cut], stored.gap_width), _wide(body[cut:], stored.count_width)
        if stored.format != _FORMAT or not len(gaps) == len(counts) == stored.cells or len(stored.hours) != len(stored.rows):
            raise ValueError(f"format {stored.format}, {len(gaps)} cells and {len(counts)} counts")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, zlib.error) as error:
        raise DataError(f"these are no stored counts: {error}", hint="rebuild them from the prediction log") from error
    return Tally(hours=dict(zip(stored.hours, stored.rows, strict=True)), cells=np.cumsum(gaps) - 1, counts=counts)


def _gaps(cells: Ints) -> Ints:
    """From each cell to the next, the first from -1, so that no gap is 0: most are 1."""
    gaps = cells + 1
    gaps[1:] = cells[1:] - cells[:-1]
    return gaps


def _narrow(values: Ints) -> tuple[int, bytes]:
    """Whole numbers in the fewest bytes that hold the largest; all lowest bytes first, so that the others, mostly 0, shrink to nothing."""
    most = int(values.max(initial=0))
    width = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4 if most < 1 << 32 else 8
    narrow = values.astype(f"<u{width}")
    return width, narrow.tobytes() if width == 1 else narrow.view(np.uint8).reshape(-1, width).T.tobytes()


def _wide(content: bytes, width: int) -> Ints:
    if width not in (1, 2, 4, 8) or len(content) % width:
        raise ValueError(f"{len(content)} bytes of width {width}")
    planes = np.frombuffer(content, dtype=np.uint8)
    if width == 1:
        return planes.astype(np.int64)
    planes = planes.reshape(width, -1)
    return np.ascontiguousarray(planes.T).view(f"<u{width}").ravel().astype(np.int64)


class _Stored(msgspec.Struct, array_like=True):
    """The form on disk."""

    format: int
    hours: list[int]
    rows: list[int]
    cells: int
    gap_width: int
    count_width: int
    packed: bool
    body: bytes


_decode = msgspec.msgpack.Decoder(_Stored).decode
