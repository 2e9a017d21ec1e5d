"""What a server is told and what it is handed."""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from flyball.core.errors import UsageError
from flyball.core.record import record

if TYPE_CHECKING:  # numpy comes with them: the supervisor starts its workers without it
    from flyball.core.reason import Reason
    from flyball.loop.world import World
    from flyball.ports.history import Journal, OutcomeLog, PredictionLog
    from flyball.ports.serving import BundleStore, Deployments
    from flyball.ports.watching import Guards, Looks, Reports, Traffic
    from flyball.server.admin.tokens import AdminToken
    from flyball.serving.traffic import Split
    from flyball.spec.records import Spec


@record
class ServerSettings:
    """How one model is served. Sizes are bytes, times are seconds unless they say otherwise.

    `clock="request"`: every request brings its event time (`at`); replays run that way. `matures`: how long after a prediction an
    outcome told by id or unit may still be joined to it. `flush_every`: how old a logged row may get before it is on its way to the disk.
    `also` are further models that the same workers serve; of their settings, those of the address and the process are not looked at.
    `traces`: a span of OpenTelemetry for every request; the short way is then not taken.
    `gather`: score what arrives in one turn of the event loop together, where the model gains by it. `request_timeout`: how long one
    request may wait for a model that answers in a process of its own.
    `grpc_port`: where the Open Inference Protocol is also answered over gRPC; None for nowhere, 0 for a free one.
    `takes_alerts`: an alert of Alertmanager's may ask for a training.
    `overrides`: units that testers pinned to an arm; `holdback`: the share of units that a binary model which shapes its own labels answers
    as if nothing was to be done.
    `replica`: what this machine calls itself among those that share a store; empty: it is alone.
    `short_way`: answer plain predictions from the connection itself, at half the cost.
    """

    model: str
    folder: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    grpc_port: int | None = None
    log: Literal["available", "required", "off"] = "available"
    unseen: Literal["count", "refuse"] = "count"
    clock: Literal["wall", "request"] = "wall"
    matures: timedelta = timedelta(0)
    trusted: bool = False
    takes_alerts: bool = False
    overrides: Mapping[str, Literal["champion", "challenger"]] = field(default_factory=dict)
    holdback: float = 0.0
    short_way: bool = True
    gather: bool = True
    traces: bool = False
    max_body: int = 1024 * 1024
    max_rows: int = 10_000
    max_outcomes: int = 10_000
    max_concurrency: int = 1024
    max_connections: int = 10_000
    max_buffered_rows: int = 100_000
    remembered_ids: int = 30_000
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    request_timeout: float = 30.0
    keep_alive: float = 30.0
    flush_every: float = 0.04
    poll_every: float = 0.2
    lame_duck: float = 1.0
    drain_timeout: float = 10.0
    replica: str = ""
    also: tuple["ServerSettings", ...] = ()

    def worker(self, number: int) -> str:
        """The name of a worker: no other of any machine has it."""
        return f"{self.replica}-{self.port}-w{number}" if self.replica else f"{self.port}-w{number}"

    @property
    def split(self) -> "Split":
        """What the spec says of assignment beside the deployment."""
        from flyball.serving.traffic import Split

        return Split(overrides=self.overrides, holdback=self.holdback)

    @property
    def segments(self) -> Path:
        """Where the record log's segments stand."""
        return self.folder / ".flyball" / "log"


@record
class AdminPorts:
    """What the admin routes of one model work with. `spec` reads flyball.toml as it is now; SpecError if that cannot be read."""

    world: "World"
    spec: "Callable[[], Spec]"
    sentence: "Callable[[Reason], str]"


@record
class ServerPorts:
    """What of the world a server needs. Every port is called from threads, never from the event loop.

    `tokens` open the admin routes (none: they are closed), `admin` opens what those work with when the first of them is asked.
    """

    deployments: "Deployments"
    bundles: "BundleStore"
    predictions: "PredictionLog"
    outcomes: "OutcomeLog"
    reports: "Reports"
    looks: "Looks"
    traffic: "Traffic"
    journal: "Journal"
    guards: "Guards"
    tokens: "tuple[AdminToken, ...]" = ()
    admin: "Callable[[], AdminPorts] | None" = None


PortsFactory = Callable[[Path], ServerPorts]


def settings_to_json(settings: ServerSettings) -> bytes:
    """Settings on their way to a worker process."""
    return msgspec.json.encode(settings, enc_hook=str)


def settings_from_json(text: bytes) -> ServerSettings:
    """Settings as a worker process finds them."""

    def read(kind: type, value: Any) -> object:
        return kind(value)

    return msgspec.json.decode(text, type=ServerSettings, dec_hook=read)


def find_factory(name: str) -> PortsFactory:
    """The function an import string `package.module:function` names."""
    module, _, attribute = name.partition(":")
    try:
        return cast(PortsFactory, getattr(import_module(module), attribute))
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{name!r} names no function that opens a server's ports: {error}") from error
