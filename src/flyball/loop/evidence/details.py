"""Performance in every respect: all metrics, slices, calibration, how much is known, and estimates beside what was realised."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.table import Array
from flyball.core.window import Window, to_micros
from flyball.journal.known import State
from flyball.loop.evidence.performance import main_metric, past_window
from flyball.loop.extras import Extra, Wish
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.calibration import Curve, calibration_curve
from flyball.monitoring.estimated import Unlabelled, estimated
from flyball.monitoring.estimation import Estimation
from flyball.monitoring.mistakes import confusion, residuals
from flyball.monitoring.performance import Judged, judged, performance_of
from flyball.monitoring.records import Coverage, Estimated, Performance, PerformanceDetails, SlicePerformance
from flyball.monitoring.slices import by_slice, members
from flyball.registry.records import Manifest
from flyball.serving.losses import LossForecast
from flyball.serving.records import LoggedRows
from flyball.spec.records import Spec

_MICROS = 86_400_000_000
# More rows than these add seconds and hundreds of megabytes to each look, and little to what their days say.
MOST_ROWS = 100_000


@record
class _Look:
    """The rows of a look: all of the window, which of them are matured, and what they are sliced and estimated by.

    Of more than `MOST_ROWS` predictions of all versions one row in `one_in` is looked at.
    `told`: an outcome is known; `rows` hold those that came in time, `late` says which did not.
    """

    window: Window
    rows: LoggedRows
    matured: NDArray[np.bool_]
    told: NDArray[np.bool_]
    late: NDArray[np.bool_]
    extra: Extra
    one_in: int
    predicted: int


def performance_details(
    world: World, spec: Spec, state: State, version: int, memory: Memory, performance: Performance | None, *, now: datetime
) -> PerformanceDetails:
    """Everything there is to say. `performance` is taken as it is for its metric."""
    digest = state.versions[version].registered.bundle
    manifest, _ = memory.bundle(world.bundles, digest)
    estimation, forecast = memory.extras.estimation(world.bundles, digest)
    look = _look(world, spec, version, memory, manifest, forecast, now=now)
    past = look.rows.take(look.matured)
    kept = judged(past, manifest.classes, spec.data.no_outcome, timed=spec.data.time is not None)
    metrics = tuple(
        performance
        if performance is not None and performance.metric == name
        else performance_of(kept, name, spec.model.task, manifest.threshold, look.window, version, matured=len(past.at))
        for name in _metrics(spec)
    )
    slices, unknown = _slices(spec, kept, past, look, manifest, version)
    curve = calibration_curve(kept) if spec.model.task != "regression" and manifest.probabilities else None
    late = int((look.late & look.matured).sum())
    return PerformanceDetails(
        metrics=metrics,
        slices=slices,
        calibration=curve.bins if curve is not None else (),
        coverage=_coverage(world, spec, look, version, performance, kept.labelled),
        estimated=_estimates(spec, look, manifest, estimation, now),
        calibration_error=curve.error if curve is not None else None,
        notes=(*_sampled(look), *_of_curve(curve, kept), *unknown, *((because("coverage.late", late=late),) if late else ())),
        confusion=confusion(kept, manifest.classes, manifest.threshold) if spec.model.task != "regression" else None,
        residuals=residuals(kept) if spec.model.task == "regression" else None,
    )


def _metrics(spec: Spec) -> list[str]:
    """Every metric somebody asked for, the main one first."""
    return list(dict.fromkeys([main_metric(spec), spec.row_metric, *spec.evaluate.metrics]))


def _look(
    world: World, spec: Spec, version: int, memory: Memory, manifest: Manifest, forecast: LossForecast | None, *, now: datetime
) -> _Look:
    past, newest = past_window(spec, now), _newest_window(spec, now)
    window = Window(start=min(past.start, newest.start), end=now)
    predicted = sum(world.predictions.count(spec.model.name, window).values())
    one_in = 1
    while predicted > one_in * MOST_ROWS:  # halves, so that the rows of a day stay the same ones while the window grows
        one_in *= 2
    rows = world.predictions.rows(spec.model.name, version, window, one_in=one_in)
    age = to_micros(now) - to_micros(now - spec.data.matures)
    told = (rows.outcome_at > 0) & (rows.outcome_at <= to_micros(now))
    # without an age an outcome counts as soon as it is known
    late = told & (rows.outcome_at > rows.at + age) if age else np.zeros(len(rows.at), dtype=np.bool_)
    matured = (rows.at <= to_micros(now) - age) & (rows.at >= to_micros(past.start))
    actual = rows.actual.copy()
    actual[late | ~told] = None
    names = _asked(spec)
    features = tuple(name for name in names if name in manifest.schema.names)
    context = tuple(name for name in names if name not in features and name != spec.data.unit)
    wish = Wish(model=spec.model.name, version=version, features=features, context=context, forecast=forecast, one_in=one_in)
    memory.extras.forget(to_micros(window.start) // _MICROS)
    extra = memory.extras.of(world.predictions, wish, rows)
    return _Look(
        window=past,
        rows=replace(rows, actual=actual),
        matured=matured,
        told=told,
        late=late,
        extra=extra,
        one_in=one_in,
        predicted=predicted,
    )


def _newest_window(spec: Spec, now: datetime) -> Window:
    """The time whose labels are not all known yet; at least one window."""
    return Window(start=now - max(spec.data.matures, spec.monitor.window), end=now)


def _asked(spec: Spec) -> tuple[str, ...]:
    return spec.monitor.slices or spec.evaluate.slices


def _slices(
    spec: Spec, kept: Judged, past: LoggedRows, look: _Look, manifest: Manifest, version: int
) -> tuple[tuple[SlicePerformance, ...], tuple[Reason, ...]]:
    """The slices, and what is to be said of names that nothing has."""
    columns: dict[str, Array] = {}
    unknown = []
    for name in _asked(spec):
        values = past.unit if name == spec.data.unit and name not in look.extra.columns else look.extra.columns[name][look.matured]
        if len(values) and name not in manifest.schema.names and all(value is None for value in values.tolist()):
            unknown.append(because("slice.unknown", column=name))
        else:
            columns[name] = values
    known = np.fromiter((value is not None for value in past.actual.tolist()), dtype=np.bool_, count=len(past.actual))
    found = by_slice(
        kept,
        known,
        {name: members(values) for name, values in columns.items()},
        main_metric(spec),
        spec.model.task,
        manifest.threshold,
        look.window,
        version,
    )
    return found, tuple(unknown)


def _sampled(look: _Look) -> tuple[Reason, ...]:
    if look.one_in == 1:
        return ()
    return (because("coverage.sampled", rows=len(look.rows.at), predicted=look.predicted, one_in=look.one_in),)


def _coverage(world: World, spec: Spec, look: _Look, version: int, performance: Performance | None, labelled: int) -> Coverage:
    """How much is known, and how long what is known took to come, too late or not; of rows looked at in part, counts of them all."""
    inside = look.rows.at >= to_micros(look.window.start)
    told = look.matured & look.told
    lag = (look.rows.outcome_at[told] - look.rows.at[told]) / 1e6
    median, ninety = (float(one) for one in np.quantile(lag, [0.5, 0.9])) if len(lag) else (None, None)
    predicted, matured = int(inside.sum()), int(look.matured.sum())
    if look.one_in > 1 and performance is not None:
        matured, labelled = performance.matured, performance.labelled
        predicted = world.predictions.count(spec.model.name, look.window).get(version, matured)
    return Coverage(predicted=predicted, matured=matured, labelled=labelled, lag_median=median, lag_90=ninety)


def _estimates(spec: Spec, look: _Look, manifest: Manifest, estimation: Estimation | None, now: datetime) -> tuple[Estimated, ...]:
    """Each metric over the matured rows, beside what was realised there, and over the newest ones."""
    newest = _newest_window(spec, now)
    matured = Window(start=look.window.start, end=max(look.window.start, now - spec.data.matures))
    parts = ((matured, look.matured), (newest, look.rows.at >= to_micros(newest.start)))
    usable = estimation if manifest.probabilities else None
    return tuple(
        estimated(usable, _unlabelled(look, inside), name, spec.model.task, manifest.threshold, window)
        for name in _metrics(spec)
        for window, inside in parts
    )


def _unlabelled(look: _Look, inside: NDArray[np.bool_]) -> Unlabelled:
    forecasts: Mapping[str, NDArray[np.float64]] = look.extra.forecasts
    return Unlabelled(
        score=look.rows.score[inside], day=look.rows.day[inside], forecasts={loss: values[inside] for loss, values in forecasts.items()}
    )


def _of_curve(curve: Curve | None, kept: Judged) -> tuple[Reason, ...]:
    if curve is None:
        return ()
    told: dict[str, Value] = {"rows": len(kept.truth), "error": curve.error, "chance": curve.chance}
    return (because("calibration.error" if kept.score.ndim == 1 else "calibration.error_answered", **told),)
