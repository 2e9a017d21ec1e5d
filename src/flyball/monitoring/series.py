"""The catalogue of series: every name on `/metrics`, what it says, with which labels, and where its numbers come from.

The page of a server, the rules for Prometheus and the dashboards for Grafana are all made from this one table. Every series also has the
label `model` where a server answers for several models, or where the scrape configuration puts it.
"""

from typing import Literal

from flyball.core.record import record

Kind = Literal["counter", "gauge", "histogram"]
Source = Literal["server", "report", "journal", "loop"]
Labels = tuple[tuple[str, str], ...]

MOST = 100
"""How many label sets a series may have, whatever the data: features, alerts, versions. What is beyond is only in the aggregates."""
OTHERS = "(others)"
"""The label value under which a counter adds up what is beyond `MOST`."""


@record
class Series:
    """One series. `unit`: of its values, empty for plain numbers. `labels` in the order of the page, without the `model` all may have.

    `source`: the server's own counts, the newest report of monitoring, the journal, or the loop's looks. `born`: label sets that are on the
    page from the start, at 0, so that the first thing counted is an increase and not a series that begins at 1.
    """

    name: str
    kind: Kind
    says: str
    source: Source
    unit: str = ""
    labels: tuple[str, ...] = ()
    born: tuple[Labels, ...] = ()


def _one(label: str, *values: str) -> tuple[Labels, ...]:
    return tuple(((label, value),) for value in values)


def _server(name: str, kind: Kind, says: str, *labels: str, unit: str = "", born: tuple[Labels, ...] = ()) -> Series:
    return Series(name=name, kind=kind, says=says, source="server", unit=unit, labels=labels, born=born)


def _report(name: str, says: str, *labels: str, unit: str = "") -> Series:
    return Series(name=name, kind="gauge", says=says, source="report", unit=unit, labels=labels)


def _journal(name: str, says: str, *labels: str, unit: str = "", kind: Kind = "gauge") -> Series:
    return Series(name=name, kind=kind, says=says, source="journal", unit=unit, labels=labels)


_SERVER = (
    _server("model_predictions_total", "counter", "Predictions answered, by version and variant.", "model", "version", "variant"),
    _server("model_prediction_latency_seconds", "histogram", "Time from a whole request to its answer.", "model", unit="seconds"),
    _server("model_unseen_categories_total", "counter", "Values of a category column that did not occur in training.", "feature_name"),
    _server("model_shadow_predictions_total", "counter", "Rows scored in shadow, by version.", "version"),
    _server("model_shadow_errors_total", "counter", "Rows a shadow version could not score.", "version"),
    _server("model_fallbacks_total", "counter", "Requests the champion answered because the challenger could not.", born=((),)),
    _server(
        "flyball_requests_refused_total",
        "counter",
        "Requests answered with an error, by HTTP status.",
        "code",
        born=_one("code", "500", "503", "504"),
    ),
    _server("flyball_outcomes_total", "counter", "Outcomes received, by what became of them.", "result", born=_one("result", "accepted")),
    _server(
        "flyball_log_rows_total",
        "counter",
        "Rows of the prediction log: logged (handed to the disk) or lost.",
        "state",
        unit="rows",
        born=_one("state", "logged", "lost"),
    ),
    _server("flyball_log_pending_rows", "gauge", "Rows waiting to be written.", unit="rows"),
    _server(
        "flyball_swaps_total",
        "counter",
        "Deployments taken up or refused by this server.",
        "result",
        born=_one("result", "done", "refused"),
    ),
    _server(
        "flyball_versions_left_out_total", "counter", "Challengers and shadows a deployment was taken up without, by version.", "version"
    ),
    _server("flyball_deployment_seq", "gauge", "Journal number of the deployment that serves."),
    _server("flyball_serving_version", "gauge", "Model version in each role; 1 for each shadow, which the label names.", "role", "version"),
    _server("flyball_deployment_stale", "gauge", "1 while the deployments table cannot be read, and the last known deployment serves."),
    _server("flyball_deployment_refused", "gauge", "1 while the newest deployment cannot be taken up, and the one before it serves."),
    _server("flyball_deployment_local", "gauge", "1 while this machine was rolled back by itself, and the journal does not know yet."),
    _server(
        "flyball_guardrail_trips_total",
        "counter",
        "Versions that a guardrail took out of serving, by guardrail and role.",
        "guardrail",
        "role",
        born=tuple(
            (("guardrail", guardrail), ("role", role))
            for guardrail in ("errors", "nan", "latency", "score_drift")
            for role in ("challenger", "champion", "shadow")
        ),
    ),
    _server(
        "flyball_guardrail_tripped", "gauge", "1 for each version that a guardrail took out and that is still deployed.", "role", "version"
    ),
)

_REPORT = (
    _report("model_feature_drift", "Distance of each column's recent values from its training reference, 0 to 1.", "feature_name"),
    _report("model_feature_drift_lower", "What that distance certainly is at least.", "feature_name"),
    _report("model_feature_drift_upper", "What that distance certainly is at most.", "feature_name"),
    _report("model_feature_drift_threshold", "A column has drifted when the lower bound is beyond this.", "feature_name"),
    _report("model_feature_drift_state", "State of each column: 0 insufficient data, 1 ok, 2 warn, 3 drift.", "feature_name"),
    _report("model_feature_drift_first", "Distance from the reference of the first version that was ever champion.", "feature_name"),
    _report("model_feature_missing_ratio", "Share of rows without a value.", "feature_name", unit="ratio"),
    _report("model_feature_out_of_range_ratio", "Share of rows beyond what training saw.", "feature_name", unit="ratio"),
    _report("model_feature_new_categories_ratio", "Share of rows with a category training did not see.", "feature_name", unit="ratio"),
    _report("model_features", "Watched columns in each state, also those without series of their own.", "state"),
    _report("model_feature_drift_max", "Largest distance of any column, also of those without series of their own."),
    _report("model_score_drift", "Distance of the model's scores and answers from those of its held-out rows.", "output"),
    _report("model_dataset_drift_ratio", "Share of the columns that certainly moved, false discoveries controlled.", unit="ratio"),
    _report("model_performance", "Realised performance on matured predictions.", "metric"),
    _report("model_performance_lower", "What it certainly is at least (one-sided, 95 %).", "metric"),
    _report("model_performance_upper", "What it certainly is at most (one-sided, 95 %).", "metric"),
    _report("model_performance_alarm_bound", "What it is at best as far as an alarm is concerned: more certain than one look.", "metric"),
    _report("model_performance_floor", "How bad it may certainly get: the floor of the spec.", "metric"),
    _report("model_performance_estimated", "Performance as estimated from scores, before labels come.", "metric"),
    _report("model_performance_estimated_lower", "Lower bound of that estimate.", "metric"),
    _report("model_performance_estimated_upper", "Upper bound of that estimate.", "metric"),
    _report("model_label_coverage_ratio", "Share of the matured predictions that have a label.", unit="ratio"),
    _report("model_label_lag_seconds", "Time from a prediction to its label: within it this share came.", "share", unit="seconds"),
    _report("model_quality_findings", "What is wrong with the rows of the window.", "severity"),
    _report("flyball_report_timestamp_seconds", "End of the window of the newest report.", unit="seconds"),
    _report("flyball_report_window_seconds", "Length of that window.", unit="seconds"),
    _report("flyball_report_rows", "Predictions in that window.", unit="rows"),
    _report("flyball_report_version", "Model version that report is about."),
)

_JOURNAL = (
    _journal("flyball_alerts_firing", "Alerts that fire, by kind: what stands before the colon of their key.", "kind"),
    _journal("flyball_alert_firing", "1 for each alert that fires.", "key"),
    _journal("flyball_decisions_total", "Entries of the journal, by what happened.", "event", kind="counter"),
    _journal("flyball_alias_version", "Model version behind each alias.", "alias"),
    _journal("flyball_versions", "Registered versions."),
    _journal("flyball_champion_since_timestamp_seconds", "When the champion became champion.", unit="seconds"),
    _journal("flyball_frozen", "1 while the loop is frozen."),
    _journal("flyball_training_running", "1 while a training started by the loop runs."),
    _journal("flyball_rollout_running", "1 while a candidate is compared with the champion."),
    _journal("flyball_watch_running", "1 while a new champion is compared with the one before."),
)

_LOOP = (
    Series(
        name="flyball_loop_last_tick_timestamp_seconds",
        kind="gauge",
        says="When the loop looked last.",
        source="loop",
        unit="seconds",
    ),
    Series(
        name="flyball_loop_tick_interval_seconds",
        kind="gauge",
        says="Longest time between two of its last ten looks.",
        source="loop",
        unit="seconds",
    ),
)

SERIES: tuple[Series, ...] = (*_SERVER, *_REPORT, *_JOURNAL, *_LOOP)
"""The catalogue, in the order of the page."""

BY_NAME = {one.name: one for one in SERIES}
