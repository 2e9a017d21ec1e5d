"""The overview: one model at a glance."""

from collections.abc import Mapping, Sequence

from flyball.render.panels import BLUE, GREY, RED, STATES, YELLOW, Panel, Query, lines, number, state_column, states, table
from flyball.render.questions import METRIC, MODEL, NO_REPORT, errors, failed_share, latency, newest, quantile

_FLAGS = {0: ("no", GREY), 1: ("yes", BLUE)}


def overview() -> Mapping[str, Sequence[Panel]]:
    """Its rows of panels."""
    return {
        "Now": _now(),
        "Traffic": _traffic(),
        "Performance": _performance(),
        "Drift": _drift(),
        "Alerts and decisions": _decisions(),
    }


def _now() -> tuple[Panel, ...]:
    failed = failed_share("5m")
    return (
        number("Champion", "The version that answers.", newest("flyball_serving_version", 'role="champion"'), empty="nothing serves"),
        number(
            "Predictions",
            "Rows answered each second.",
            f"sum (rate(model_predictions_total{{{MODEL}}}[$__rate_interval]))",
            unit="reqps",
        ),
        number(
            "Errors",
            "Share of requests the server failed to answer (5xx), over five minutes. What callers got wrong (4xx) does not count.",
            failed,
            unit="percentunit",
            empty="no requests",
            thresholds=((0.001, YELLOW), (0.01, RED)),
        ),
        number("Slowest 1 %", "99 of 100 requests are faster.", quantile(0.99), unit="s", empty="no requests"),
        number(
            "Alerts",
            "How many of the loop's alerts fire.",
            f"sum (max by (kind) (flyball_alerts_firing{{{MODEL}}}))",
            thresholds=((1, RED),),
        ),
        number(
            "Drifting",
            "Columns that have certainly moved beyond their threshold.",
            newest("model_features", 'state="drift"'),
            empty=NO_REPORT,
            thresholds=((1, RED),),
        ),
        number(
            "Last look",
            "How long ago the loop looked last.",
            f"time() - {newest('flyball_loop_last_tick_timestamp_seconds')}",
            unit="s",
            empty="no loop",
        ),
        number(
            "Report age",
            "How long ago the window of the newest report ended. What drift and performance say is as old.",
            f"time() - {newest('flyball_report_timestamp_seconds')}",
            unit="s",
            empty=NO_REPORT,
        ),
    )


def _traffic() -> tuple[Panel, ...]:
    return (
        lines(
            "Predictions by version and role",
            "Rows answered each second. During a rollout the champion answers and the challenger is compared.",
            Query(
                expr=f"sum by (version, variant) (rate(model_predictions_total{{{MODEL}}}[$__rate_interval]))",
                legend="{{variant}} {{version}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        latency(8),
        errors(8),
    )


def _performance() -> tuple[Panel, ...]:
    return (
        lines(
            "Realised performance",
            "On predictions that are old enough to have a label, with one-sided 95 % bounds. Below its floor is only what is certainly so.",
            Query(expr=f"max (model_performance{{{METRIC}}})", legend="realised"),
            Query(expr=f"max (model_performance_lower{{{METRIC}}})", legend="at least"),
            Query(expr=f"max (model_performance_upper{{{METRIC}}})", legend="at most"),
            Query(expr=f"max (model_performance_floor{{{METRIC}}})", legend="floor"),
            band=("at least", "at most"),
            least=None,
            empty="too few labels yet",
        ),
        lines(
            "Estimated performance",
            "As estimated from the scores alone, before labels come.",
            Query(expr=f"max (model_performance_estimated{{{METRIC}}})", legend="estimated"),
            Query(expr=f"max (model_performance_estimated_lower{{{METRIC}}})", legend="at least"),
            Query(expr=f"max (model_performance_estimated_upper{{{METRIC}}})", legend="at most"),
            band=("at least", "at most"),
            least=None,
            empty="this metric is not estimated",
        ),
        lines(
            "Labels that have come",
            "Share of the matured predictions whose outcome is known. Performance is only as good as this is high.",
            Query(expr=newest("model_label_coverage_ratio"), legend="coverage"),
            unit="percentunit",
            empty="nothing has matured",
            width=4,
        ),
        lines(
            "How late labels come",
            "From a prediction to its outcome: half, and nine of ten, come within this time.",
            Query(expr=f"max by (share) (model_label_lag_seconds{{{MODEL}}})", legend="{{share}}"),
            unit="s",
            empty="no labels yet",
            width=4,
        ),
    )


def _drift() -> tuple[Panel, ...]:
    def column(name: str) -> Query:
        return Query(expr=f"max by (feature_name) ({name}{{{MODEL}}})", instant=True, table=True)

    share = {"unit": "percentunit"}
    return (
        states(
            "Features over time",
            "Green: as in training. Yellow: perhaps moved. Red: certainly moved beyond its threshold, or full of new values.",
            Query(expr=f"max by (feature_name) (model_feature_drift_state{{{MODEL}}})", legend="{{feature_name}}"),
            names=STATES,
            empty=NO_REPORT,
        ),
        table(
            "Features now",
            "A feature has drifted when 'at least' is beyond 'threshold': then the whole interval is.",
            "feature_name",
            {
                "state": (column("model_feature_drift_state"), state_column()),
                "distance": (column("model_feature_drift"), {"decimals": 3}),
                "at least": (column("model_feature_drift_lower"), {"decimals": 3}),
                "at most": (column("model_feature_drift_upper"), {"decimals": 3}),
                "threshold": (column("model_feature_drift_threshold"), {"decimals": 3}),
                "missing": (column("model_feature_missing_ratio"), share),
                "out of range": (column("model_feature_out_of_range_ratio"), share),
                "new": (column("model_feature_new_categories_ratio"), share),
            },
            empty=NO_REPORT,
        ),
    )


def _decisions() -> tuple[Panel, ...]:
    flags = {
        "frozen": "flyball_frozen",
        "training": "flyball_training_running",
        "comparing a candidate": "flyball_rollout_running",
        "watching the champion": "flyball_watch_running",
    }
    return (
        states(
            "Alerts that fire",
            "The loop's own alerts by their key; how many fire stands above.",
            Query(expr=f"max by (key) (flyball_alert_firing{{{MODEL}}})", legend="{{key}}"),
            names={1: ("fires", RED)},
            empty="no alert fires",
        ),
        states(
            "What the loop does",
            "A frozen loop promotes, rolls back and trains nothing.",
            *(Query(expr=newest(name), legend=legend) for legend, name in flags.items()),
            names=_FLAGS,
        ),
        lines(
            "Decisions",
            "Entries of the journal: versions registered, promoted, rolled back; trainings; alerts. `flyball why` explains each.",
            Query(expr=f"max by (event) (increase(flyball_decisions_total{{{MODEL}}}[$__rate_interval])) > 0", legend="{{event}}"),
            style="bars",
            stacked=True,
            empty="nothing was decided",
        ),
        lines(
            "Versions behind the aliases",
            "Champion is production, challenger is staging, previous is what a rollback goes back to.",
            Query(expr=f"max by (alias) (flyball_alias_version{{{MODEL}}})", legend="{{alias}}"),
            Query(expr=newest("flyball_versions"), legend="registered"),
            style="steps",
        ),
        number(
            "Champion for",
            "How long the champion has been champion.",
            f"time() - {newest('flyball_champion_since_timestamp_seconds')}",
            unit="s",
            empty="no champion",
            width=4,
        ),
        number(
            "Data faults",
            "Faults in the rows of the window that keep the model from being trained again.",
            newest("model_quality_findings", 'severity="error"'),
            empty=NO_REPORT,
            thresholds=((1, RED),),
            width=4,
        ),
    )
