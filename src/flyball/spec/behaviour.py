"""Nouns of a model's own tests: what `tests.toml` says a version has to do, with the defaults of what it leaves out."""

from collections.abc import Mapping

from flyball.core.record import record
from flyball.spec.records import Param


@record
class Change:
    """What is done to one or several columns, each on its own: a number is added or multiplied, a value is put in, or none is.

    Nothing of all that: each value that the column is known to have is put in.
    """

    columns: tuple[str, ...]
    add: float | None = None
    times: float | None = None
    to: tuple[Param, ...] = ()
    missing: bool = False


@record
class Invariance:
    """`kind = "invariance"`: the change moves the score of a row by `most` at most, and with `same_label` never its label.

    `share`: the share of the rows that may move further.
    """

    name: str
    change: Change
    most: float | None
    same_label: bool
    share: float


@record
class Directional:
    """`kind = "directional"`: the change never lowers (or raises) the score of `of`, by more than `tolerance`, but for a share of the rows.

    `mean`: it is asked of the mean over all rows instead. `of`: a class or an output; None: the class a binary model is about.
    """

    name: str
    change: Change
    raises: bool
    of: Param
    tolerance: float
    share: float
    mean: bool


@record
class Minimum:
    """`kind = "minimum"`: what these rows have to be answered with. Columns that a row leaves out have their usual value.

    `answer`: the label. `at_least`, `at_most`: bounds of the score of `of`. `missing`: columns that have no value in any of the rows.
    """

    name: str
    rows: tuple[Mapping[str, Param], ...]
    missing: tuple[str, ...]
    answer: Param
    of: Param
    at_least: float | None
    at_most: float | None


@record
class SliceBound:
    """`kind = "slice"`: a bound of a metric over the held-out rows of one value of a column (None: of each with `rows` rows)."""

    name: str
    metric: str
    column: str
    value: Param
    at_least: float | None
    at_most: float | None
    rows: int


@record
class Latency:
    """`kind = "latency"`: milliseconds that one row may take in the engine, as median and as 99th percentile."""

    name: str
    median: float | None
    p99: float | None


Behaviour = Invariance | Directional | Minimum | SliceBound | Latency


@record
class BuiltIn:
    """`[built_in]`: what is asked of every version unless it is set to false, and on how many rows.

    `rows`: held-out rows that a test changes; `round_trip_rows`: rows that are sent through the protocols.
    """

    round_trip: bool = True
    repeatable: bool = True
    missing: bool = True
    unseen: bool = True
    latency: bool = True
    rows: int = 1000
    round_trip_rows: int = 20_000


@record
class Behaviours:
    """Everything `tests.toml` says. `python`: the project has tests in Python too."""

    built_in: BuiltIn = BuiltIn()
    tests: tuple[Behaviour, ...] = ()
    python: bool = False
