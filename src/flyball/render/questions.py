"""What several dashboards ask Prometheus, and the panels they share."""

from flyball.render.panels import Panel, Query, lines

# The variables are put in as quoted strings of PromQL, so that no name of a model or a feature can end its string.
MODEL = 'job="$job", model=${model:doublequote}'
FEATURE = f"{MODEL}, feature_name=${{feature:doublequote}}"
METRIC = f"{MODEL}, metric=${{metric:doublequote}}"
NO_REPORT = "no report yet: run flyball up, tick or monitor"


def latency(width: int) -> Panel:
    """How long requests take."""
    return lines(
        "Latency",
        "Half, nine of ten, and 99 of 100 requests are faster than this.",
        *(Query(expr=quantile(share), legend=f"{share:.0%}") for share in (0.5, 0.9, 0.99)),
        unit="s",
        empty="no requests",
        width=width,
    )


def errors(width: int) -> Panel:
    """What was refused, by status."""
    return lines(
        "Requests refused",
        "By HTTP status, each second. 4xx is what callers got wrong, 5xx is the server's. In a server of several models, of all.",
        Query(expr='sum by (code) (rate(flyball_requests_refused_total{job="$job"}[$__rate_interval]))', legend="{{code}}"),
        unit="reqps",
        width=width,
    )


def failed_share(window: str) -> str:
    """The share of requests that the server failed to answer."""
    failed = f'sum (rate(flyball_requests_refused_total{{job="$job", code=~"5.."}}[{window}]))'
    return f'{failed} / (sum (rate(model_prediction_latency_seconds_count{{job="$job"}}[{window}])) + {failed})'


def quantile(share: float) -> str:
    """The time within which this share of the requests is answered."""
    return f"histogram_quantile({share:g}, sum by (le) (rate(model_prediction_latency_seconds_bucket{{{MODEL}}}[$__rate_interval])))"


def newest(name: str, labels: str = "") -> str:
    """The newest value of a gauge of the model; of several servers the largest."""
    return f"max ({name}{{{MODEL}{', ' if labels else ''}{labels}}})"
