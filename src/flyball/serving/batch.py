"""Many rows at once: split by unit as the server splits, scored in one call per version, and turned into batches for the log."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.schema import Kind
from flyball.core.table import Array, Table
from flyball.serving.codecs import encode_label
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import Scores, confidence, labels
from flyball.serving.records import Deployment, Label, PredictionBatch, Variant
from flyball.serving.traffic import (
    EVERYBODY,
    HOLDBACK,
    OVERRIDE,
    UNASSIGNED,
    Split,
    answer_propensity,
    holdback_seed,
    propensity_of,
)
from flyball.stats.assignment import in_shares

ROWS_PER_BATCH = 2_000  # what an ingester commits at once, so that other writers do not wait long

Ints = NDArray[np.int64]

_NOWHERE: Ints = np.empty(0, dtype=np.int64)


@record
class BatchRows:
    """Checked rows with what the log keeps beside them. `at` is in microseconds; all have one length."""

    table: Table
    ids: Sequence[str]
    unit: Sequence[str | None]
    entity: Sequence[str | None]
    at: Ints


@record
class Arm:
    """What one version said of some rows: `rows` are their positions, `logged` is the variant that the log keeps.

    Confidences are None where there are no probabilities. The label of a model with several outputs is its numbers as JSON.
    `propensity`: how likely each answer was; None where nothing was left to chance.
    """

    version: LiveVersion
    variant: Variant
    logged: str
    rows: Ints
    label: NDArray[np.object_]
    confidence: NDArray[np.float64] | None
    score: Scores
    propensity: NDArray[np.float64] | None = None


@record
class Said:
    """The answers to some rows. `broken`: rows to which no version gave a finite number; `fallbacks`: rows a challenger failed on."""

    arms: tuple[Arm, ...]
    broken: Ints
    fallbacks: int


@record
class Shadowed:
    """What one shadow version said; `missed` counts rows it could not score."""

    arm: Arm
    missed: int


def answer(live: LiveModel, rows: BatchRows, split: Split = EVERYBODY) -> Said:
    """Let champion and challenger score their shares; what a challenger cannot score, the champion does. DataError if it cannot either.

    As in the server: units that testers pinned are logged as `override`, those held back are scored by the champion and answered with the
    negative label; rows that only the champion can read, or that it answers in the challenger's place, are logged as unassigned.
    """
    split = split if live.champion.manifest.task == "binary" else Split(overrides=split.overrides)
    chosen = _chosen(live.deployment, rows, split)
    both = np.ones(len(rows.ids), dtype=np.bool_) if live.challenger is None else _complete(live.challenger, rows.table)
    arms: list[Arm] = []
    left = np.zeros(len(rows.ids), dtype=np.bool_)  # the challenger's rows that it did not answer
    for logged in ("challenger", OVERRIDE):
        theirs = chosen.challenger & (chosen.logged == logged)
        left |= theirs
        places = np.flatnonzero(theirs & both) if live.challenger is not None else _NOWHERE
        if live.challenger is None or not len(places):
            continue
        try:
            arms.append(_score(live.challenger, "challenger", rows.table, places, logged))
            left[arms[-1].rows] = False
        except Exception:  # noqa: BLE001, S110 - as in the server: a broken challenger costs nobody an answer
            pass
    fallbacks = int(left.sum())
    ours = ~chosen.challenger | left
    aside = left | ~both
    for logged in ("champion", UNASSIGNED, OVERRIDE, HOLDBACK):
        if logged == UNASSIGNED:
            mine = aside & np.isin(chosen.logged, ("champion", "challenger"))
        else:
            mine = (chosen.logged == logged) & (~aside if logged == "champion" else True)
        arms.append(_score(live.champion, "champion", rows.table, np.flatnonzero(ours & mine), logged))
    said = tuple(_weighed(live.deployment, arm, split) for arm in reversed(arms) if len(arm.rows))
    broken = _NOWHERE
    if sum(len(arm.rows) for arm in said) < len(rows.ids):
        broken = np.setdiff1d(np.arange(len(rows.ids)), np.concatenate([_NOWHERE, *(arm.rows for arm in said)]))
    return Said(arms=said, broken=broken, fallbacks=fallbacks)


def _weighed(deployment: Deployment, arm: Arm, split: Split) -> Arm:
    """How likely each answer was; for units that are held back, the answer that they get."""
    classes = arm.version.manifest.classes
    acts = arm.label == classes[1] if split.holdback > 0.0 else np.zeros(len(arm.rows), dtype=np.bool_)
    chance = propensity_of(deployment, arm.variant) if arm.logged == arm.variant else None
    yes, no = (answer_propensity(arm.logged, chance, split, acts=one) for one in (True, False))
    propensity = None if yes is None or no is None else np.where(acts, yes, no)
    if arm.logged != HOLDBACK:
        return replace(arm, propensity=propensity)
    label = np.full(len(arm.rows), classes[0], dtype=object)
    return replace(arm, propensity=propensity, label=label, confidence=None if arm.confidence is None else 1.0 - arm.score)


def shadowed(live: LiveModel, table: Table) -> list[Shadowed]:
    """What each shadow version says of the rows it can score; whatever is wrong with one costs nobody anything."""
    found = []
    for projection in live.shadows:
        places = np.flatnonzero(_complete(projection.live, table))
        try:
            arm = _score(projection.live, "challenger", table, places)
        except Exception:  # noqa: BLE001 - a shadow may break in any way: its rows are counted as missed
            arm = _nothing(projection.live)
        found.append(Shadowed(arm=arm, missed=table.rows - len(arm.rows)))
    return found


@record
class _Chosen:
    challenger: NDArray[np.bool_]
    logged: NDArray[np.object_]


def _chosen(deployment: Deployment, rows: BatchRows, split: Split) -> _Chosen:
    """Whose each row is, and what is logged as its variant: the same as `choose` one by one."""
    count = len(rows.ids)
    drawn = deployment.challenger is not None and deployment.challenger_share > 0.0
    names = [own if unit is None else unit for unit, own in zip(rows.unit, rows.ids, strict=True)] if drawn or split.holdback > 0.0 else []
    challenger = in_shares(names, deployment.seed, deployment.challenger_share) if drawn else np.zeros(count, dtype=np.bool_)
    logged = np.where(challenger, "challenger", "champion").astype(object)
    if split.holdback > 0.0:
        held = in_shares(names, holdback_seed(deployment.model), split.holdback)
        challenger, logged[held] = challenger & ~held, HOLDBACK
    if split.overrides:
        for place, unit in enumerate(rows.unit):
            if unit is not None and (arm := split.overrides.get(unit)) is not None:
                challenger[place], logged[place] = arm == "challenger", OVERRIDE
    return _Chosen(challenger=challenger, logged=logged)


def log_batches(live: LiveModel, rows: BatchRows, arms: Sequence[Arm], *, worker: str, made_at: int) -> Iterator[PredictionBatch]:
    """Answered rows as the log takes them, features included, a few thousand in each batch."""
    for arm in arms:
        for part in _places(arm):  # part by part: twenty numbers a row as objects leave every cache of the processor
            batch = _batch(live, rows, arm, part, worker=worker, made_at=made_at, shadow=False)
            yield PredictionBatch(**{**batch, "features": _features(live, rows.table, arm.rows[part.start : part.stop])})


def shadow_batches(live: LiveModel, rows: BatchRows, arms: Sequence[Arm], *, worker: str, made_at: int) -> Iterator[PredictionBatch]:
    """What shadows said of the same rows: the ids of the answered rows, nothing of their features."""
    for arm in arms:
        for part in _places(arm):
            batch = _batch(live, rows, arm, part, worker=worker, made_at=made_at, shadow=True)
            yield PredictionBatch(**{**batch, "features": [None] * len(batch["at"])})


def take(rows: BatchRows, places: Ints) -> BatchRows:
    """Some of the rows."""
    chosen = places.tolist()
    return BatchRows(
        table=rows.table.take(places),
        ids=[rows.ids[n] for n in chosen],
        unit=[rows.unit[n] for n in chosen],
        entity=[rows.entity[n] for n in chosen],
        at=rows.at[places],
    )


def _score(version: LiveVersion, variant: Variant, table: Table, places: Ints, logged: str = "") -> Arm:
    """The rows of `places` whose score is a finite number, scored in one call."""
    if not len(places):
        return _nothing(version, variant)
    names = [column.name for column in version.manifest.schema.columns]
    chosen = table.select(names)
    found = version.engine.score(chosen if len(places) == table.rows else chosen.take(places))
    if len(found) != len(places):
        raise DataError(f"version {version.version} gave {len(found)} scores for {len(places)} rows")
    finite = np.isfinite(found) if found.ndim == 1 else np.isfinite(found).all(axis=1)
    if not finite.all():
        places, found = places[finite], found[finite]
    if not len(places):
        return _nothing(version, variant)
    manifest = version.manifest
    if manifest.outputs:
        label, sure = np.array([encode_label(row) for row in found.tolist()], dtype=object), None
    else:
        label = labels(found, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes)
        sure = confidence(found, task=manifest.task, threshold=manifest.threshold) if manifest.probabilities else None
    return Arm(version=version, variant=variant, logged=logged or variant, rows=places, label=label, confidence=sure, score=found)


def _nothing(version: LiveVersion, variant: Variant = "challenger") -> Arm:
    return Arm(
        version=version,
        variant=variant,
        logged=variant,
        rows=_NOWHERE,
        label=_NOWHERE.astype(object),
        confidence=None,
        score=_NOWHERE.astype(np.float64),
    )


def _complete(version: LiveVersion, table: Table) -> NDArray[np.bool_]:
    """The rows that have every value this version cannot do without."""
    found = np.ones(table.rows, dtype=np.bool_)
    for column in version.manifest.schema.columns:
        if column.name not in table:
            return np.zeros(table.rows, dtype=np.bool_)
        if not column.nullable:
            values = table[column.name]
            found &= np.asarray(values != None, dtype=np.bool_) if values.dtype.kind == "O" else values == values  # noqa: E711
    return found


def _places(arm: Arm) -> list[range]:
    return [range(start, min(start + ROWS_PER_BATCH, len(arm.rows))) for start in range(0, len(arm.rows), ROWS_PER_BATCH)]


def _batch(live: LiveModel, rows: BatchRows, arm: Arm, part: range, *, worker: str, made_at: int, shadow: bool) -> dict[str, Any]:
    places = arm.rows[part.start : part.stop]
    chosen, number = places.tolist(), len(part)
    return {
        "model": live.model,
        "worker": worker,
        "schema_id": live.contract.schema_id,
        "feature_names": list(live.contract.names),
        "prediction_id": [rows.ids[n] for n in chosen],
        "version": [arm.version.version] * number,
        "variant": [arm.logged] * number,
        "shadow": [shadow] * number,
        "at": rows.at[places].tolist(),
        "made_at": [made_at] * number,
        "unit": [rows.unit[n] for n in chosen],
        "entity": [rows.entity[n] for n in chosen],
        "client_id": [None] * number,
        "label": arm.label[part.start : part.stop].tolist(),
        "score": arm.score[part.start : part.stop].tolist(),
        "context": [None] * number,
        "propensity": [] if arm.propensity is None else arm.propensity[part.start : part.stop].tolist(),
    }


def _features(live: LiveModel, table: Table, places: Ints) -> list[list[Label | None] | None]:
    """The values of the rows in the contract's order, missing as None; numbers without gaps as the bytes that the log writes of them."""
    dense = len(places) > 0 and places[-1] - places[0] == len(places) - 1
    chosen = slice(int(places[0]), int(places[-1]) + 1) if dense else places
    arrays = [None if column.name not in table else table[column.name][chosen] for column in live.contract.columns]
    typed = [_typed(values, column.kind) for values, column in zip(arrays, live.contract.columns, strict=True)]
    numbers = [values for values in typed if values is not None]
    if len(numbers) == len(typed):
        return cast(list[list[Label | None] | None], packed(numbers))  # whoever writes the batch takes it for what it stands for
    columns: list[list[Any]] = [
        values.tolist() if values is not None else [None] * len(places) if array is None else _with_gaps(array, column.kind)
        for values, array, column in zip(typed, arrays, live.contract.columns, strict=True)
    ]
    # tuples are written as lists are, and nothing else is done with them
    return cast(list[list[Label | None] | None], list(zip(*columns, strict=True)))


def packed(columns: Sequence[Array]) -> msgspec.Raw:
    """The MessagePack of rows of float64, int64 and bool columns of one length, at a tenth of the cost of making objects first.

    >>> msgspec.msgpack.decode(packed([np.array([0.5, 2.0]), np.array([1, -1]), np.array([True, False])]))
    [[0.5, 1, True], [2.0, -1, False]]
    """
    count, width = len(columns[0]), len(columns)
    head = [0x90 | width] if width < 16 else [0xDC, width >> 8, width & 0xFF]
    size = len(head) + sum(1 if values.dtype.kind == "b" else 9 for values in columns)
    cells = np.empty((count, size), dtype=np.uint8)
    cells[:, : len(head)] = head
    place = len(head)
    for values in columns:
        if values.dtype.kind == "b":
            cells[:, place] = np.where(values, 0xC3, 0xC2)
            place += 1
            continue
        cells[:, place] = 0xCB if values.dtype.kind == "f" else 0xD3
        big = values.astype(">f8" if values.dtype.kind == "f" else ">i8")
        cells[:, place + 1 : place + 9] = big.view(np.uint8).reshape(count, 8)
        place += 9
    return msgspec.Raw(b"\xdd" + count.to_bytes(4, "big") + cells.tobytes())


def _typed(values: Array | None, kind: Kind) -> Array | None:
    """Numbers or truth values without gaps in the type the log keeps; None for anything else."""
    if values is None or values.dtype.kind not in "fib" or (values.dtype.kind == "f" and np.isnan(values).any()):
        return None
    if values.dtype.kind == "f" and kind in ("integer", "boolean"):
        return values.astype(np.int64 if kind == "integer" else np.bool_)
    return values


def _with_gaps(values: Array, kind: Kind) -> list[Any]:
    """A column of which something is missing, or which is text."""
    if values.dtype.kind != "f":
        return cast(list[Any], values.tolist())
    gone = np.isnan(values)
    cells: list[Any] = cast(Array, _typed(np.where(gone, 0.0, values), kind)).tolist()
    for row in np.flatnonzero(gone).tolist():
        cells[row] = None
    return cells
