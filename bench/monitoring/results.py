"""What a run of the monitoring bench found, as it is kept in JSON."""

import statistics

import msgspec
from bench.serving.results import Machine


class Comparison(msgspec.Struct):
    """One side comparing two samples of one size; a value per round. Seconds are of the wall, `peak_mb` is memory beyond the data."""

    what: str
    seconds: list[float] = msgspec.field(default_factory=list)
    peak_mb: list[float] = msgspec.field(default_factory=list)
    repeats: int = 1  # comparisons of which a round is the median

    @property
    def median(self) -> float:
        """The median seconds."""
        return statistics.median(self.seconds)


class Said(msgspec.Struct):
    """What one side said of the windows of one case: alarms of columns, windows with any, windows where the moved column was named."""

    looks: int
    columns: int
    alarms: int
    false_alarms: int
    looks_with_false_alarm: int
    looks_that_named_it: int


class Request(msgspec.Struct):
    """CPU microseconds a worker spends per request, per round: nobody counts, and somebody counts every second what it logs."""

    alone: list[float] = msgspec.field(default_factory=list)
    counted: list[float] = msgspec.field(default_factory=list)
    rounds_of_counting: int = 0
    rows_counted: int = 0
    row: float = 0.0  # microseconds to count one logged row of 20 features, a thousand together
    loads_counting: bool | None = None  # whether a worker has the code that counts in its memory
    failure: str = ""

    @property
    def differences(self) -> list[float]:
        """What counting beside it adds, round by round."""
        return [counted - alone for counted, alone in zip(self.counted, self.alone, strict=True)]


class Certified(msgspec.Struct):
    """Random cases in which the exact distance lay between the certified bounds, and the widest interval."""

    cases: int
    held: int
    widest: float
    slowest_rows: int


class Published(msgspec.Struct):
    """A published number, ours, and the bounds of ours where there are some."""

    name: str
    published: list[float]
    ours: list[float]
    inside: bool | None = None  # the certified interval holds each exact distance


class OverTime(msgspec.Struct):
    """Runs of simulated traffic, looked at every minute: alarms per run where nothing happens, minutes until a shift is in drift.

    `naive`: features that `ks_2samp` at p < .05 called drifted in a run. `season`: alarms where rows hang together and days have a wave.
    `delays`: shift in standard deviations → minutes, None where it was not seen.
    """

    runs: int
    days: float
    looks: int = 0
    null: list[int] = msgspec.field(default_factory=list)
    naive: list[int] = msgspec.field(default_factory=list)
    season: list[int] = msgspec.field(default_factory=list)
    delays: dict[str, list[float | None]] = msgspec.field(default_factory=dict)


class Run(msgspec.Struct):
    """One run of the bench."""

    machine: Machine
    rounds: int
    quick: bool
    sizes: list[tuple[int, int]]
    busy: float = 0.0
    speed: dict[str, dict[str, Comparison]] = msgspec.field(default_factory=dict)  # size → side
    said: dict[str, dict[str, Said]] = msgspec.field(default_factory=dict)  # case → side
    request: Request | None = None
    certified: Certified | None = None
    published: list[Published] = msgspec.field(default_factory=list)
    absent: dict[str, str] = msgspec.field(default_factory=dict)
    over_time: OverTime | None = None


def size_name(rows: int, columns: int) -> str:
    """How a size is called: `100 000 × 20`."""
    return f"{rows:,} × {columns}".replace(",", " ")
