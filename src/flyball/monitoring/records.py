"""Nouns of monitoring: how far each column moved, how good the answers were, and both together as a report."""

from collections.abc import Mapping
from typing import Literal

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.window import Window

State = Literal["insufficient data", "ok", "warn", "drift"]


@record
class ColumnDrift:
    """How far one column of the window is from its reference. `lower <= exact distance <= upper`; drift means `lower > threshold`.

    `distance`: Kolmogorov-Smirnov for numbers, total variation for categories, both in [0, 1]. `distances` holds further ones
    (`psi`, `js`, `wasserstein`, …). `missing`, `out_of_range`, `new_categories`, `infinite`, `unparsable` are shares of the window's
    rows; one of them certainly above its own margin is drift too, and the reason says which. `chance` is what the distance would be
    on average if nothing had changed, `windows` how many windows were taken together. NaN never stands here: 0 rows give 0.
    """

    state: State
    distance: float
    lower: float
    upper: float
    threshold: float
    rows: int
    missing: float
    out_of_range: float
    new_categories: float
    distances: Mapping[str, float]
    reason: Reason
    infinite: float = 0.0
    unparsable: float = 0.0
    chance: float = 0.0
    windows: int = 1


@record
class Performance:
    """Realised performance of one version over the matured predictions of a window, with a one-sided 95 % bound on each side, by block.

    `matured` predictions were old enough, `labelled` of them had an outcome in time. `value`, `lower`, `upper` are None without evidence.
    """

    metric: str
    version: int
    window: Window
    matured: int
    labelled: int
    blocks: int
    value: float | None
    lower: float | None
    upper: float | None
    reason: Reason


@record
class MonitorReport:
    """What `flyball monitor` says: drift of every feature and of the score (`score`), and performance."""

    window: Window
    version: int
    rows: int
    columns: Mapping[str, ColumnDrift]
    performance: Performance | None


@record
class PairedEvidence:
    """A live paired comparison, blocked by day: `gain` > 0 means `version` had the smaller loss than `against` on the same rows.

    `lower`, `upper`: always-valid bounds at level `alpha`; they may be looked at after every block. None while there are too few blocks.
    `blocks` counts the held-out days the comparison began with; `live_blocks` only the days since it runs. `missed`: rows of `against`
    that could be judged and that `version` did not score, because they lack a column it reads, or it failed on them.
    """

    version: int
    against: int
    metric: str
    gain: float
    lower: float | None
    upper: float | None
    alpha: float
    rows: int
    blocks: int
    live_blocks: int = 0
    missed: int = 0
