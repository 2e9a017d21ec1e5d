"""Nouns of rendering: what is asked for, and what comes of it."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from flyball.core.record import record
from flyball.spec.records import Spec

Files = Mapping[str, str]
"""Path below the folder they are meant for -> text."""


@record
class Order:
    """What to render for. `latency`: what 99 of 100 requests should stay under; `availability`: the share that should be answered.

    `prometheus`: where Grafana reaches Prometheus. `root`: the top of the repository that platforms check out (None: each project is one).
    `review`: only what a proposed change has to stand. `program`: where flyball is, for platforms that run it as it is installed;
    `user`: as whom.
    """

    specs: tuple[Spec, ...]
    latency: timedelta = timedelta(milliseconds=100)
    availability: float = 0.999
    prometheus: str = "http://127.0.0.1:9090"
    root: Path | None = None
    review: bool = False
    program: str = "flyball"
    user: str = "flyball"
