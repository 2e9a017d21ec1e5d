"""The three dashboards: one model at a glance, one feature in detail, and the server. No name of a project stands in them."""

from collections.abc import Mapping, Sequence

from flyball.core.record import record
from flyball.render.drift_detail import drift_detail
from flyball.render.overview import overview
from flyball.render.panels import Panel
from flyball.render.questions import MODEL
from flyball.render.serving_detail import serving_detail


@record
class Dashboard:
    """One dashboard: rows of panels. `variables`: name -> the query of its values, beside data source, job and model."""

    uid: str
    title: str
    description: str
    rows: Mapping[str, Sequence[Panel]]
    variables: Mapping[str, str]


def dashboards() -> tuple[Dashboard, ...]:
    """All of them, the overview first."""
    return (
        Dashboard(
            uid="flyball-overview",
            title="Flyball: overview",
            description="One model at a glance: traffic, performance, drift, alerts and what the loop decided.",
            rows=overview(),
            variables={"metric": f"label_values(model_performance{{{MODEL}}}, metric)"},
        ),
        Dashboard(
            uid="flyball-drift",
            title="Flyball: drift of a feature",
            description="One feature: how far it is from its training data, how sure that is, and what is wrong with its values.",
            rows=drift_detail(),
            variables={"feature": f"label_values(model_feature_drift{{{MODEL}}}, feature_name)"},
        ),
        Dashboard(
            uid="flyball-serving",
            title="Flyball: serving",
            description="The server: requests, latency, errors, its log, and what it serves.",
            rows=serving_detail(),
            variables={},
        ),
    )
