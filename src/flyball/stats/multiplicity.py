"""Many tests at once: family-wise error (Holm), false-discovery rate (Benjamini-Hochberg), and the same under any dependence (e-BH)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjusted p-values: rejecting those <= alpha keeps the chance of any false rejection at alpha, whatever the dependence.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _restored(np.minimum(stepped, 1.0), order)


def benjamini_hochberg(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjusted p-values: rejecting those <= alpha keeps the expected share of false rejections at alpha under independence.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.04, 0.04]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    ratio = p[order] * len(p) / np.arange(1, len(p) + 1)
    stepped = np.minimum.accumulate(ratio[::-1])[::-1]
    return _restored(np.minimum(stepped, 1.0), order)


def e_value(p_value: float) -> float:
    """The evidence of a p-value against its hypothesis, as an e-value: at most 1 on average if it is true (Vovk and Wang, 2021).

    It is the mixture over all k of the calibrators k p^(k - 1): (1 - p + p ln p) / (p ln(p)^2), about 1 / (p ln(p)^2) for a small p.

    >>> round(e_value(1e-6), 1), round(e_value(0.05), 3), e_value(1.0)
    (5239.1, 1.783, 0.5)
    """
    p = min(max(p_value, 1e-300), 1.0)
    if p > 0.999:
        return 0.5
    level = math.log(p)
    return (1.0 - p + p * level) / (p * level * level)


def e_bh(e_values: Sequence[float], alpha: float) -> NDArray[np.bool_]:
    """Which e-values to reject: the false-discovery rate stays at alpha under any dependence (Wang and Ramdas, 2022).

    >>> e_bh([90.0, 1.0, 50.0], 0.05).tolist()
    [True, False, True]
    """
    e = np.asarray(e_values, dtype=np.float64)
    if np.isnan(e).any() or (e < 0).any():
        raise ValueError("e-values are numbers >= 0")
    order = np.argsort(-e, kind="stable")
    enough = np.flatnonzero(np.arange(1, len(e) + 1) * e[order] >= len(e) / alpha)
    rejected = np.zeros(len(e), dtype=bool)
    if len(enough):
        rejected[order[: enough[-1] + 1]] = True
    return rejected


def _checked(p_values: Sequence[float]) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    if np.isnan(p).any() or (p < 0).any() or (p > 1).any():
        raise ValueError("p-values are numbers in [0, 1]")
    return p


def _restored(values: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    back = np.empty(len(values))
    back[order] = values
    return back
