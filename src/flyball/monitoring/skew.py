"""Train/serve skew: what a model was given when it answered, held against what the training data says of the same rows."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from flyball.core.reason import Reason, Value
from flyball.core.record import record
from flyball.core.table import Array
from flyball.core.window import Window
from flyball.data.cells import NumberCells
from flyball.data.findings import Rows, missing_rows, shown

# Two numbers are one if they differ by no more than this part of themselves, or are one as 32-bit floats: what storing and sending do.
RELATIVE = 1e-6
# Numbers this small beside the largest of their column are zero: a difference of two large numbers keeps such a rest.
_REST = 1e-9
EXAMPLES = 5
# So many differing rows make a pattern worth naming.
_PATTERN = 3

Difference = Literal["value", "missing_served", "missing_training", "type"]


@record
class SkewExample:
    """One row in which the two sides differ. The values are as text; missing is empty."""

    id: str
    prediction_id: str
    difference: Difference
    served: str
    training: str


@record
class ColumnSkew:
    """How often one column differs. `differing` = `values` + `missing_served` + `missing_training` + `types`; `share` is of `compared`.

    `types`: the same number, as text on one side ("3" and 3). `pattern`: what all differing values have in common, where something is
    certain (None: nothing is).
    """

    column: str
    compared: int
    differing: int
    values: int
    missing_served: int
    missing_training: int
    types: int
    pattern: Reason | None
    reason: Reason
    examples: tuple[SkewExample, ...]

    @property
    def share(self) -> float:
        """The part of the compared rows that differ; 0 where nothing was compared."""
        return self.differing / self.compared if self.compared else 0.0


@record
class SkewReport:
    """The columns of the rows that are on both sides, the most different first.

    `source`: what the training side was read from. `by`: `id`, or `unit and time`. `served`: predictions of the window that were looked at
    (`capped`: the newest, there were more), `unmatched` of them are not in the training data; `nameless` carry no id to be found by.
    `repeated`: predictions of an id that was asked again later; the latest counts. `training`: rows of the training side.
    """

    model: str
    source: str
    window: Window
    by: str
    served: int
    capped: bool
    nameless: int
    repeated: int
    training: int
    matched: int
    unmatched: int
    columns: tuple[ColumnSkew, ...]
    only_served: tuple[str, ...]
    only_training: tuple[str, ...]

    @property
    def worst(self) -> float:
        """The largest share that differs in any column."""
        return max((column.share for column in self.columns), default=0.0)


def compare_column(name: str, served: Array, training: Array, ids: Sequence[object], predictions: Sequence[object]) -> ColumnSkew:
    """One column of the rows that are on both sides, in the same order."""
    gone, lost = missing_rows(served), missing_rows(training)
    there = ~gone & ~lost
    type_differs, value_differs = np.zeros(len(served), dtype=bool), np.zeros(len(served), dtype=bool)
    if there.any():
        types, values = _differences(served[there], training[there])
        type_differs[there], value_differs[there] = types, values
    kinds: list[tuple[Difference, Rows]] = [
        ("value", value_differs),
        ("type", type_differs),
        ("missing_served", gone & ~lost),
        ("missing_training", lost & ~gone),
    ]
    counts = {kind: int(np.count_nonzero(rows)) for kind, rows in kinds}
    examples = _examples(kinds, served, training, ids, predictions)
    differing, compared = sum(counts.values()), len(served)
    told: dict[str, Value] = {"column": name, "differing": differing, "compared": compared}
    told["share"] = differing / compared if compared else 0.0
    code = "skew.none_compared" if not compared else "skew.same" if not differing else "skew.differs"
    return ColumnSkew(
        column=name,
        compared=compared,
        differing=differing,
        values=counts["value"],
        missing_served=counts["missing_served"],
        missing_training=counts["missing_training"],
        types=counts["type"],
        pattern=_pattern(name, served, training, dict(kinds)),
        reason=Reason(code=code, values=told),
        examples=examples,
    )


def _differences(served: Array, training: Array) -> tuple[Rows, Rows]:
    """Among rows with a value on both sides: which are the same number of another type, and which differ in value."""
    first, second = _texts(served), _texts(training)
    x, x_bad = _numbers(served)
    y, y_bad = _numbers(training)
    numeric = ~x_bad & ~y_bad
    same_number = numeric & _close(x, y)
    same_text = np.zeros(len(served), dtype=bool)
    both = first & second
    if both.any():
        pairs = zip(served[both].tolist(), training[both].tolist(), strict=True)
        same_text[both] = np.fromiter((one == two for one, two in pairs), dtype=bool, count=int(both.sum()))
    types = (first ^ second) & same_number
    same = np.where(both, same_text, same_number & ~(first ^ second))
    return types, ~same & ~types


def _texts(values: Array) -> Rows:
    if values.dtype.kind != "O":
        return np.zeros(len(values), dtype=bool)
    return np.fromiter((isinstance(value, str) for value in values.tolist()), dtype=bool, count=len(values))


def _numbers(values: Array) -> tuple[Array, Rows]:
    """The values as numbers, and which are none. A text "nan" is none."""
    numbers, failed = NumberCells.as_numbers(values)
    bad = np.isnan(numbers) if failed is None else failed | np.isnan(numbers)
    return numbers, bad


def _close(x: Array, y: Array) -> Rows:
    """Equal within what storing and sending do to numbers."""
    finite = np.abs(y[np.isfinite(y)])
    rest = _REST * float(finite.max()) if len(finite) else 0.0
    finite_both = np.isfinite(x) & np.isfinite(y)
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(x - y) <= np.maximum(RELATIVE * np.maximum(np.abs(x), np.abs(y)), rest)
        short, other = x.astype(np.float32), y.astype(np.float32)
        stored = (short == other) & np.isfinite(short)
        same: Rows = np.asarray(x == y) | ((near | stored) & finite_both)
    return same


def _examples(
    kinds: Sequence[tuple[Difference, Rows]], served: Array, training: Array, ids: Sequence[object], predictions: Sequence[object]
) -> tuple[SkewExample, ...]:
    """Some of each kind of difference, the first kinds first, the newest rows first."""
    found: list[SkewExample] = []
    present = [(kind, np.flatnonzero(rows)[::-1]) for kind, rows in kinds if rows.any()]
    for kind, rows in present:
        room = max(1, EXAMPLES // len(present))
        for row in rows[:room].tolist():
            texts = [_text(values, row) for values in (served, training)]
            found.append(
                SkewExample(id=shown(ids[row]), prediction_id=str(predictions[row]), difference=kind, served=texts[0], training=texts[1])
            )
    return tuple(found)


def _text(values: Array, row: int) -> str:
    """A value as it is told: text in quotation marks, so that "3" and 3 are told apart."""
    if missing_rows(values[row : row + 1])[0]:
        return ""
    value: Any = values[row].item() if hasattr(values[row], "item") else values[row]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # the log keeps all numbers alike
    return shown(repr(value) if isinstance(value, str | float) else value)


def _pattern(name: str, served: Array, training: Array, kinds: dict[Difference, Rows]) -> Reason | None:
    """What all differences of a column have in common, if they are of one kind, several, and something is certain."""
    present = [kind for kind, rows in kinds.items() if rows.any()]
    if set(present) == {"value", "missing_training"}:  # a default, put in where nothing was there
        return _one_served(name, served[kinds["value"] | kinds["missing_training"]])
    if len(present) != 1 or np.count_nonzero(kinds[present[0]]) < _PATTERN:
        return None
    kind, rows = present[0], kinds[present[0]]
    count = int(np.count_nonzero(rows))
    if kind == "type":
        text = isinstance(served[rows][0], str)
        return Reason(code="skew.text_served" if text else "skew.text_training", values={"column": name, "rows": count})
    if kind != "value":
        side = training if kind == "missing_served" else served
        values = side[rows]
        first, *others = values.tolist()
        if all(value == first for value in others):
            return Reason(code=f"skew.{kind}_always", values={"column": name, "rows": count, "value": _text(values, 0)})
        return Reason(code=f"skew.{kind}", values={"column": name, "rows": count})
    x, x_bad = _numbers(served[rows])
    y, y_bad = _numbers(training[rows])
    texts = _texts(served[rows]) | _texts(training[rows])
    if not (x_bad | y_bad | texts).any() and np.isfinite(x).all() and np.isfinite(y).all():
        with np.errstate(all="ignore"):  # of numbers at the end of their range; what comes of it is no pattern
            return _numeric_pattern(name, x, y)
    if texts.all():
        return _text_pattern(name, [str(value) for value in served[rows]], [str(value) for value in training[rows]])
    return None


def _one_served(name: str, values: Array) -> Reason | None:
    first, *others = values.tolist()
    if len(values) < _PATTERN or not all(value == first for value in others):
        return None
    return Reason(code="skew.always", values={"column": name, "rows": len(values), "value": _text(values, 0)})


def _numeric_pattern(name: str, x: Array, y: Array) -> Reason | None:
    """A fixed difference, a fixed ratio, one value for all, or one side rounded: as far as all rows have it."""
    told: dict[str, Value] = {"column": name, "rows": len(x)}
    if np.unique(y).size > 1 and np.unique(x).size == 1:
        return _one_served(name, x)
    offset = float(np.median(x - y))
    if np.isfinite(offset) and _close(x - offset, y).all():
        return Reason(code="skew.offset", values={**told, "offset": offset})
    for digits in range(7):
        for code, one, two in (("skew.rounded_served", x, y), ("skew.rounded_training", y, x)):
            if np.array_equal(one, np.round(two, digits)):
                return Reason(code=code, values={**told, "digits": digits})
    for code, one, two in (("skew.cut_served", x, y), ("skew.cut_training", y, x)):
        if np.array_equal(one, np.trunc(two)):
            return Reason(code=code, values=told)
    if (y != 0).all():
        ratio = float(np.median(x / y))
        if np.isfinite(ratio) and ratio and _close(x / ratio, y).all():
            return Reason(code="skew.ratio", values={**told, "ratio": ratio})
    return None


def _text_pattern(name: str, served: list[str], training: list[str]) -> Reason | None:
    """Texts that differ only in how they are written, or are one text for all."""
    told: dict[str, Value] = {"column": name, "rows": len(served)}
    forms: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("skew.space", str.strip),
        ("skew.case", str.casefold),
        ("skew.case_and_space", lambda text: text.strip().casefold()),
    )
    for code, plain in forms:
        if all(plain(one) == plain(two) for one, two in zip(served, training, strict=True)):
            return Reason(code=code, values=told)
    if len(set(training)) > 1 and len(set(served)) == 1:
        return Reason(code="skew.always", values={**told, "value": repr(shown(served[0]))})
    return None
