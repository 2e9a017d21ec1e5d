"""What a report says, as samples of the catalogue's series: never more than `MOST` columns, never a number that is none."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flyball.core.digest import sha256_bytes
from flyball.monitoring.records import RANK, ColumnDrift, MonitorReport, Performance
from flyball.monitoring.series import MOST, Labels

_LONGEST = 200  # characters of a label's value
_STEP = 0.1  # distances nearer to each other than this are ordered by name, so that noise does not choose


class Sample(NamedTuple):
    """One number under one name."""

    name: str
    labels: Labels
    value: float


def report_samples(report: MonitorReport, *, features: frozenset[str] | None = None, most: int = MOST) -> list[Sample]:
    """Every sample of a report. `features`: the columns the model reads; what is reported beside them is one of its outputs."""
    found = [*_columns(report.columns, features, most), *_performance(report), *_labels(report)]
    found += [
        Sample("model_quality_findings", (("severity", severity),), sum(one.severity == severity for one in report.quality))
        for severity in ("error", "warning")
    ]
    found += [
        Sample("flyball_report_timestamp_seconds", (), report.window.end.timestamp()),
        Sample("flyball_report_window_seconds", (), report.window.length.total_seconds()),
        Sample("flyball_report_rows", (), report.rows),
        Sample("flyball_report_version", (), report.version),
    ]
    if report.dataset is not None:
        found.append(Sample("model_dataset_drift_ratio", (), report.dataset.share))
    return [one for one in found if math.isfinite(one.value)]


def shown_columns(columns: Mapping[str, ColumnDrift], most: int = MOST) -> list[str]:
    """The columns that get series of their own: all, if there are not too many.

    Else those that drift, then those that may, the furthest first, then the others by name. It depends on nothing but the report, so all
    workers show the same; and distances of columns that are well choose nothing, so series come and go only when something happens.
    """
    if len(columns) <= most:
        return sorted(columns)

    def rank(name: str) -> tuple[int, int, str]:
        state = RANK[columns[name].state]
        return (-state, -int(columns[name].distance / _STEP) if state >= RANK["warn"] else 0, name)

    return sorted(sorted(columns, key=rank)[:most])


def label_value(text: str) -> str:
    """A text as a label may hold it: of bounded length and valid Unicode, and different texts stay different."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 20]}…{sha256_bytes(text.encode(errors='surrogatepass'))[:12]}"
    return text.encode(errors="backslashreplace").decode()


def _columns(columns: Mapping[str, ColumnDrift], features: frozenset[str] | None, most: int) -> Iterator[Sample]:
    for name in shown_columns(columns, most):
        column, labels = columns[name], (("feature_name", label_value(name)),)
        yield Sample("model_feature_drift", labels, column.distance)
        yield Sample("model_feature_drift_lower", labels, column.lower)
        yield Sample("model_feature_drift_upper", labels, column.upper)
        yield Sample("model_feature_drift_threshold", labels, column.threshold)
        yield Sample("model_feature_drift_state", labels, RANK[column.state])
        if column.first is not None:
            yield Sample("model_feature_drift_first", labels, column.first)
        yield Sample("model_feature_missing_ratio", labels, column.missing)
        yield Sample("model_feature_out_of_range_ratio", labels, column.out_of_range)
        yield Sample("model_feature_new_categories_ratio", labels, column.new_categories)
    outputs = {} if features is None else {name: column for name, column in columns.items() if name not in features}
    for name in shown_columns(outputs, most):
        yield Sample("model_score_drift", (("output", label_value(name)),), outputs[name].distance)
    for state in RANK:
        yield Sample("model_features", (("state", state),), sum(column.state == state for column in columns.values()))
    if columns:
        yield Sample("model_feature_drift_max", (), max(column.distance for column in columns.values()))


def _performance(report: MonitorReport) -> Iterator[Sample]:
    realised: dict[str, Performance] = {}
    for one in (report.performance, *(report.details.metrics if report.details is not None else ())):
        if one is not None:
            realised.setdefault(one.metric, one)
    for metric, one in realised.items():
        alarm = None if one.floor is None else one.alarm_bound
        numbers = {"": one.value, "_lower": one.lower, "_upper": one.upper, "_floor": one.floor, "_alarm_bound": alarm}
        yield from (Sample(f"model_performance{end}", (("metric", metric),), value) for end, value in numbers.items() if value is not None)
    estimated = () if report.details is None else report.details.estimated
    estimates = {one.metric: one for one in sorted(estimated, key=lambda one: one.window.end)}  # of several the newest
    for metric, estimate in estimates.items():
        numbers = {"": estimate.value, "_lower": estimate.lower, "_upper": estimate.upper}
        for end, value in numbers.items():
            if value is not None:
                yield Sample(f"model_performance_estimated{end}", (("metric", metric),), value)


def _labels(report: MonitorReport) -> Iterator[Sample]:
    coverage = report.details.coverage if report.details is not None else report.performance
    if coverage is not None and coverage.matured:
        yield Sample("model_label_coverage_ratio", (), coverage.labelled / coverage.matured)
    if report.details is not None:
        for share, lag in (("0.5", report.details.coverage.lag_median), ("0.9", report.details.coverage.lag_90)):
            if lag is not None:
                yield Sample("model_label_lag_seconds", (("share", share),), lag)
