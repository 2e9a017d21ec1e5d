"""What a run found, as it is kept in JSON."""

import statistics

import msgspec
from bench.serving.load import Outcome


class Measured(msgspec.Struct):
    """One case of one server, a value per round. CPU in microseconds per request, rates per second, times in seconds."""

    cpu: list[float] = msgspec.field(default_factory=list)
    beside: list[float] = msgspec.field(default_factory=list)
    rate: list[float] = msgspec.field(default_factory=list)
    p50: list[float] = msgspec.field(default_factory=list)
    p99: list[float] = msgspec.field(default_factory=list)
    failures: list[str] = msgspec.field(default_factory=list)

    def add(self, cpu: float, beside: float, outcome: Outcome) -> None:
        """One round."""
        self.cpu.append(cpu)
        self.beside.append(beside)
        self.rate.append(outcome.answers / outcome.seconds)
        self.p50.append(outcome.p50)
        self.p99.append(outcome.p99)

    def median(self, name: str) -> float:
        """The median over the rounds of `cpu`, `beside`, `total`, `rate`, `p50` or `p99`."""
        return statistics.median(self.values(name))

    def values(self, name: str) -> list[float]:
        """All rounds of a quantity."""
        if name == "total":
            return [cpu + beside for cpu, beside in zip(self.cpu, self.beside, strict=True)]
        found: list[float] = getattr(self, name)
        return found


class Machine(msgspec.Struct):
    """What was measured on, and with what."""

    date: str
    processor: str
    cores: int
    system: str
    python: str
    commit: str
    versions: dict[str, str]


class Logged(msgspec.Struct):
    """Rows that were answered by one of our servers, and rows that stand in its log."""

    answered: int
    logged: int


class Workers(msgspec.Struct):
    """Two workers on one port: answers that were counted by the clients, and logged predictions by worker."""

    answers: int
    logged: dict[str, int]


class Run(msgspec.Struct):
    """One run of the bench. `start_up`: seconds from the command to the first answer. `memory`: resident megabytes of each worker."""

    machine: Machine
    rounds: int
    seconds: float
    engine: str = ""
    busy: float = 0.0
    measured: dict[str, dict[str, Measured]] = msgspec.field(default_factory=dict)
    absent: dict[str, str] = msgspec.field(default_factory=dict)
    memory: dict[str, list[float]] = msgspec.field(default_factory=dict)
    logged: dict[str, Logged] = msgspec.field(default_factory=dict)
    start_up: list[float] = msgspec.field(default_factory=list)
    workers: Workers | None = None

    def found(self, server: str, case: str) -> Measured | None:
        """A case of a server, if it was measured at least once."""
        measured = self.measured.get(server, {}).get(case)
        return measured if measured is not None and measured.cpu else None
