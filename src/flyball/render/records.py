"""Nouns of rendering: what is asked for, and what comes of it."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from flyball.core.record import record
from flyball.spec.records import Spec

Files = Mapping[str, str]
"""Path below the folder they are meant for -> text."""


@record
class Source:
    """Where a spec was read: the text of its `flyball.toml`, and the spec as it is in each of the environments there."""

    text: str
    environments: Mapping[str, Spec] = field(default_factory=dict)


@record
class Order:
    """What to render for. `latency`: what 99 of 100 requests should stay under; `availability`: the share that should be answered.

    `prometheus`: where Grafana reaches Prometheus. `root`: the top of the repository that platforms check out (None: each project is one).
    `review`: only what a proposed change has to stand. `program`: where flyball is, for platforms that run it as it is installed;
    `user`: as whom. `sources`: where the specs were read, by the names of their models. `release`: the
    version of Flyball that containers are to have; empty: the newest.

    In a cluster: `loop`: a process that always runs, or one that looks at set times and goes; `rate`: predictions a second from which
    one more server is wanted; `called`: further names under which the servers are reached; `server_image`: theirs, where it is not to
    be derived from the spec's; `database_port`: where the servers reach the database; 0: the port of its address, PostgreSQL's own where
    that is a secret.
    """

    specs: tuple[Spec, ...]
    latency: timedelta = timedelta(milliseconds=100)
    availability: float = 0.999
    prometheus: str = "http://127.0.0.1:9090"
    root: Path | None = None
    review: bool = False
    program: str = "flyball"
    user: str = "flyball"
    sources: Mapping[str, Source] = field(default_factory=dict)
    release: str = ""
    loop: Literal["deployment", "cronjob"] = "deployment"
    rate: int = 1000
    called: tuple[str, ...] = ()
    server_image: str = ""
    database_port: int = 0
