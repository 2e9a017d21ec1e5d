"""NannyML's univariate drift (Kolmogorov-Smirnov) by chunk, run by an interpreter of its own."""
# mypy: disable-error-code="import-not-found"

from typing import Any

import clock
import pandas as pd
from nannyml import UnivariateDriftCalculator

CHUNK = 1_000


def prepare(reference: pd.DataFrame, days: bool) -> Any:
    """A calculator that has seen the reference; one chunk is all that comes, or a thousand rows."""
    size = CHUNK if days else max(1, len(reference) // 10)
    names = list(reference.columns)
    return UnivariateDriftCalculator(column_names=names, continuous_methods=["kolmogorov_smirnov"], chunk_size=size).fit(reference)


def compare(calculator: Any, current: pd.DataFrame) -> Any:
    """The distance of every chunk, as a frame."""
    return calculator.calculate(current).to_df()


def drifted(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> list[list[str]]:
    """The columns whose distance is beyond three standard deviations of the reference's own chunks."""
    every = compare(prepare(reference, True), pd.concat(windows, ignore_index=True))
    chunks = every[every[("chunk", "chunk", "period")] == "analysis"]
    return [[str(name) for name in reference.columns if row[(name, "kolmogorov_smirnov", "alert")]] for _, row in chunks.iterrows()]


if __name__ == "__main__":
    clock.main("KS distance by chunk, thresholds from the reference's chunks", prepare, compare, drifted)
