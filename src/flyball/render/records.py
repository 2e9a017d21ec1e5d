"""Nouns of rendering: what is asked for, and what comes of it."""

from collections.abc import Mapping
from datetime import timedelta

from flyball.core.record import record
from flyball.spec.records import Spec

Files = Mapping[str, str]
"""Path below the folder they are meant for -> text."""


@record
class Order:
    """What to render for. `latency`: what 99 of 100 requests should stay under; `availability`: the share that should be answered.

    `prometheus`: where Grafana reaches Prometheus.
    """

    specs: tuple[Spec, ...]
    latency: timedelta = timedelta(milliseconds=100)
    availability: float = 0.999
    prometheus: str = "http://127.0.0.1:9090"
