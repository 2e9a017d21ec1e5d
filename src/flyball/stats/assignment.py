"""Who is answered by whom: the same unit gets the same bucket in every process, machine and language (GrowthBook's hash, version 2)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_OFFSET, _PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_BUCKETS = 10_000


def hash_bytes(content: bytes) -> int:
    """FNV-1a, 32 bits, in Python: what answers where the compiled one was not built."""
    found = _OFFSET
    for byte in content:
        found = ((found ^ byte) * _PRIME) & _MASK
    return found


def _compiled() -> Callable[[bytes], int]:
    try:
        from flyball.stats._fnv import fnv1a32
    except ImportError:
        return hash_bytes
    return fnv1a32


_hash = _compiled()


def fnv1a32(text: str) -> int:
    """FNV-1a, 32 bits, over the UTF-8 bytes of a text (bytes that no UTF-8 text holds stand for lone surrogates)."""
    return _hash(text.encode("utf-8", "surrogatepass"))


def bucket(unit: str, seed: str) -> float:
    """Where a unit stands in [0, 1), in steps of 1/10 000: unrelated for different seeds, the same for ever for one.

    >>> bucket("ab", "foo")
    0.2575
    """
    return fnv1a32(str(fnv1a32(seed + unit))) % _BUCKETS / _BUCKETS


def in_share(unit: str, seed: str, share: float) -> bool:
    """Whether a unit belongs to the first `share` of all units; a larger share keeps everybody a smaller one had."""
    return bucket(unit, seed) < share


def bucket_ranges(variations: int, coverage: float, weights: Sequence[float] | None = None) -> list[tuple[float, float]]:
    """The half-open range of buckets of each variation: fixed slots by weight, filled from their start up to the coverage.

    Coverage is cut to [0, 1]; weights that are missing, too few or do not sum to 1 (within .01) become equal.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != variations or not 0.99 <= sum(weights) <= 1.01:
        weights = [1.0 / variations] * variations
    ranges, start = [], 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choose_variation(place: float, ranges: Sequence[tuple[float, float]]) -> int:
    """The variation whose range holds the place, -1 if none does."""
    for variation, (start, end) in enumerate(ranges):
        if start <= place < end:
            return variation
    return -1


def in_shares(units: Sequence[str], seed: str, share: float) -> NDArray[np.bool_]:
    """`in_share` of many units at once: the same answers at a hundredth of the cost.

    >>> in_shares(["ab", "cd"], "foo", 0.3).tolist() == [in_share("ab", "foo", 0.3), in_share("cd", "foo", 0.3)]
    True
    """
    first = _fnv1a32_many([(seed + unit).encode("utf-8", "surrogatepass") for unit in units])
    second = _fnv1a32_many(first.astype("S10").tolist())
    return np.asarray(second % _BUCKETS / _BUCKETS < share, dtype=np.bool_)


def _fnv1a32_many(texts: Sequence[bytes]) -> NDArray[np.uint32]:
    """FNV-1a of every text: one step over all texts for each place in the longest."""
    found = np.full(len(texts), _OFFSET, dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    order = np.argsort(-lengths, kind="stable")
    ends = np.searchsorted(-lengths[order], -np.arange(int(lengths.max(initial=0))), side="left")
    content = np.frombuffer(b"".join(texts), dtype=np.uint8)
    starts = (np.cumsum(lengths) - lengths)[order]
    hashes = found[order]
    prime = np.uint32(_PRIME)
    for place, longer in enumerate(ends.tolist()):  # the first `longer` texts in order of length have a byte at this place
        hashes[:longer] = (hashes[:longer] ^ content[starts[:longer] + place]) * prime
    found[order] = hashes
    return found
