"""The server in detail: requests, log, versions."""

from collections.abc import Mapping, Sequence

from flyball.render.panels import GREEN, RED, Panel, Query, heat, lines, states
from flyball.render.questions import MODEL, errors, latency, newest

_TROUBLE = {0: ("no", GREEN), 1: ("yes", RED)}


def serving_detail() -> Mapping[str, Sequence[Panel]]:
    """Its rows of panels."""
    return {"Requests": _requests(), "Log and outcomes": _log(), "Versions": _versions()}


def _requests() -> tuple[Panel, ...]:
    return (
        lines(
            "Requests",
            "Prediction requests answered each second, whatever their number of rows.",
            Query(
                expr=f"sum by (instance) (rate(model_prediction_latency_seconds_count{{{MODEL}}}[$__rate_interval]))",
                legend="{{instance}}",
            ),
            unit="reqps",
        ),
        latency(8),
        errors(8),
        heat(
            "Latency",
            "How many requests took how long.",
            Query(
                expr=f"sum by (le) (increase(model_prediction_latency_seconds_bucket{{{MODEL}}}[$__rate_interval]))",
                legend="{{le}}",
                heat=True,
            ),
            unit="s",
        ),
        lines(
            "Mean time of a request",
            "Seconds from a whole request to its answer.",
            Query(
                expr=(
                    f"sum (rate(model_prediction_latency_seconds_sum{{{MODEL}}}[$__rate_interval]))"
                    f" / sum (rate(model_prediction_latency_seconds_count{{{MODEL}}}[$__rate_interval]))"
                ),
                legend="mean",
            ),
            unit="s",
            width=12,
        ),
    )


def _log() -> tuple[Panel, ...]:
    return (
        lines(
            "Rows of the prediction log",
            "Handed to the disk, or lost, each second. Lost rows are missing from monitoring for good.",
            Query(expr=f"sum by (state) (rate(flyball_log_rows_total{{{MODEL}}}[$__rate_interval]))", legend="{{state}}"),
            unit="cps",
        ),
        lines(
            "Rows waiting for the disk",
            "It rises when the disk is slow or full.",
            Query(expr=f"sum by (instance) (flyball_log_pending_rows{{{MODEL}}})", legend="{{instance}}"),
        ),
        lines(
            "Outcomes",
            "Outcomes told each second, by what became of them.",
            Query(expr=f"sum by (result) (rate(flyball_outcomes_total{{{MODEL}}}[$__rate_interval]))", legend="{{result}}"),
            unit="cps",
        ),
    )


def _versions() -> tuple[Panel, ...]:
    return (
        states(
            "Deployment",
            "Stale: the database cannot be read. Refused: the newest deployment cannot be taken up. In both the version before goes on.",
            Query(expr=newest("flyball_deployment_stale"), legend="stale"),
            Query(expr=newest("flyball_deployment_refused"), legend="refused"),
            names=_TROUBLE,
        ),
        lines(
            "Taken out by guardrails",
            "Versions that a guardrail took out and that are still deployed; others answer for them.",
            Query(
                expr=f"max by (role, version) (flyball_guardrail_tripped{{{MODEL}}})",
                legend="{{role}} {{version}}",
            ),
            style="steps",
            width=6,
        ),
        lines(
            "Deployments taken up",
            "By each server; `refused` means that it could not be loaded.",
            Query(expr=f"sum by (result) (increase(flyball_swaps_total{{{MODEL}}}[$__rate_interval]))", legend="{{result}}"),
            Query(
                expr=f"sum by (version) (increase(flyball_versions_left_out_total{{{MODEL}}}[$__rate_interval]))",
                legend="without {{version}}",
            ),
            style="bars",
            width=6,
        ),
        lines(
            "Number of the deployment",
            "The journal's number of what each server answers with: they should agree.",
            Query(expr=f"max by (instance) (flyball_deployment_seq{{{MODEL}}})", legend="{{instance}}"),
            style="steps",
            least=None,
            width=6,
        ),
        lines(
            "Shadows",
            "Rows scored without answering, and rows that could not be scored, each second.",
            Query(
                expr=f"sum by (version) (rate(model_shadow_predictions_total{{{MODEL}}}[$__rate_interval]))", legend="{{version}} scored"
            ),
            Query(expr=f"sum by (version) (rate(model_shadow_errors_total{{{MODEL}}}[$__rate_interval]))", legend="{{version}} failed"),
            unit="cps",
            empty="no shadow",
            width=12,
        ),
        lines(
            "Answered for the challenger",
            "Requests the champion answered because the challenger could not.",
            Query(expr=f"sum (increase(model_fallbacks_total{{{MODEL}}}[$__rate_interval]))", legend="fallbacks"),
            style="bars",
            width=12,
        ),
    )
