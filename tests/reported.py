"""A monitor report in which everything has something to say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from flyball.core.reason import because
from flyball.core.window import Window
from flyball.monitoring.records import (
    ColumnDrift,
    Coverage,
    DatasetDrift,
    Estimated,
    MonitorReport,
    Performance,
    PerformanceDetails,
    QualityFinding,
    State,
)

WHY = because("test.reason")


def column(
    state: State = "ok", *, distance: float = 0.02, lower: float = 0.01, upper: float = 0.04, threshold: float = 0.05
) -> ColumnDrift:
    """A column with everything else as in training."""
    return ColumnDrift(
        state=state,
        distance=distance,
        lower=lower,
        upper=upper,
        threshold=threshold,
        rows=900,
        missing=0.0,
        out_of_range=0.0,
        new_categories=0.0,
        distances={},
        reason=WHY,
    )


def full_report(end: datetime, *, features: Sequence[str], version: int = 2) -> MonitorReport:
    """The feature `plan` moved, the first feature lost values, the others are well; performance is below its floor."""
    window = Window(start=end - timedelta(days=1), end=end)
    columns = {name: column() for name in (*features, "score")}
    columns[features[0]] = replace(column("drift"), missing=0.2)
    columns["plan"] = replace(column("drift", distance=0.67, lower=0.66, upper=0.68), first=0.7)
    auc = Performance(
        metric="roc_auc",
        version=version,
        window=window,
        matured=800,
        labelled=600,
        blocks=14,
        value=0.6,
        lower=0.58,
        upper=0.61,
        reason=WHY,
        floor=0.65,
        alarm_bound=0.62,
    )
    brier = replace(auc, metric="brier", value=0.18, lower=0.17, upper=0.19, floor=None)
    estimated = Estimated(metric="roc_auc", method="cbpe", window=window, rows=900, value=0.62, lower=0.6, upper=0.64, reason=WHY)
    details = PerformanceDetails(
        metrics=(auc, brier),
        slices=(),
        calibration=(),
        coverage=Coverage(predicted=900, matured=800, labelled=600, lag_median=3600.0, lag_90=7200.0),
        estimated=(estimated,),
    )
    finding = QualityFinding(severity="error", column=features[0], reason=WHY, rows=180, examples=("a",))
    return MonitorReport(
        window=window,
        version=version,
        rows=900,
        columns=columns,
        performance=auc,
        dataset=DatasetDrift(discoveries=("plan",), watched=len(columns), share=1 / len(columns), rate=0.05, reason=WHY),
        details=details,
        quality=(finding,),
    )
