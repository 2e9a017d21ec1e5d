"""Evidently's default preset, run by an interpreter of its own."""
# mypy: disable-error-code="import-not-found"

from typing import Any

import clock
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset


def prepare(reference: pd.DataFrame, days: bool) -> pd.DataFrame:
    """It takes the reference's rows."""
    return reference


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> Any:
    """The preset, and its result as values."""
    return Report([DataDriftPreset()]).run(current, reference).dict()


def drifted(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> list[list[str]]:
    """The columns beyond the threshold of the test that the preset chose."""
    return [_beyond(compare(reference, window)) for window in windows]


def _beyond(found: Any) -> list[str]:
    names = []
    for metric in found["metrics"]:
        config = metric["config"]
        if "method" in config:
            value, threshold = float(metric["value"]), float(config["threshold"])
            if value < threshold if "p_value" in config["method"] else value >= threshold:
                names.append(str(config["column"]))
    return names


if __name__ == "__main__":
    clock.main("the preset `DataDriftPreset()`", prepare, compare, drifted)
