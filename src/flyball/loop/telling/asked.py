"""Logged rows of which one may say something about their features: those that have any."""

from flyball.core.window import Window
from flyball.ports.history import PredictionLog
from flyball.serving.records import LoggedRows


def asked_rows(log: PredictionLog, model: str, version: int, window: Window, newest: int) -> LoggedRows:
    """The newest rows of a version in a window, with features; without those that were made elsewhere and told without them."""
    rows = log.rows(model, version, window, features=True, newest=newest)
    if rows.bare is None or not rows.bare.any():
        return rows
    return rows.take(~rows.bare)
