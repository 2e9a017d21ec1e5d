"""The columns of a window taken together: which of them moved, with few false ones among those that are named."""

from collections.abc import Mapping

import numpy as np

from flyball.core.reason import because
from flyball.monitoring.records import ColumnDrift, DatasetDrift
from flyball.stats.multiplicity import e_bh, e_value


def dataset_drift(columns: Mapping[str, ColumnDrift], p_values: Mapping[str, float], alpha: float) -> DatasetDrift:
    """Which columns are beyond their thresholds, the expected share of false ones among them at most `alpha`, however they hang together.

    `p_values`: for each column, how probable at most what was seen is if the column is within its thresholds, shared among all signals,
    windows and looks. Where many columns moved, each of them has to prove less than for an alarm of its own.

    Columns that are in drift are certain for all columns together, and are named in any case. Of the error, a quarter is theirs (one
    look has far less than that) and three quarters are for the rest, by e-values (e-BH): columns of one table are never independent.
    """
    watched = [name for name, one in columns.items() if one.state != "insufficient data"]
    evidence = [e_value(p_values.get(name, 1.0)) for name in watched]
    chosen = e_bh(evidence, 0.75 * alpha) if watched else np.zeros(0, dtype=bool)
    named = [name for name, extra in zip(watched, chosen.tolist(), strict=True) if extra or columns[name].state == "drift"]
    named.sort(key=lambda name: (columns[name].state != "drift", -columns[name].lower))
    share = len(named) / len(watched) if watched else 0.0
    if not watched:
        reason = because("drift.dataset_unknown", columns=len(columns))
    elif not named:
        reason = because("drift.dataset_ok", watched=len(watched))
    else:
        first = ", ".join(named[:3]) + (", …" if len(named) > 3 else "")
        reason = because("drift.dataset_moved", found=len(named), watched=len(watched), share=share, names=first, rate=alpha)
    return DatasetDrift(discoveries=tuple(named), watched=len(watched), share=share, rate=alpha, reason=reason)
