"""For each alarm one history in which it fires and one in which it must not, as promtool's unit tests take them."""

from collections.abc import Callable, Mapping, Sequence

from flyball.core.record import record
from flyball.render.promql import series
from flyball.render.rules import JOB

Input = Mapping[str, str]


@record
class Case:
    """At `at`, with the inputs `fires`, one value a minute, an alarm fires with `labels` and `value`, as its sentence writes it.

    With the inputs `quiet` it does not.
    """

    at: str
    fires: Sequence[Input]
    quiet: Sequence[Input]
    labels: Mapping[str, str]
    value: str = ""


def cases(model: str) -> dict[str, Case]:
    """The cases of every alarm, by its name."""
    own = {"job": JOB, "model": model}
    server = {"job": JOB, "instance": "127.0.0.1:8000"}

    def one(name: str, values: str, **labels: str) -> Input:
        return {"series": series(name, {**own, **server, **labels}), "values": values}

    return {**_serving(one, own, server), **_loop(one, own), **_data(one, own)}


def recorded(model: str) -> tuple[Sequence[Input], Mapping[str, float]]:
    """Half an hour of a quiet server, and what the recording rules make of it."""
    own = {"job": JOB, "model": model, "instance": "127.0.0.1:8000"}
    histories: tuple[tuple[str, dict[str, str], str], ...] = (
        ("model_predictions_total", {"version": "1", "variant": "champion"}, "0+60x60"),
        ("model_predictions_total", {"version": "2", "variant": "challenger"}, "0+120x60"),
        ("model_prediction_latency_seconds_count", {}, "0+60x60"),
        ("model_prediction_latency_seconds_bucket", {"le": "0.25"}, "0+60x60"),
        ("model_prediction_latency_seconds_bucket", {"le": "+Inf"}, "0+60x60"),
        ("model_feature_drift_max", {}, "0.25x60"),
    )
    values = {
        "model:predictions:rate5m": 3.0,
        "model:requests:rate5m": 1.0,
        "model:latency_seconds:p50_5m": 0.125,
        "model:feature_drift:max": 0.25,
    }
    return [{"series": series(name, {**own, **labels}), "values": text} for name, labels, text in histories], values


def _serving(one: Callable[..., Input], own: Mapping[str, str], server: Mapping[str, str]) -> dict[str, Case]:
    answered = one("model_prediction_latency_seconds_count", "0+980x500")
    failing = one("flyball_requests_refused_total", "0+20x500", code="503")
    fine = one("flyball_requests_refused_total", "0x500", code="503")
    unfair = one("flyball_requests_refused_total", "0+500x500", code="422")  # the caller's mistakes are not the server's
    lost = one("flyball_requests_refused_total", "0+500x500", code="404")  # a browser that looks for a picture
    pending = one("flyball_log_pending_rows", "0x60")

    def latency(fast: int) -> list[Input]:
        each = {"0.05": fast, "0.25": 100, "+Inf": 100}
        return [one("model_prediction_latency_seconds_bucket", f"0+{number}x60", le=bound) for bound, number in each.items()]

    return {
        "FlyballMetricsAbsent": Case(at="30m", fires=[], quiet=[pending], labels=own),
        "FlyballServerDown": Case(at="10m", fires=[one("up", "1x3 0x20")], quiet=[one("up", "1x20")], labels=server),
        "FlyballNothingServes": Case(
            at="30m", fires=[pending], quiet=[pending, one("flyball_serving_version", "3x60", role="champion")], labels=own
        ),
        "FlyballErrorBudgetBurnsFast": Case(at="2h", fires=[answered, failing], quiet=[answered, fine, unfair], labels=server, value="2%"),
        "FlyballErrorBudgetBurnsSlowly": Case(
            at="8h", fires=[answered, failing], quiet=[answered, fine, unfair], labels=server, value="2%"
        ),
        "FlyballRequestsRefused": Case(
            at="30m",
            fires=[answered, one("flyball_requests_refused_total", "0+245x500", code="422")],
            quiet=[answered, one("flyball_requests_refused_total", "0+20x500", code="422"), lost],
            labels=own,
            value="20%",
        ),
        "FlyballSlow": Case(at="30m", fires=latency(50), quiet=latency(100), labels=own, value="246ms"),
        "FlyballDeploymentRefused": Case(
            at="10m", fires=[one("flyball_deployment_refused", "0x2 1x20")], quiet=[one("flyball_deployment_refused", "0x20")], labels=own
        ),
        "FlyballDeploymentStale": Case(
            at="15m", fires=[one("flyball_deployment_stale", "0x2 1x20")], quiet=[one("flyball_deployment_stale", "0x20")], labels=own
        ),
        "FlyballChallengerFails": Case(
            at="30m", fires=[one("model_fallbacks_total", "0+2x60")], quiet=[one("model_fallbacks_total", "7x60")], labels=own, value="30"
        ),
        "FlyballGuardrailTripped": Case(
            at="20m",
            fires=[one("flyball_guardrail_trips_total", "0x15 1x30", guardrail="latency", role="challenger")],
            quiet=[one("flyball_guardrail_trips_total", "1x45", guardrail="latency", role="challenger")],
            labels={**own, "guardrail": "latency", "role": "challenger"},
        ),
        "FlyballServesLocally": Case(
            at="30m", fires=[one("flyball_deployment_local", "0x2 1x40")], quiet=[one("flyball_deployment_local", "0x40")], labels=own
        ),
        "FlyballShadowFails": Case(
            at="1h",
            fires=[
                one("model_shadow_predictions_total", "0+95x90", version="2"),
                one("model_shadow_errors_total", "0+5x90", version="2"),
            ],
            quiet=[one("model_shadow_predictions_total", "0+95x90", version="2")],
            labels={**own, "version": "2"},
            value="5%",
        ),
        "FlyballLogLosesRows": Case(
            at="20m",
            fires=[one("flyball_log_rows_total", "0x9 15x20", state="lost")],
            quiet=[one("flyball_log_rows_total", "15x40", state="lost"), one("flyball_log_rows_total", "0+9x40", state="logged")],
            labels=own,
            value="15",
        ),
    }


def _loop(one: Callable[..., Input], own: Mapping[str, str]) -> dict[str, Case]:
    hour = one("flyball_report_window_seconds", "3600x300")
    predictions = one("model_predictions_total", "0+60x600", version="1", variant="champion")
    return {
        "FlyballLoopStandsStill": Case(
            at="1h",
            fires=[one("flyball_loop_last_tick_timestamp_seconds", "0+60x20 1200x60"), one("flyball_loop_tick_interval_seconds", "60x90")],
            quiet=[one("flyball_loop_last_tick_timestamp_seconds", "0x90"), one("flyball_loop_tick_interval_seconds", "3600x90")],
            labels=own,
            value="40m 0s",
        ),
        "FlyballReportStale": Case(
            at="4h",
            fires=[one("flyball_report_timestamp_seconds", "0x300"), hour],
            quiet=[one("flyball_report_timestamp_seconds", "0+60x300"), hour],
            labels=own,
            value="4h 0m 0s",
        ),
        "FlyballNobodyLooks": Case(
            at="8h", fires=[predictions], quiet=[predictions, one("flyball_report_timestamp_seconds", "0x600")], labels=own
        ),
        "FlyballFrozen": Case(at="25h", fires=[one("flyball_frozen", "1x1600")], quiet=[one("flyball_frozen", "1x900 0x700")], labels=own),
    }


def _data(one: Callable[..., Input], own: Mapping[str, str]) -> dict[str, Case]:
    def column(lower: str, state: str) -> list[Input]:
        numbers = {"model_feature_drift_lower": lower, "model_feature_drift_threshold": "0.05", "model_feature_drift_state": state}
        return [one(name, f"{number}x60", feature_name="temp") for name, number in numbers.items()]

    def features(drifting: int) -> list[Input]:
        states = {"drift": drifting, "ok": 10 - drifting, "insufficient data": 90}
        return [one("model_features", f"{number}x60", state=state) for state, number in states.items()]

    def performance(metric: str, bound: str, floor: str) -> list[Input]:
        numbers = {"alarm_bound": bound, "floor": floor}
        return [one(f"model_performance_{end}", f"{number}x60", metric=metric) for end, number in numbers.items()]

    temp = {**own, "feature_name": "temp"}
    return {
        "FlyballFeatureDrift": Case(at="30m", fires=column("0.66", "3"), quiet=column("0.04", "2"), labels=temp, value="0.66"),
        "FlyballFeatureBroken": Case(at="30m", fires=column("0.01", "3"), quiet=column("0.66", "3"), labels=temp),
        "FlyballManyFeaturesDrift": Case(at="30m", fires=features(6), quiet=features(5), labels=own, value="60%"),
        "FlyballDataQuality": Case(
            at="30m",
            fires=[one("model_quality_findings", "2x60", severity="error")],
            quiet=[one("model_quality_findings", "0x60", severity="error"), one("model_quality_findings", "9x60", severity="warning")],
            labels=own,
            value="2",
        ),
        "FlyballLabelsStayAway": Case(
            at="26h",
            fires=[one("model_label_coverage_ratio", "0.8x1440 0.2x200")],
            quiet=[one("model_label_coverage_ratio", "0.8x1440 0.6x200")],
            labels=own,
            value="20%",
        ),
        "FlyballPerformanceBelowFloor": Case(
            at="30m",
            fires=[*performance("roc_auc", "0.61", "0.65"), *performance("brier", "0.17", "0.18")],
            quiet=[*performance("roc_auc", "0.7", "0.65"), *performance("brier", "0.11", "0.18")],
            labels={**own, "metric": "roc_auc"},
            value="0.61",
        ),
    }
