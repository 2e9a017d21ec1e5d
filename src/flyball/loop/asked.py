"""Logged rows of which one may say something about their features: those that have any."""

import numpy as np

from flyball.core.window import Window
from flyball.ports.history import PredictionLog
from flyball.serving.records import LoggedRows


def asked_rows(log: PredictionLog, model: str, version: int, window: Window, newest: int) -> LoggedRows:
    """The newest rows of a version in a window, with features; without those that were made elsewhere and told without them."""
    rows = log.rows(model, version, window, features=True, newest=newest)
    if rows.bare is None or not rows.bare.any():
        return rows
    kept = ~rows.bare
    return LoggedRows(
        prediction_id=rows.prediction_id[kept],
        at=rows.at[kept],
        day=rows.day[kept],
        unit=rows.unit[kept],
        entity=rows.entity[kept],
        label=rows.label[kept],
        score=rows.score[kept],
        actual=rows.actual[kept],
        outcome_at=rows.outcome_at[kept],
        features=None if rows.features is None else rows.features.take(kept),
        made_at=None if rows.made_at is None else rows.made_at[kept],
        bare=np.zeros(int(kept.sum()), dtype=np.bool_),
    )
