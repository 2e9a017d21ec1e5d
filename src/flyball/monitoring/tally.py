"""A tally: the cells that rows fell into and how often, and the hours they fell into; small where rows are few, added cell by cell."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record

Ints = NDArray[np.int64]

_HOUR = 3_600_000_000
_FORMAT = 1
# Fewer bytes than this are not worth compressing.
_SMALL = 120


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
    hours, rows = np.unique(at // _HOUR, return_counts=True)
    return Tally(hours=dict(zip(hours.tolist(), rows.tolist(), strict=True)), cells=held, counts=counts)


def added(parts: Sequence[Tally]) -> Tally:
    """All rows of the tallies together. They must number the same cells."""
    if len(parts) == 1:
        return parts[0]
    hours = add_hours(part.hours for part in parts)
    if not parts:
        return Tally(hours=hours, cells=np.empty(0, dtype=np.int64), counts=np.empty(0, dtype=np.int64))
    cells = np.concatenate([part.cells for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(cells, kind="stable")
    cells, counts = cells[order], counts[order]
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    return Tally(hours=hours, cells=cells[first], counts=np.add.reduceat(counts, first) if len(first) else counts)


def add_hours(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Rows per hour, added up."""
    found: dict[int, int] = {}
    for part in parts:
        for hour, rows in part.items():
            found[hour] = found.get(hour, 0) + rows
    return found


def tally_to_bytes(tally: Tally) -> bytes:
    """A tally as bytes for storage: the gaps between the cells and the counts, each as narrow as they allow, compressed."""
    hours = np.array(sorted(tally.hours), dtype=np.int64)
    rows = [tally.hours[hour] for hour in hours.tolist()]
    # the first gap is from -1, so that no gap is 0: most are 1
    gaps, counts = np.diff(tally.cells, prepend=-1), tally.counts
    parts = [_narrow(gaps), _narrow(counts)]
    body = b"".join(content for _, content in parts)
    packed = zlib.compress(body, 6) if len(body) > _SMALL else body
    small = len(packed) < len(body)
    head = [_FORMAT, hours.tolist(), rows, len(gaps), parts[0][0], parts[1][0], small]
    return msgspec.msgpack.encode([*head, packed if small else body])


def tally_from_bytes(content: bytes) -> Tally:
    """The tally that `tally_to_bytes` wrote; DataError for other bytes."""
    try:
        stored = _decode(content)
        body = zlib.decompress(stored.body) if stored.packed else stored.body
        cut = stored.cells * stored.gap_width
        gaps, counts = _wide(body[:cut], stored.gap_width), _wide(body[cut:], stored.count_width)
        if stored.format != _FORMAT or len(gaps) != len(counts) or len(stored.hours) != len(stored.rows):
            raise ValueError(f"format {stored.format}, {len(gaps)} cells and {len(counts)} counts")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, zlib.error) as error:
        raise DataError(f"these are no stored counts: {error}", hint="rebuild them from the prediction log") from error
    return Tally(hours=dict(zip(stored.hours, stored.rows, strict=True)), cells=np.cumsum(gaps) - 1, counts=counts)


def _narrow(values: Ints) -> tuple[int, bytes]:
    """Whole numbers in the fewest bytes that hold the largest; all lowest bytes first, so that the others, mostly 0, shrink to nothing."""
    most = int(values.max(initial=0))
    width = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4 if most < 1 << 32 else 8
    planes: NDArray[Any] = values.astype(f"<u{width}").view(np.uint8).reshape(-1, width)
    return width, planes.T.tobytes()


def _wide(content: bytes, width: int) -> Ints:
    if width not in (1, 2, 4, 8) or len(content) % width:
        raise ValueError(f"{len(content)} bytes of width {width}")
    planes = np.frombuffer(content, dtype=np.uint8).reshape(width, -1)
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
