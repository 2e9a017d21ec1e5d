"""Labels that the model's own action shaped: which logged rows are left out of learning, and how much the rows of the holdback count.

Where an answer leads to an action (`model.influences_outcome`: an offer to whoever is likely to leave), the outcome of a row that was
acted on does not tell what would have happened without the action. Such rows are left out. That alone would leave the rows the model
thought harmless, so rows of the holdback, which were answered as if nothing was to be done, stand for those that were left out.

Inverse propensity weighting (Horvitz and Thompson 1952): a row that had the chance pi to be seen without action weighs w = 1 / pi. A
holdback row has the pi that was logged with it: the holdback's share of that day where the model would have acted, 1 where it would not.
Where none was logged, the share of the spec and the threshold of its version stand in. Every other row that is left would have seen no
action either way, pi = 1. Means are w-weighted sums over the sum of w (Hajek 1971): nearly unbiased, and of smaller variance than
with the exact number of rows below. It holds if the holdback was drawn by chance alone, with the propensity in the log, which
assignment by unit does.
"""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.snapshot import WEIGHT, as_text, known_at
from flyball.data.source import Prepared
from flyball.journal.state import fold
from flyball.loop.making.workshop import Workshop
from flyball.registry.bundle import read_manifest
from flyball.serving.records import LoggedRows
from flyball.spec.records import Spec

HOLDBACK = "holdback"


@record
class Honest:
    """What may be learnt from: the source and the log without rows whose label an action shaped; `hidden`: how many of the log those are.

    Where rows count unequally the log's have the column `WEIGHT`. `told`: what was noticed.
    """

    prepared: Prepared
    logged: Table
    hidden: int
    told: tuple[Reason, ...]


def honest(spec: Spec, prepared: Prepared, rows: LoggedRows, logged: Table, *, cuts: Mapping[int, float], now: datetime) -> Honest:
    """Leave out what an action shaped and weigh the holdback. `logged` are `rows` under the names of the spec, row by row.

    `cuts`: the threshold of each version that answered, for rows without a logged propensity; the spec's where it is not known.
    Of several rows of one id the last counts, as always; where that one is hidden, so is what the source says of the id.
    """
    weight, hidden, unknown = weights(
        rows,
        positive=_positive(prepared.table, rows, spec) if spec.model.task == "binary" else None,
        cuts=cuts,
        cut=spec.model.cut,
        share=spec.rollout.holdback,
    )
    hidden |= unknown
    last = _last_of_its_id(logged, spec)
    gone = hidden if spec.data.id is None else _ids_of(logged, spec, last & hidden)
    known = known_at(logged, spec.data)
    ripe = np.ones(logged.rows, dtype=np.bool_) if known is None else known < to_micros(now)
    count = int(np.count_nonzero(hidden & last & ripe))
    source = prepared
    if spec.data.id is not None and spec.data.id in prepared.table and (hidden & last).any():
        shaped = {str(value) for value in logged[spec.data.id][hidden & last].tolist() if value is not None}
        names = as_text(prepared.table[spec.data.id]).tolist()
        keep = np.array([name not in shaped for name in names], dtype=np.bool_)
        source = _with_table(prepared, prepared.table.take(keep))
    left = logged.with_columns({WEIGHT: weight}).take(~(gone | hidden))
    return Honest(prepared=source, logged=left, hidden=count, told=tuple(_told(spec, count, left, int(np.count_nonzero(unknown)))))


def weights(
    rows: LoggedRows, *, positive: object, cuts: Mapping[int, float], cut: float, share: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """How much each row counts, which rows an action hid, and which of the holdback cannot be weighed, having no propensity.

    `positive`: the answer that is acted on; None: every answer is (a task with no such answer). For rows of the holdback that were logged
    without propensity: `share`, the holdback of the spec, and `cuts`, the threshold of each version, `cut` where it is not known.
    """
    count = len(rows.at)
    variant = rows.variant if rows.variant is not None else np.full(count, "", dtype=object)
    kept = np.array([name == HOLDBACK for name in variant.tolist()], dtype=np.bool_)
    acted = np.ones(count, dtype=np.bool_)
    would = np.ones(count, dtype=np.bool_)
    if positive is not None:
        acted = np.array([label == positive for label in rows.label.tolist()], dtype=np.bool_)
        version = rows.version if rows.version is not None else np.zeros(count, dtype=np.int64)
        limits = np.array([cuts.get(number, cut) for number in version.tolist()], dtype=np.float64)
        would = np.asarray(rows.score, dtype=np.float64).reshape(count) >= limits
    chance = np.full(count, np.nan) if rows.propensity is None else np.asarray(rows.propensity, dtype=np.float64)
    logged = ~np.isnan(chance)
    chance = np.where(logged | (share <= 0), chance, share)
    weighable = (chance > 0) & (chance <= 1)
    heavy = kept & (logged | would)
    weight = np.ones(count)
    weight[heavy & weighable] = 1.0 / chance[heavy & weighable]
    return weight, acted & ~kept, heavy & ~weighable


def cuts_of(spec: Spec, workshop: Workshop, rows: LoggedRows) -> dict[int, float]:
    """The thresholds of the versions that answered, as far as their bundles are on this machine."""
    found: dict[int, float] = {}
    if rows.version is None:
        return found
    versions = fold(spec.model.name, workshop.journal.read(spec.model.name)).versions
    for number in np.unique(rows.version).tolist():
        if number not in versions:
            continue
        digest = versions[number].registered.bundle
        try:
            found[number] = read_manifest(workshop.bundles.path(digest), digest).threshold
        except FlyballError:  # a fresh checkout: the spec's threshold is what is known
            continue
    return found


def _told(spec: Spec, hidden: int, left: Table, unknown: int) -> list[Reason]:
    found = []
    weight = left[WEIGHT]
    held_back = int(np.count_nonzero(weight > 1))
    if hidden:
        found.append(because("train.hidden", rows=hidden))
    if unknown:
        found.append(because("train.holdback_without_propensity", rows=unknown))
    if held_back:
        heaviest, effective = float(weight.max()), float(weight.sum() ** 2 / np.square(weight).sum())
        found.append(because("train.weighed", rows=held_back, weight=heaviest, of=left.rows, effective=effective))
    elif hidden:
        found.append(because("train.hidden_without_holdback", rows=hidden))
    if spec.retrain.source == "source+log" and (hidden or held_back):
        found.append(because("train.source_taken_as_is", source=spec.data.source))
    return found


def _positive(source: Table, rows: LoggedRows, spec: Spec) -> object:
    """The larger of the two classes: what a score from the threshold on answers."""
    target = source[spec.data.target].tolist()
    classes = {value for value in [*target, *rows.actual.tolist(), *rows.label.tolist()] if value is not None and value == value}
    try:
        return max(classes) if classes else 1
    except TypeError:  # a log that held other labels once: the data says what they are now
        return max(value for value in target if value is not None and value == value)


def _last_of_its_id(logged: Table, spec: Spec) -> NDArray[np.bool_]:
    """Which rows are the last of their id; all of them without ids."""
    if spec.data.id is None:
        return np.ones(logged.rows, dtype=np.bool_)
    names = logged[spec.data.id].tolist()
    last = {value: row for row, value in enumerate(names)}
    return np.array([value is None or last[value] == row for row, value in enumerate(names)], dtype=np.bool_)


def _ids_of(logged: Table, spec: Spec, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every row that has the id of a chosen one."""
    assert spec.data.id is not None, "asked by the caller"
    names = logged[spec.data.id].tolist()
    wanted = {name for name, one in zip(names, chosen.tolist(), strict=True) if one and name is not None}
    return np.array([one or name in wanted for name, one in zip(names, chosen.tolist(), strict=True)], dtype=np.bool_)


def _with_table(prepared: Prepared, table: Table) -> Prepared:
    return Prepared(table=table, booleans=prepared.booleans, files=prepared.files, steps=prepared.steps, warnings=prepared.warnings)
