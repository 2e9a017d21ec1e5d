"""Which rows train and which test. Pure: the same rows and the same rule give the same split."""

import hashlib
import math
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.table import Array, Table
from flyball.core.window import from_micros
from flyball.data.records import Split
from flyball.data.snapshot import known_at, micros
from flyball.spec.records import DataSpec, SplitSpec

LEAST_TRAINING_ROWS = 10
LEAST_TEST_ROWS = 2


def split_rows(table: Table, data: DataSpec, rule: SplitSpec) -> Split:
    """Hold out a share of the rows.

    By time: the newest share, rows of one instant together; training uses only rows whose outcome was known before the first of them.
    By unit: whole units. By rows: single rows. Both are chosen by a hash of the unit (or of the id, or of the row's place) and the
    seed, not by drawing lots: a unit that was held out once is held out in every later training under the same rule.
    DataError if either side would be too small.
    """
    if not 0 < rule.test < 1:
        raise DataError(f"evaluate.split.test = {rule.test} must lie between 0 and 1", hint="0.2 holds out a fifth of the rows")
    split = _by_time(table, data, rule) if rule.by == "time" else _by_hash(table, data, rule)
    if len(split.train) < LEAST_TRAINING_ROWS or len(split.test) < LEAST_TEST_ROWS:
        raise DataError(
            f"of {table.rows} labelled rows {len(split.train)} would train and {len(split.test)} would test ({_why(split, table)})",
            hint=f"at least {LEAST_TRAINING_ROWS} must train and {LEAST_TEST_ROWS} must test: bring more rows, or change evaluate.split",
        )
    return split


def held_out(rule: SplitSpec, data: DataSpec) -> str:
    """The rule's name, if it holds out the same units or ids in every training; else empty.

    Two versions trained under the same name may be compared on held-out rows without asking when they were trained.
    """
    key = data.unit if rule.by == "unit" else data.id
    return "" if rule.by == "time" or key is None else f"{rule.by} {key} test {rule.test:g} seed {rule.seed}"


def blocks_of(table: Table, data: DataSpec) -> NDArray[np.int64]:
    """The block of each row, the unit of analysis: its day (since 1970, UTC), else its unit where units repeat, else the row itself."""
    if data.time is not None:
        return table[data.time].astype("datetime64[D]").astype(np.int64)
    if data.unit is not None:
        units, number = np.unique(_texts(table[data.unit]), return_inverse=True)
        if len(units) < table.rows:
            return number.astype(np.int64)
    return np.arange(table.rows, dtype=np.int64)


def _by_time(table: Table, data: DataSpec, rule: SplitSpec) -> Split:
    if data.time is None:
        raise DataError("evaluate.split by time needs data.time", hint='name the time column, or split by "unit" or "rows"')
    times = micros(table[data.time])
    if rule.test_span is not None:
        cut = int(times.max()) - rule.test_span // timedelta(microseconds=1) + 1 if table.rows else 0
    else:
        wanted = max(1, round(rule.test * table.rows))
        cut = int(np.sort(times)[table.rows - wanted])
    known = known_at(table, data)
    assert known is not None
    return Split(
        train=np.flatnonzero((times < cut) & (known < cut)).astype(np.int64),
        test=np.flatnonzero(times >= cut).astype(np.int64),
        cut_at=from_micros(cut),
    )


def _by_hash(table: Table, data: DataSpec, rule: SplitSpec) -> Split:
    if rule.by == "unit":
        if data.unit is None:
            raise DataError("evaluate.split by unit needs data.unit", hint='name the unit column, or split by "time" or "rows"')
        keys = _texts(table[data.unit])
    else:
        keys = _texts(table[data.id]) if data.id is not None else np.arange(table.rows).astype(str)
    distinct, number = np.unique(keys, return_inverse=True)
    places = np.array([_place(key, rule.seed) for key in distinct.tolist()])
    chosen = places < rule.test
    if not chosen.any() or chosen.all():  # a handful of units: the hash alone may put all of them on one side
        chosen = places <= np.sort(places)[max(0, math.ceil(rule.test * len(places)) - 1)]
    test = chosen[number]
    return Split(train=np.flatnonzero(~test).astype(np.int64), test=np.flatnonzero(test).astype(np.int64), cut_at=None)


def _texts(values: Array) -> NDArray[np.str_]:
    """As text; a missing unit or id is one of its own."""
    return np.array([f"\0{row}" if value is None else str(value) for row, value in enumerate(values.tolist())], dtype=object).astype(str)


def _place(key: str, seed: int) -> float:
    """Where a key falls in [0, 1)."""
    digest = hashlib.blake2b(f"{seed}:{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64


def _why(split: Split, table: Table) -> str:
    if split.cut_at is None:
        return "split by hash"
    between = table.rows - len(split.train) - len(split.test)
    return f"the test starts at {split.cut_at:%Y-%m-%d %H:%M} UTC; {between} earlier rows had no known outcome by then"
