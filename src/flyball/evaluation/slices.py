"""Candidate against champion slice by slice: an average may hide that one group of rows is answered worse."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.evaluation.compare import compare
from flyball.evaluation.records import SliceComparison
from flyball.evaluation.score import Label, slices_of
from flyball.stats.losses import Floats

LEAST_BLOCKS = 5


def compare_slices(
    metric: str,
    actual: NDArray[Any],
    candidate_score: Floats,
    champion_score: Floats,
    classes: Sequence[Label],
    threshold: float,
    blocks: NDArray[Any],
    slices: Mapping[str, NDArray[Any]],
    seed: int = 0,
    *,
    alpha: float = 0.05,
) -> tuple[SliceComparison, ...]:
    """The paired comparison in every slice of at least 100 rows in 5 blocks, of each column the 50 largest, in that order.

    Each side of all bounds together is wrong with probability `alpha` at most: each is held to its share of it (Bonferroni), so that
    one of many slices does not fall below by chance.
    """
    if any(len(values) != len(actual) for values in slices.values()):
        raise DataError(f"{len(actual)} rows but slices of {sorted({len(values) for values in slices.values()})}")
    chosen = [
        (f"{column}={name}", rows)
        for column, values in slices.items()
        for name, rows in slices_of(values)
        if len(np.unique(blocks[rows])) >= LEAST_BLOCKS
    ]
    found = []
    for name, rows in chosen:
        each = compare(
            metric,
            actual[rows],
            candidate_score[rows],
            champion_score[rows],
            classes,
            threshold,
            blocks[rows],
            seed,
            alpha=alpha / len(chosen),
        )
        if each is not None:
            found.append(SliceComparison(slice=name, comparison=each))
    return tuple(found)
