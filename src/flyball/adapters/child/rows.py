"""In the child: rows to try a model on, made from what is known of its columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table, concat

GENERATED = 1000
_MISSING = 0.1


def rows_like(schema: Schema, example: Table | None, *, rows: int = GENERATED, missing: bool = False, seed: int = 0) -> Table:
    """The example's rows, and others around them: numbers from twice its range, its texts and the known ones, in any combination.

    `missing`: one in ten numbers is missing in the rows that are made up. Without an example numbers lie around 0.
    """
    chance = np.random.default_rng(seed)
    made = Table({c.name: _values(c, None if example is None else example[c.name], rows, missing, chance) for c in schema.columns})
    return made if example is None or example.rows == 0 else concat([_like(example, made), made])


def known_categories(estimator: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of text columns that the encoders inside a fitted estimator know."""
    found: dict[str, list[Any]] = {}
    _look(estimator, list(names), found)
    return found


def _values(column: Column, known: Array | None, rows: int, missing: bool, chance: np.random.Generator) -> Array:
    if column.kind == "category":
        values = [value for value in (known.tolist() if known is not None else []) if value is not None]
        texts = sorted({*values, *column.categories}) or [""]
        picked = np.empty(rows, dtype=object)
        picked[:] = [texts[at] for at in chance.integers(0, len(texts), rows)]
        return picked
    if column.kind == "boolean":
        return chance.integers(0, 2, rows).astype(np.bool_)
    numbers = np.empty(0) if known is None else known.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        made = chance.normal(scale=3.0, size=rows)
    else:
        low, high = float(numbers.min()), float(numbers.max())
        span = (high - low) or max(abs(high), 1.0)
        made = chance.uniform(low - span / 2, high + span / 2, rows)
        made = np.maximum(made, 0.0) if low >= 0 else made  # ages and counts have no minus
        again = chance.uniform(size=rows) < 0.3  # exact values, where trees have their cuts
        made[again] = chance.choice(numbers, int(again.sum()))
    if column.kind == "integer":
        return np.round(made).astype(np.int64)
    if missing:
        made[chance.uniform(size=rows) < _MISSING] = np.nan
    return made


def _like(example: Table, made: Table) -> Table:
    """The example with the array types of the rows that were made."""
    columns = {}
    for name, values in made.columns.items():
        kept = example[name]
        columns[name] = kept if kept.dtype.kind == "O" or kept.dtype.kind == "f" else kept.astype(values.dtype)
    return Table(columns)


def _look(part: Any, names: list[str], found: dict[str, list[Any]]) -> None:
    """Through pipelines and column transformers, with the names of the columns that reach each step."""
    steps = getattr(part, "steps", None)
    if isinstance(steps, list):
        for _, step in steps:
            _look(step, names, found)
            if not isinstance(step, str) and hasattr(step, "transform") and not hasattr(step, "categories_"):
                return  # behind it the columns are others
        return
    inner = getattr(part, "transformers_", None)
    if isinstance(inner, list):
        for _, step, columns in inner:
            picked = _picked(columns, names)
            if picked:
                _look(step, picked, found)
        return
    categories = getattr(part, "categories_", None)
    if isinstance(categories, list) and len(categories) == len(names):
        known: Mapping[str, Any] = dict(zip(names, categories, strict=True))
        for name, values in known.items():
            found.setdefault(name, list(np.asarray(values, dtype=object).tolist()))


def _picked(columns: Any, names: list[str]) -> list[str]:
    if isinstance(columns, str):
        return [columns]
    if isinstance(columns, slice):
        return names[columns] if all(end is None or isinstance(end, int) for end in (columns.start, columns.stop)) else []
    picked = list(np.asarray(columns).tolist()) if not callable(columns) else []
    if picked and all(isinstance(one, bool) for one in picked):
        return [name for name, wanted in zip(names, picked, strict=False) if wanted]
    return [one if isinstance(one, str) else names[one] for one in picked if isinstance(one, str) or one < len(names)]
