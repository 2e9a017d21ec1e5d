"""The reference: what the training data looked like, as counts on fixed cells per column, without any of its rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.codec import from_json, to_json
from flyball.core.digest import sha256_bytes
from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.data.calibration import Calibration, calibrate
from flyball.data.category import text_of
from flyball.data.cells import CategoryCells, Cells, NumberCells
from flyball.data.halves import choosing_half
from flyball.data.season import SLOTS, ColumnSeason, Season, season_of
from flyball.data.timeline import Timeline, timeline
from flyball.stats.bins import quantile_edges
from flyball.stats.distances import middle

# What a reference is called in its bundle.
REFERENCE_FILE = "reference.json"
SCHEMA_VERSION = 2
# Format 1 knows no season and calibrates whole days only.
READABLE = (1, 2)

# 256 cells bound the certified width of a distance by 1/256 = .004, a twelfth of the usual margin of .05, in about 6 kB a column.
BINS = 256
MOST_CATEGORIES = 500
MOST_CATEGORY_BYTES = 12_000
# In a column with more categories than fit, a name must be this frequent in the half that chooses: ids and names of people are not.
FREQUENT = 5
# The share of values seen once is what share of later values will be new (Good and Turing). Beyond this, as in free texts, names seen once
# tell nothing of what will come: kept, they would look as if they had all gone away.
_MOSTLY_ONCE = 0.05


@record
class ColumnReference:
    """One column (or score) of the training data.

    `counts` has one number per cell: see `NumberCells` and `CategoryCells` for their order. `scale` is the standard deviation of the
    middle 99 % of a number (0 for a constant and for categories). `once`: how many categories appeared once. `calibration`: how far
    contiguous windows of the training data themselves were from the rest, per length of the window in days, shortest first.
    `season`: coarse counts per hour of the season of the reference, and `seasonal` the calibration of distances within the hours.

    Of a category with more names than are kept, all counts (also those of `season`, of rows without a value, and so `rows`) are of about
    half of the rows, drawn by lot: the other half chose the names, and would make them look too frequent. The calibration needs no
    halves, because a name was chosen for all windows alike.
    """

    kind: Literal["number", "category"]
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    scale: float
    once: int
    calibration: tuple[Calibration, ...]
    season: ColumnSeason | None = None
    seasonal: tuple[Calibration, ...] = ()

    @property
    def rows(self) -> int:
        """Rows that were counted, with and without a value: all, or the half that measures."""
        return sum(self.counts)

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.counts[-2] if self.kind == "number" else self.counts[-1]

    @property
    def size(self) -> int:
        """How many cells it has: as many as `cells()` says, without the lookups that take time to make."""
        return len(self.edges) + 5 if self.kind == "number" else len(self.categories) + 2

    def cells(self) -> Cells:
        """What finds the cell of each value of this column."""
        return NumberCells(np.array(self.edges)) if self.kind == "number" else CategoryCells(self.categories)


@record
class Reference:
    """The profile of the rows a version was trained on, and of its held-out scores and answers. Holds edges and counts, no rows.

    `season` and `zone`: whether columns are counted per hour of the day or week too, and in which time zone.
    """

    schema_version: int
    rows: int
    columns: Mapping[str, ColumnReference]
    season: Season = "none"
    zone: str = "UTC"


def build_reference(
    table: Table,
    schema: Schema,
    scores: Mapping[str, Array],
    times: NDArray[np.int64] | None = None,
    *,
    score_times: NDArray[np.int64] | None = None,
    bins: int = BINS,
    season: Season = "none",
    zone: str = "UTC",
) -> Reference:
    """Count the columns of the schema, the scores and the answers, and calibrate what each does by itself from window to window.

    `times` and `score_times` say when each row was, in microseconds since 1970; without them nothing is calibrated and the margins
    alone decide. Scores should be those of rows the model was not trained on: on its own training rows a model is surer than it will
    ever be again. With a `season`, hours of the day or week (in the local time of `zone`) are counted as well.
    """
    twice = sorted(set(schema.names) & set(scores))
    if twice:
        raise DataError(f"a score and a feature have the same name: {twice}", hint="name the scores with score_columns()")
    for what, rows, known in (("table", table.rows, times), *((name, len(values), score_times) for name, values in scores.items())):
        if known is not None and len(known) != rows:
            raise DataError(f"{what} has {rows} rows, its times are {len(known)}")
    if SLOTS[season] and times is None:
        raise DataError(f'a season = "{season}" needs times', hint='name the column with data.time, or leave monitor.season = "none"')
    columns: dict[str, ColumnReference] = {}
    line = None if times is None else timeline(times, season, zone)
    for column in schema.columns:
        columns[column.name] = _column(table[column.name], column.kind == "category", line, bins)
    line = None if score_times is None else timeline(score_times, season, zone)
    for name, values in scores.items():
        columns[name] = _column(values, values.dtype.kind in "OU", line, bins)
    return Reference(schema_version=SCHEMA_VERSION, rows=table.rows, columns=columns, season=season, zone=zone)


def score_columns(
    score: NDArray[np.float64], classes: Sequence[object], schema: Schema, labels: NDArray[np.object_] | None = None
) -> dict[str, Array]:
    """Scores under the names they are monitored by: `score`, or `score_<class>` for each class of a multiclass model.

    `labels`, what the model answered, are monitored as the category `answer`; a regression, which has no classes, answers with its
    score. Where a feature has such a name already, `model_` stands before it.
    """
    parts: dict[str, Array] = {"score": score} if score.ndim == 1 else {f"score_{name}": score[:, at] for at, name in enumerate(classes)}
    if labels is not None and len(classes):
        parts["answer"] = np.asarray(labels, dtype=object)
    taken = set(schema.names)
    return {(f"model_{name}" if name in taken else name): values for name, values in parts.items()}


def reference_to_json(reference: Reference) -> bytes:
    """The reference as JSON text; about 8 kB a numeric column and as much for a season, never more than 20 kB a column without one."""
    return to_json(reference).encode()


def reference_from_json(text: bytes) -> Reference:
    """The reference that `reference_to_json` wrote; DataError for anything that cannot be one."""
    reference = from_json(text, Reference)
    if reference.schema_version not in READABLE:
        raise DataError(
            f"the reference has format {reference.schema_version}, this Flyball reads formats {' and '.join(map(str, READABLE))}",
            hint="install the Flyball that wrote it, or train again",
        )
    for name, column in reference.columns.items():
        _check_column(name, column, SLOTS[reference.season])
    return reference


def reference_digest(reference: Reference) -> str:
    """What counts made against a reference are marked with: the digest of its cells, because counts on the same cells can be added."""
    cells = {name: [column.kind, column.edges, column.categories] for name, column in reference.columns.items()}
    return sha256_bytes(to_json(cells).encode())


def _column(values: Array, category: bool, time: Timeline | None, bins: int) -> ColumnReference:
    cells: Cells
    measures: NDArray[np.bool_] | None = None  # the rows that are counted, if not all
    if category:
        names, measures = _known(values, None if time is None else time.order)
        cells = CategoryCells(names)
        edges, known, scale = np.empty(0), cells.categories, 0.0
    else:
        numbers = NumberCells.as_numbers(values)[0]
        finite = numbers[np.isfinite(numbers)]
        edges, known, scale = quantile_edges(finite, bins), (), middle(finite)[2] if len(finite) else 0.0
        cells = NumberCells(edges)
    codes = cells.codes(values)
    counts = np.bincount(codes if measures is None else codes[measures], minlength=cells.size)
    season: ColumnSeason | None = None
    seasonal: tuple[Calibration, ...] = ()
    if time is not None and time.slots is not None:
        inside = slice(None) if measures is None else measures[time.order]
        season = season_of(codes[time.order][inside], cells.size - (1 if category else 2), cells.size, time.slots[inside], time.season)
        seasonal = calibrate(cells, codes, values, time, np.array(season.starts, dtype=np.intp))
    return ColumnReference(
        kind="category" if category else "number",
        edges=tuple(edges.tolist()),
        categories=known,
        counts=tuple(counts.tolist()),
        scale=scale,
        once=int((counts[: len(known)] == 1).sum()),
        calibration=() if time is None else calibrate(cells, codes, values, time, None),
        season=season,
        seasonal=seasonal,
    )


def _known(values: Array, order: NDArray[np.intp] | None) -> tuple[tuple[str, ...], NDArray[np.bool_] | None]:
    """The categories to know by name, most frequent first, and the rows that may be counted: None for all of them.

    If there are more than fit, one half of the rows chooses the names and only the other is counted; what is not chosen is `other`. Where
    much of what will come is new, as in free texts, only frequent names are known.
    """
    texts = list(map(text_of, values.tolist()))
    tally = Counter(texts)
    ranked, room = _ranked(tally)
    once = sum(tally[name] == 1 for name in ranked)
    lasting = once <= max(FREQUENT, _MOSTLY_ONCE * sum(tally[name] for name in ranked))
    if len(ranked) <= MOST_CATEGORIES and (not ranked or room[-1] <= MOST_CATEGORY_BYTES):
        return tuple(name for name in ranked if lasting or tally[name] >= FREQUENT), None
    chooses = choosing_half(texts, order)
    tally = Counter(text for text, one in zip(texts, chooses.tolist(), strict=True) if one)
    ranked, room = _ranked(tally)
    fit = min(MOST_CATEGORIES, int(np.searchsorted(room, MOST_CATEGORY_BYTES, side="right")))
    return tuple(name for name in ranked[:fit] if tally[name] >= FREQUENT), ~chooses


def _ranked(tally: Mapping[str | None, int]) -> tuple[list[str], NDArray[np.int64]]:
    """The names, most frequent first, and how many bytes each and those before it take."""
    ranked = sorted((name for name in tally if name is not None), key=lambda name: (-tally[name], name))
    return ranked, np.cumsum([len(name.encode(errors="surrogatepass")) + 8 for name in ranked])


def _check_column(name: str, column: ColumnReference, slots: int) -> None:
    size = column.size
    rising = all(a < b for a, b in zip(column.edges, column.edges[1:], strict=False))
    if len(column.counts) != size or min(column.counts) < 0 or not rising or len(set(column.categories)) != len(column.categories):
        raise DataError(f"the reference of column {name!r} is damaged: {len(column.counts)} counts for {size} cells, or edges out of order")
    if column.season is not None:
        starts = column.season.starts
        column.season.counts(slots)
        if list(starts) != sorted(set(starts)) or not starts or starts[0] != 0 or starts[-1] >= max(size, 1):
            raise DataError(f"the season of column {name!r} is damaged: its groups of cells are out of order")
