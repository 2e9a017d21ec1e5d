"""What a run of the demo amounts to: figures per month, every decision, and the JSON that `flyball demo --json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.demo.decisions import Alarm, Decided
from flyball.demo.stream import Stream
from flyball.stats.scores import METRICS

Monthly = Mapping[str, float | None]


@record
class Summary:
    """A run: counts, decisions, alarms, and the metrics per month of the loop, of the frozen first model, and of evenly spaced retraining.

    `roc_auc` and `brier` map `loop`, `frozen`, `scheduled` (as far as they were computed) to month → value. `parts` are seconds,
    `until` is the last midnight that was played.
    """

    folder: Path
    seed: int
    days: int
    finished: bool
    until: datetime | None
    predictions: int
    outcomes: int
    failed_requests: int
    rejected_outcomes: int
    first_failure: str
    decisions: tuple[Decided, ...]
    alarms: tuple[Alarm, ...]
    champion: int | None
    roc_auc: Mapping[str, Monthly]
    brier: Mapping[str, Monthly]
    retrains: Mapping[str, int]
    parts: Mapping[str, float]
    peak_memory_mb: float
    prediction_id: str

    @property
    def seconds(self) -> float:
        """The whole run, set-up and afterwards included."""
        return sum(self.parts.values())


def by_month(metric: str, stream: Stream, rows: NDArray[np.int64], score: NDArray[np.float64]) -> dict[str, float | None]:
    """A metric of these rows per calendar month (UTC); None for a month that does not define it."""
    months = stream.at[rows].astype("datetime64[us]").astype("datetime64[M]")
    found: dict[str, float | None] = {}
    for month in np.unique(months):
        inside = rows[months == month]
        value = METRICS[metric].function(stream.actual[inside], score[inside])
        found[str(month)] = None if value is None else round(value, 5)
    return found


def mean(monthly: Monthly) -> float | None:
    """The mean over the months that have a value."""
    values = [value for value in monthly.values() if value is not None]
    return sum(values) / len(values) if values else None


def as_plain(summary: Summary) -> dict[str, object]:
    """What `flyball demo --json` prints."""
    return {
        "predictions": summary.predictions,
        "outcomes": summary.outcomes,
        "failed_requests": summary.failed_requests,
        "rejected_outcomes": summary.rejected_outcomes,
        "decisions": [
            {"at": decided.at.isoformat(), "action": decided.action, "version": decided.version, "reason": decided.reason}
            for decided in summary.decisions
        ],
        "alerts": [
            {
                "key": alarm.key,
                "at": alarm.at.isoformat(),
                "until": alarm.until.isoformat() if alarm.until else None,
                "reason": alarm.reason,
            }
            for alarm in summary.alarms
        ],
        "champion": summary.champion,
        "roc_auc": {name: dict(monthly) for name, monthly in summary.roc_auc.items()},
        "brier": {name: dict(monthly) for name, monthly in summary.brier.items()},
        "mean_roc_auc": {name: _rounded(mean(monthly)) for name, monthly in summary.roc_auc.items()},
        "mean_brier": {name: _rounded(mean(monthly)) for name, monthly in summary.brier.items()},
        "retrains": dict(summary.retrains),
        "seconds": round(summary.seconds, 1),
        "parts": {name: round(seconds, 1) for name, seconds in summary.parts.items()},
        "peak_memory_mb": round(summary.peak_memory_mb),
        "days": summary.days,
        "seed": summary.seed,
        "finished": summary.finished,
        "folder": str(summary.folder),
        "prediction_id": summary.prediction_id,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
