"""The usual check: `scipy.stats.ks_2samp` column by column, drift where p < .05."""

from typing import Any

import pandas as pd
from bench.monitoring.sides import clock
from scipy.stats import ks_2samp


def prepare(reference: pd.DataFrame, days: bool) -> pd.DataFrame:
    """Nothing can be prepared."""
    return reference


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> Any:
    """A p-value for each column."""
    return {name: ks_2samp(reference[name].to_numpy(), current[name].to_numpy()).pvalue for name in reference.columns}


def drifted(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> list[list[str]]:
    """The columns with p < .05."""
    return [[name for name, p_value in compare(reference, window).items() if p_value < 0.05] for window in windows]


if __name__ == "__main__":
    clock.main("KS distance and p-value", prepare, compare, drifted)
