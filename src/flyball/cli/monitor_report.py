"""What `flyball monitor` found as JSON, and what of it makes the verb fail."""

from collections.abc import Iterable, Mapping

from flyball.cli.frame import told
from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.loop.picture import Picture, furthest
from flyball.monitoring.multivariate import MultivariateFound
from flyball.monitoring.records import ColumnDrift, Estimated, MonitorReport, Performance, PerformanceDetails
from flyball.render.report.answer import answer
from flyball.settings import Settings

FAILURES = ("drift", "warn", "performance", "quality")


def plain(picture: Picture, settings: Settings, names: Iterable[str] | None = None) -> dict[str, object]:
    """A report as `--json` prints it; `names`: only these columns."""
    report, found = picture.report, answer(picture)
    columns = report.columns if names is None else {name: report.columns[name] for name in names}
    return {
        "model": picture.model,
        "version": report.version,
        "window": [report.window.start, report.window.end],
        "rows": report.rows,
        "answer": {"call": found.call, "reasons": [told(one, settings) for one in found.reasons], "next": told(found.step, settings)},
        "columns": {name: _column(column, settings) for name, column in columns.items()},
        "dataset": _dataset(report, settings),
        "performance": _performance(report.performance, settings) if report.performance is not None else None,
        "floor": {"verdict": picture.floor.verdict, "reason": told(picture.floor.reason, settings)} if picture.floor else None,
        **_details(report.details, settings),
        "quality": [
            {
                "severity": one.severity,
                "column": one.column,
                "rows": one.rows,
                "examples": list(one.examples),
                "reason": told(one.reason, settings),
            }
            for one in report.quality
        ],
        "multivariate": _multivariate(picture.multivariate, settings) if picture.multivariate is not None else None,
        "alerts": [
            {"key": one.key, "since": one.since, "silent_until": one.silent_until, "reason": told(one.reason, settings)}
            for one in picture.firing
        ],
    }


def failures(picture: Picture, fail_on: Iterable[str]) -> list[Reason]:
    """Why the verb fails, by what it was told to fail on."""
    columns, found = picture.report.columns, []
    worst = furthest(columns)
    for what in fail_on:
        if what in ("drift", "warn"):
            states = ("drift",) if what == "drift" else ("drift", "warn")
            moved = [name for name in worst if columns[name].state in states]
            if moved:
                found.append(Reason(code=f"report.failed_{what}", values={"count": len(moved), "column": moved[0]}))
        elif what == "performance":
            if picture.floor is not None and picture.floor.verdict is Verdict.FAIL:
                found.append(picture.floor.reason)
        else:
            errors = [one for one in picture.report.quality if one.severity == "error"]
            if errors:
                found.append(because("report.failed_quality", count=len(errors), column=errors[0].column or errors[0].subject))
    return found


def _column(column: ColumnDrift, settings: Settings) -> Mapping[str, object]:
    return {
        "state": column.state,
        "distance": column.distance,
        "lower": column.lower,
        "upper": column.upper,
        "threshold": column.threshold,
        "rows": column.rows,
        "windows": column.windows,
        "missing": column.missing,
        "out_of_range": column.out_of_range,
        "new_categories": column.new_categories,
        "infinite": column.infinite,
        "unparsable": column.unparsable,
        "distances": dict(column.distances),
        "tests": dict(column.tests),
        "first": column.first,
        "previous": column.previous,
        "since": column.since,
        "reason": told(column.reason, settings),
    }


def _multivariate(found: MultivariateFound, settings: Settings) -> dict[str, object]:
    domain = found.domain
    return {
        "window": [found.window.start, found.window.end],
        "state": domain.state,
        "auc": domain.auc,
        "lower": domain.lower,
        "upper": domain.upper,
        "columns": dict(domain.columns),
        "reason": told(domain.reason, settings),
        "vectors": {
            name: {"state": one.state, "distance": one.distance, "threshold": one.threshold, "reason": told(one.reason, settings)}
            for name, one in found.vectors.items()
        },
        "notes": [told(note, settings) for note in found.notes],
    }


def _dataset(report: MonitorReport, settings: Settings) -> dict[str, object] | None:
    found = report.dataset
    if found is None:
        return None
    return {
        "discoveries": list(found.discoveries),
        "watched": found.watched,
        "share": found.share,
        "rate": found.rate,
        "reason": told(found.reason, settings),
    }


def _performance(p: Performance, settings: Settings) -> dict[str, object]:
    return {
        "metric": p.metric,
        "version": p.version,
        "window": [p.window.start, p.window.end],
        "value": p.value,
        "lower": p.lower,
        "upper": p.upper,
        "matured": p.matured,
        "labelled": p.labelled,
        "blocks": p.blocks,
        "reason": told(p.reason, settings),
    }


def _details(details: PerformanceDetails | None, settings: Settings) -> dict[str, object]:
    if details is None:
        nothing: dict[str, object] = {"metrics": [], "slices": [], "calibration": [], "coverage": None, "estimated": [], "notes": []}
        return {**nothing, "confusion": None, "residuals": None}
    coverage = details.coverage
    return {
        "metrics": [_performance(one, settings) for one in details.metrics],
        "slices": [{"column": one.column, "slice": one.value, **_performance(one.performance, settings)} for one in details.slices],
        "calibration": list(details.calibration),
        "coverage": {
            "predicted": coverage.predicted,
            "matured": coverage.matured,
            "labelled": coverage.labelled,
            "lag_median": coverage.lag_median,
            "lag_90": coverage.lag_90,
        },
        "estimated": [_estimated(one, settings) for one in details.estimated],
        "notes": [told(note, settings) for note in details.notes],
        "confusion": details.confusion,
        "residuals": details.residuals,
    }


def _estimated(one: Estimated, settings: Settings) -> dict[str, object]:
    return {
        "metric": one.metric,
        "method": one.method,
        "window": [one.window.start, one.window.end],
        "rows": one.rows,
        "value": one.value,
        "lower": one.lower,
        "upper": one.upper,
        "reason": told(one.reason, settings),
    }
