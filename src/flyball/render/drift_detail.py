"""Drift in detail: one feature, and all of them together."""

from collections.abc import Mapping, Sequence

from flyball.render.panels import STATES, Panel, Query, lines, number, states
from flyball.render.questions import FEATURE, MODEL, NO_REPORT, newest


def drift_detail() -> Mapping[str, Sequence[Panel]]:
    """Its rows of panels."""
    return {"One feature": _feature(), "All features": _features()}


def _feature() -> tuple[Panel, ...]:
    return (
        lines(
            "Distance from training",
            "0: the same distribution, 1: nothing in common. Drift: 'at least' is beyond 'threshold'. More rows make the band "
            "narrower, not an alarm likelier. 'From the first champion's' shows slow drift over trainings.",
            Query(expr=f"max (model_feature_drift{{{FEATURE}}})", legend="distance"),
            Query(expr=f"max (model_feature_drift_lower{{{FEATURE}}})", legend="at least"),
            Query(expr=f"max (model_feature_drift_upper{{{FEATURE}}})", legend="at most"),
            Query(expr=f"max (model_feature_drift_threshold{{{FEATURE}}})", legend="threshold"),
            Query(expr=f"max (model_feature_drift_first{{{FEATURE}}})", legend="from the first champion's"),
            band=("at least", "at most"),
            empty=NO_REPORT,
            width=16,
        ),
        states(
            "State",
            "Insufficient data, ok, warn or drift.",
            Query(expr=f"max (model_feature_drift_state{{{FEATURE}}})", legend="state"),
            names=STATES,
            empty=NO_REPORT,
            width=8,
        ),
        lines(
            "Values that are not as in training",
            "Shares of the window's rows: missing, beyond the range training saw, of a category training did not see.",
            Query(expr=f"max (model_feature_missing_ratio{{{FEATURE}}})", legend="missing"),
            Query(expr=f"max (model_feature_out_of_range_ratio{{{FEATURE}}})", legend="out of range"),
            Query(expr=f"max (model_feature_new_categories_ratio{{{FEATURE}}})", legend="new category"),
            unit="percentunit",
            empty=NO_REPORT,
            width=16,
        ),
        lines(
            "Unseen categories",
            "Values each second that did not occur in training, as servers count them.",
            Query(expr=f"sum (rate(model_unseen_categories_total{{{FEATURE}}}[$__rate_interval]))", legend="unseen"),
            unit="cps",
            empty="none",
        ),
    )


def _features() -> tuple[Panel, ...]:
    return (
        lines(
            "Columns by state",
            "All watched columns, also those beyond the hundred that have series of their own.",
            Query(expr=f"max by (state) (model_features{{{MODEL}}})", legend="{{state}}"),
            stacked=True,
            empty=NO_REPORT,
        ),
        lines(
            "Furthest column, and the scores",
            "The largest distance of any column, and how far the model's own scores are from those of its held-out rows.",
            Query(expr=newest("model_feature_drift_max"), legend="furthest"),
            Query(expr=f"max by (output) (model_score_drift{{{MODEL}}})", legend="{{output}}"),
            empty=NO_REPORT,
        ),
        lines(
            "Share of columns that certainly moved",
            "The columns taken together, with false discoveries controlled.",
            Query(expr=newest("model_dataset_drift_ratio"), legend="moved"),
            unit="percentunit",
            empty=NO_REPORT,
        ),
        lines(
            "What reports rest on",
            "Predictions in the window of the newest report.",
            Query(expr=newest("flyball_report_rows"), legend="rows"),
            empty=NO_REPORT,
        ),
        number("About version", "The version the newest report is about.", newest("flyball_report_version"), empty=NO_REPORT, width=4),
        number(
            "Window",
            "Length of the window of the newest report.",
            newest("flyball_report_window_seconds"),
            unit="s",
            empty=NO_REPORT,
            width=4,
        ),
    )
