"""Nouns of delivery: what the spec says of stores, mirrors and platforms. Nothing of it changes what is learned or decided."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta

from flyball.core.record import record

GIB = 1024**3


@record
class Resources:
    """What a process may use. `cpu`: cores; `memory`: bytes; `gpu`: whole devices. None and 0: the platform's default, no device."""

    cpu: float | None = None
    memory: int | None = None
    gpu: int = 0


NO_LIMITS = Resources()


@record
class Price:
    """`[train] price`: what an hour of one core and of one device costs, in `currency`."""

    cpu: float = 0.0
    gpu: float = 0.0
    currency: str = ""


@record
class StoresSpec:
    """`[stores]`: where a team keeps what it shares. Empty: the project's own files.

    `database`: PostgreSQL for predictions, outcomes, counts and journal; `mlflow`: the tracking server; `remote`: where DVC pushes
    data, such as `s3://bucket/path`. Each is an address or `env:NAME`, which is read where it is used. `keep`: how long predictions and
    their outcomes are kept (None: for ever).
    """

    database: str = ""
    mlflow: str = ""
    remote: str = ""
    keep: timedelta | None = None


@record
class TrackSpec:
    """`[track]`: who else is told of runs and decisions. Empty: nobody.

    `wandb`: `project` or `entity/project` of Weights & Biases; `lineage`: where OpenLineage events go; `events`: where CloudEvents of
    alerts and decisions go. The last two are an address, `env:NAME`, or `file:PATH` in the project's folder.
    """

    wandb: str = ""
    lineage: str = ""
    events: str = ""


@record
class DeliverSpec:
    """`[deliver]`: what platforms have to know to run this project.

    `install`: the words of the command that installs the project's packages; `secrets`: names of environment variables that the platform
    keeps secret and gives to every job; `variables`: those that everybody may read. `image`: the container image, `namespace` and
    `replicas` are for clusters; `most`: how many servers there may be under load. `server`: what one server may use. `look`: how often
    the loop looks. `runner`: the labels of the machine that trains, where a platform has several.
    """

    branch: str = "main"
    python: str = "3.11"
    install: tuple[str, ...] = ("pip", "install", "-r", "requirements.txt")
    secrets: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    namespace: str = ""
    replicas: int = 2
    most: int = 10
    server: Resources = Resources()
    look: timedelta = timedelta(minutes=10)
    runner: tuple[str, ...] = ()
