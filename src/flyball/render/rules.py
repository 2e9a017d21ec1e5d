"""The rules: what Prometheus computes beforehand, and what it alarms at.

Drift and performance alarm as the loop does: on bounds. `lower > threshold` means that the distance is certainly beyond the margin; it
does not become truer with more traffic, as a p-value does.
"""

from flyball.core.record import record
from flyball.core.window import format_duration
from flyball.render.promql import series
from flyball.render.records import Order
from flyball.stats.scores import METRICS

JOB = "flyball"
_BUDGETS = ("5m", "30m", "1h", "6h")
# What says that a request could not be read: not the 404 of a page that a browser looks for.
_REFUSED = 'sum by (job, model) (rate(flyball_requests_refused_total{code=~"400|413|415|422"}[10m]))'
_LOSSES = "|".join(sorted(name for name, metric in METRICS.items() if metric.direction == "lower"))


@record
class Recording:
    """A series computed from others."""

    name: str
    expr: str


@record
class Alerting:
    """An alarm: it fires when `expr` has held for `wait`. `says`: a sentence with the labels and the value of what was found."""

    name: str
    expr: str
    wait: str
    severity: str
    says: str


def recordings() -> tuple[Recording, ...]:
    """What is asked for often."""
    model = "sum by (job, model)"
    found = {
        "model:predictions:rate5m": f"{model} (rate(model_predictions_total[5m]))",
        "model:requests:rate5m": f"{model} (rate(model_prediction_latency_seconds_count[5m]))",
        "model:latency_seconds:p50_5m": _quantile("0.5"),
        "model:latency_seconds:p99_5m": _quantile("0.99"),
        "model:feature_drift:max": "max by (job, model) (model_feature_drift_max)",
        "model:features_drifting:ratio": (
            'max by (job, model) (model_features{state="drift"})'
            ' / sum by (job, model) (max by (job, model, state) (model_features{state=~"ok|warn|drift"}))'
        ),
        "model:label_coverage:ratio": "min by (job, model) (model_label_coverage_ratio)",
        "model:log_rows_lost:increase15m": f'{model} (increase(flyball_log_rows_total{{state="lost"}}[15m]))',
    }
    # errors stand with the server, not with the model: what is refused before it names one belongs to none
    for window in _BUDGETS:
        failed = f'sum by (job, instance) (rate(flyball_requests_refused_total{{code=~"5.."}}[{window}]))'
        answered = f"sum by (job, instance) (rate(model_prediction_latency_seconds_count[{window}]))"
        found[f"instance:request_errors:ratio_rate{window}"] = f"{failed}\n  / ({answered}\n    + {failed})"
    return tuple(Recording(name=name, expr=expr) for name, expr in found.items())


def alertings(order: Order) -> tuple[Alerting, ...]:
    """Every alarm: of the server, of the loop, of the data, of the model."""
    return (*_absent(order), *_versions(), *_requests(order), *_log(), *_loop(), *_data(), *_model())


def _absent(order: Order) -> tuple[Alerting, ...]:
    """One a model, since what is not there has no labels to tell it by."""
    return tuple(
        Alerting(
            name="FlyballMetricsAbsent",
            expr=f"absent({series('flyball_log_pending_rows', {'job': JOB, 'model': model})})",
            wait="10m",
            severity="critical",
            says="Nothing is known of {model}: no server tells its metrics.",
        )
        for model in dict.fromkeys(spec.model.name for spec in order.specs)
    )


def _versions() -> tuple[Alerting, ...]:
    return (
        Alerting(
            name="FlyballServerDown",
            expr=f'max by (job, instance) (up{{job="{JOB}"}}) == 0',
            wait="2m",
            severity="critical",
            says="The server at {instance} does not answer.",
        ),
        Alerting(
            name="FlyballNothingServes",
            expr='max by (job, model) (flyball_log_pending_rows) unless on (job, model) flyball_serving_version{role="champion"}',
            wait="10m",
            severity="critical",
            says="The server of {model} has no version to answer with.",
        ),
        Alerting(
            name="FlyballDeploymentRefused",
            expr="max by (job, model) (flyball_deployment_refused) == 1",
            wait="2m",
            severity="warning",
            says="A server of {model} could not take up the newest deployment; the version before it goes on answering.",
        ),
        Alerting(
            name="FlyballDeploymentStale",
            expr="max by (job, model) (flyball_deployment_stale) == 1",
            wait="5m",
            severity="warning",
            says="A server of {model} cannot read its database; the last known version goes on answering.",
        ),
        Alerting(
            name="FlyballChallengerFails",
            expr="sum by (job, model) (increase(model_fallbacks_total[15m])) > 0",
            wait="5m",
            severity="warning",
            says="The challenger of {model} could not answer {value} requests in 15 minutes; the champion did.",
        ),
        Alerting(
            name="FlyballGuardrailTripped",
            expr="sum by (job, model, guardrail, role) (increase(flyball_guardrail_trips_total[15m])) > 0",
            wait="1m",
            severity="warning",
            says="The guardrail {guardrail} took the {role} of {model} out of serving; another version answers.",
        ),
        Alerting(
            name="FlyballServesLocally",
            expr="max by (job, model) (flyball_deployment_local) == 1",
            wait="15m",
            severity="warning",
            says="A machine of {model} was rolled back by itself, and the journal does not know yet: no tick has reached its database.",
        ),
        Alerting(
            name="FlyballShadowFails",
            expr=(
                "sum by (job, model, version) (rate(model_shadow_errors_total[15m]))\n  / (sum by (job, model, version) "
                "(rate(model_shadow_errors_total[15m])) + sum by (job, model, version) (rate(model_shadow_predictions_total[15m]))) > 0.01"
            ),
            wait="15m",
            severity="warning",
            says="Version {version} of {model} cannot score {value:percent} of the rows it is to be compared on: it will not be promoted.",
        ),
    )


def _requests(order: Order) -> tuple[Alerting, ...]:
    budget = 1 - order.availability
    latency = order.latency.total_seconds()

    def burns(factor: float, short: str, long: str) -> str:
        limit = f"{factor * budget:.6g}"
        return f"instance:request_errors:ratio_rate{short} > {limit}\n  and instance:request_errors:ratio_rate{long} > {limit}"

    share = f"{order.availability:.6%}".rstrip("0%").rstrip(".") + " %"
    return (
        Alerting(
            name="FlyballErrorBudgetBurnsFast",
            expr=burns(14.4, "5m", "1h"),
            wait="2m",
            severity="critical",
            says=f"{{instance}} fails {{value:percent}} of its requests: a month's budget ({share} answered) is gone in two days.",
        ),
        Alerting(
            name="FlyballErrorBudgetBurnsSlowly",
            expr=burns(6, "30m", "6h"),
            wait="15m",
            severity="warning",
            says=f"{{instance}} fails {{value:percent}} of its requests: a month's budget ({share} answered) is gone in five days.",
        ),
        Alerting(
            name="FlyballRequestsRefused",
            expr=f"{_REFUSED}\n  / (sum by (job, model) (rate(model_prediction_latency_seconds_count[10m]))\n    + {_REFUSED}) > 0.05",
            wait="5m",
            severity="warning",
            says="{value:percent} of the requests to {model} are refused: what clients send is not what it reads.",
        ),
        Alerting(
            name="FlyballSlow",
            expr=f"model:latency_seconds:p99_5m > {latency:g}",
            wait="10m",
            severity="warning",
            says=f"One request of {{model}} in a hundred takes {{value:duration}} or longer; meant are {format_duration(order.latency)}.",
        ),
    )


def _log() -> tuple[Alerting, ...]:
    return (
        Alerting(
            name="FlyballLogLosesRows",
            expr="model:log_rows_lost:increase15m > 0",
            wait="0m",
            severity="critical",
            says="{value} predictions of {model} were answered and not logged in 15 minutes.",
        ),
    )


def _loop() -> tuple[Alerting, ...]:
    return (
        Alerting(
            name="FlyballLoopStandsStill",
            expr=(
                "time() - max by (job, model) (flyball_loop_last_tick_timestamp_seconds)\n"
                "  > 3 * clamp_min(max by (job, model) (flyball_loop_tick_interval_seconds), 200)"
            ),
            wait="5m",
            severity="critical",
            says="The loop has not looked at {model} for {value:duration}, three times as long as it usually takes.",
        ),
        Alerting(
            name="FlyballReportStale",
            expr=(
                "time() - max by (job, model) (flyball_report_timestamp_seconds)\n"
                "  > 2 * clamp_min(max by (job, model) (flyball_report_window_seconds), 1800)"
            ),
            wait="15m",
            severity="warning",
            says="The newest report on {model} is {value:duration} old: what its drift and performance say is no longer so.",
        ),
        Alerting(
            name="FlyballNobodyLooks",
            expr=(
                "sum by (job, model) (increase(model_predictions_total[6h])) > 0\n  unless on (job, model) flyball_report_timestamp_seconds"
            ),
            wait="6h",
            severity="warning",
            says="{model} answers and nobody has ever monitored it.",
        ),
        Alerting(
            name="FlyballFrozen",
            expr="max by (job, model) (flyball_frozen) == 1",
            wait="1d",
            severity="info",
            says="The loop of {model} has been frozen for a day: nothing is promoted, rolled back or trained.",
        ),
    )


def _data() -> tuple[Alerting, ...]:
    feature = "max by (job, model, feature_name)"
    moved = f"{feature} (model_feature_drift_lower)\n  > {feature} (model_feature_drift_threshold)"
    return (
        Alerting(
            name="FlyballFeatureDrift",
            expr=moved,
            wait="15m",
            severity="warning",
            says="{feature_name} of {model} is certainly at least {value} away from its training data, which is beyond its threshold.",
        ),
        Alerting(
            name="FlyballFeatureBroken",
            expr=f"{feature} (model_feature_drift_state) == 3\n  unless on (job, model, feature_name) ({moved})",
            wait="15m",
            severity="warning",
            says="{feature_name} of {model} has missing, new or impossible values it did not have in training.",
        ),
        Alerting(
            name="FlyballManyFeaturesDrift",
            expr="model:features_drifting:ratio > 0.5",
            wait="15m",
            severity="critical",
            says="{value:percent} of the columns of {model} have drifted: look for one cause, such as a broken source.",
        ),
        Alerting(
            name="FlyballDataQuality",
            expr='max by (job, model) (model_quality_findings{severity="error"}) > 0',
            wait="15m",
            severity="warning",
            says="{value} faults in what {model} is asked: `flyball monitor` lists them.",
        ),
        Alerting(
            name="FlyballLabelsStayAway",
            expr="model:label_coverage:ratio < 0.5 * avg_over_time(model:label_coverage:ratio[7d] offset 1d)",
            wait="1h",
            severity="warning",
            says="Only {value:percent} of the matured predictions of {model} have a label, less than half of what was usual last week.",
        ),
    )


def _model() -> tuple[Alerting, ...]:
    metric = "by (job, model, metric)"
    floor = f"max {metric} (model_performance_floor)"
    return (
        Alerting(
            name="FlyballPerformanceBelowFloor",
            expr=(
                f'max {metric} (model_performance_alarm_bound{{metric=~"{_LOSSES}"}}) > {floor}\n'
                f'  or min {metric} (model_performance_alarm_bound{{metric!~"{_LOSSES}"}}) < {floor}'
            ),
            wait="15m",
            severity="critical",
            says="{metric} of {model} is certainly beyond its floor: at best it is {value}.",
        ),
    )


def _quantile(share: str) -> str:
    return f"histogram_quantile({share}, sum by (job, model, le) (rate(model_prediction_latency_seconds_bucket[5m])))"
