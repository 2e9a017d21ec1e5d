"""One part of a batch: read, check, answer, write, log. Everything here happens in a thread of its own part."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.digest import sha256_bytes
from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.loop.batch.report import BadRow, BatchReport, Done
from flyball.loop.parts import Loaded, Part, RowSink, RowSource, Wanted
from flyball.serving.batch import Arm, BatchRows, Said, Shadowed, answer, log_batches, shadow_batches, shadowed, take
from flyball.serving.check import Problem, check_table
from flyball.serving.deployment import LiveModel
from flyball.serving.segments import MAGIC, encode
from flyball.serving.traffic import EVERYBODY, Split

_NO_TIME = np.iinfo(np.int64).min
_ROOM = 32_768
_SUFFIXES = 2**24  # a part never has more rows

WORKER = "predict"


@record
class BatchOrder:
    """A job of batch scoring. `log` None: nothing is logged; `durable`: each part's rows are on the disk before it
    is done, so that not even a power cut loses them. `started_at`: the time of rows that bring none (microseconds)."""

    live: LiveModel
    wanted: Wanted
    source: RowSource
    sink: RowSink
    out: Path
    kind: str
    kept: tuple[str, ...]
    header: tuple[str, ...]
    classes: tuple[Any, ...]  # of the probabilities that are written; empty: none are
    refuse_unseen: bool
    skip: bool
    log: Path | None
    durable: bool
    threads: int
    started_at: int | None = None
    job: str = ""
    split: Split = EVERYBODY


@record
class Made:
    """A part that is written but not yet done. `piece` is its part of the output, `segment` holds its rows for the log; both under names
    that no reader looks for, and None where nothing was to be written.
    """

    rows: int
    answered: int
    check: str
    bad: Sequence[BadRow]
    piece: Path | None
    segment: Path | None
    versions: Mapping[str, int]
    shadows: Mapping[str, int]
    missed: Mapping[str, int]
    fallbacks: int
    unseen: Mapping[str, int]
    zone_assumed: bool


def make(order: BatchOrder, part: Part, number: int, folder: Path, clock: Callable[[], int], attempt: str = "") -> Made:
    """Read, check, answer and write one part. If it has bad rows and none may be skipped, nothing is written.

    `attempt` is part of the names of what is written: two processes that make the same part do not write into each other's files.
    """
    loaded = part.load()
    checked = check_table(order.live.contract, loaded.table, refuse_unseen=order.refuse_unseen)
    problems = {**checked.problems, **loaded.problems}
    if loaded.at is not None:
        for row in np.flatnonzero(loaded.at == _NO_TIME).tolist():
            problems.setdefault(row, Problem(column=order.wanted.time or "", error="is empty: the row has no time"))
    rows, places = _rows(order, loaded, problems)
    said = _said(order, rows)
    if len(said.broken):
        for place in said.broken.tolist():
            problems[int(places[place])] = Problem(column="", error="the model's score is not a finite number")
        rows, places = _rows(order, loaded, problems)
        said = _said(order, rows)
    bad = _bad(order, loaded, problems)
    shadows: list[Shadowed] = []
    piece, segment, check = None, None, ""
    if not bad or order.skip:
        piece = folder / f"{number:07d}.{attempt}new"
        check = order.sink.write(piece, loaded, None if not len(problems) else places, columns(order, rows, said))
        if order.log is not None and len(places):
            shadows = shadowed(order.live, rows.table)
            segment = order.log / f"{segment_name(order, number)}.{attempt}new"
            _log(segment, order, rows, said, shadows, clock())
    return Made(
        rows=loaded.rows,
        answered=len(places),
        check=check,
        bad=bad,
        piece=piece,
        segment=segment,
        versions=_counted(said.arms),
        shadows={str(one.arm.version.version): len(one.arm.rows) for one in shadows},
        missed={str(one.arm.version.version): one.missed for one in shadows},
        fallbacks=said.fallbacks,
        unseen=checked.unseen,
        zone_assumed=loaded.zone_assumed,
    )


def segment_name(order: BatchOrder, number: int) -> str:
    """What the segment of a part is called in the log's folder, without its ending."""
    return f"{order.started_at or 0:016d}-{WORKER}-{order.job}-{number:07d}"


def columns(order: BatchOrder, rows: BatchRows, said: Said) -> dict[str, Array]:
    """What was said of every row, in the order of the rows and of the header."""
    count = len(rows.ids)
    found: dict[str, Array] = {
        "prediction": _gathered(said.arms, [_tidy(arm) for arm in said.arms], count, np.dtype(object)),
        "confidence": _gathered(said.arms, [_sure(arm) for arm in said.arms], count, np.dtype(np.float64)),
    }
    for output in order.live.champion.manifest.outputs:
        found[f"prediction_{output}"] = _gathered(said.arms, [_value(arm, output) for arm in said.arms], count, np.dtype(np.float64))
    for label in order.classes:
        per_class = [_probability(arm, label) for arm in said.arms]
        found[f"probability_{label}"] = _gathered(said.arms, per_class, count, np.dtype(np.float64))
    versions = [np.full(len(arm.rows), arm.version.version, dtype=np.int64) for arm in said.arms]
    found["version"] = _gathered(said.arms, versions, count, np.dtype(np.int64))
    variants = [np.full(len(arm.rows), arm.variant, dtype=object) for arm in said.arms]
    found["variant"] = _gathered(said.arms, variants, count, np.dtype(object))
    found["prediction_id"] = np.array(rows.ids, dtype=object) if count else np.empty(0, dtype=object)
    return {name: found[name] for name in order.header}


def add_up(order: BatchOrder, done: Sequence[Done]) -> BatchReport:
    """The report of all parts."""
    answered = sum(one.answered for one in done)
    return BatchReport(
        parts=len(done),
        rows=sum(one.rows for one in done),
        answered=answered,
        skipped=sum(one.skipped for one in done),
        logged=answered if order.log is not None else 0,
        versions=_sum(one.versions for one in done),
        shadows=_sum(one.shadows for one in done),
        missed=_sum(one.missed for one in done),
        fallbacks=sum(one.fallbacks for one in done),
        unseen=_sum(one.unseen for one in done),
        zone_assumed=any(one.zone_assumed for one in done),
    )


def _rows(order: BatchOrder, loaded: Loaded, problems: Mapping[int, Problem]) -> tuple[BatchRows, NDArray[np.int64]]:
    """The rows that have no problem, and where they stand in the table."""
    count = len(loaded.numbers)
    at = loaded.at if loaded.at is not None else np.full(count, order.started_at, dtype=np.int64)
    every = BatchRows(table=_filled(order, loaded), ids=_ids(order, loaded, at), unit=loaded.unit, entity=loaded.entity, at=at)
    places = np.arange(count, dtype=np.int64)
    if not problems:
        return every, places
    places = np.setdiff1d(places, np.fromiter(problems, dtype=np.int64, count=len(problems)))
    return take(every, places), places


def _filled(order: BatchOrder, loaded: Loaded) -> Table:
    """The rows, with a column that the file does not have as one of which every value is missing: as in a request that leaves it out."""
    count = len(loaded.numbers)
    absent = [column for column in order.live.contract.columns if column.nullable and column.name not in loaded.table]
    return loaded.table.with_columns(
        {column.name: np.full(count, None, dtype=object) if column.kind == "category" else np.full(count, np.nan) for column in absent}
    )


def _ids(order: BatchOrder, loaded: Loaded, at: NDArray[np.int64]) -> list[str]:
    """32 hex digits like a server's ids: milliseconds of the part's first time, then what the part is, then the row.

    Rows with a time of their own are the same prediction whenever the job runs; others belong to the time the job began.
    """
    deployment = order.live.deployment
    first = next((time for time in at.tolist() if time != _NO_TIME), 0)
    when = "" if loaded.at is not None else str(order.started_at)
    what = sha256_bytes(f"{deployment.model}\n{deployment.seq}\n{loaded.digest}\n{when}".encode())
    start = f"{first // 1000 & 0xFFFFFFFFFFFF:012x}8{what[:13]}"
    assert loaded.rows <= _SUFFIXES
    ends = _suffixes(max(_ROOM, 1 << (loaded.rows - 1).bit_length() if loaded.rows else 0))
    return [start + ends[number] for number in loaded.numbers.tolist()]


@lru_cache(maxsize=2)
def _suffixes(count: int) -> tuple[str, ...]:
    """The numbers of rows as they stand in ids."""
    return tuple(f"{number:06x}" for number in range(count))


def _said(order: BatchOrder, rows: BatchRows) -> Said:
    if not len(rows.ids):
        return Said(arms=(), broken=np.empty(0, dtype=np.int64), fallbacks=0)
    return answer(order.live, rows, order.split)


def _bad(order: BatchOrder, loaded: Loaded, problems: Mapping[int, Problem]) -> list[BadRow]:
    found = {int(loaded.numbers[row]): (problem.column, problem.error) for row, problem in problems.items()}
    found |= {number: ("", error) for number, error in loaded.broken.items()}
    numbers = sorted(found)
    told = order.sink.told(loaded, numbers) if numbers and order.skip else [""] * len(numbers)
    return [
        BadRow(number=number, column=found[number][0], error=found[number][1], values=values)
        for number, values in zip(numbers, told, strict=True)
    ]


def _log(path: Path, order: BatchOrder, rows: BatchRows, said: Said, shadows: Sequence[Shadowed], now: int) -> None:
    """A whole segment, on the disk."""
    answered = log_batches(order.live, rows, said.arms, worker=WORKER, made_at=now)
    others = shadow_batches(order.live, rows, [one.arm for one in shadows], worker=WORKER, made_at=now)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(MAGIC)
        for batch in chain(answered, others):
            file.write(encode(batch))
        if order.durable:
            file.flush()
            os.fsync(file.fileno())


def _gathered(arms: Sequence[Arm], values: Sequence[Array], count: int, kind: np.dtype[Any]) -> Array:
    if len(arms) == 1 and len(arms[0].rows) == count:
        return values[0]
    found = np.empty(count, dtype=values[0].dtype if values and all(one.dtype == values[0].dtype for one in values) else kind)
    for arm, part in zip(arms, values, strict=True):
        found[arm.rows] = part
    return found


def _tidy(arm: Arm) -> Array:
    """Labels in the type of the classes, which a file keeps better than objects; for regression the values."""
    kinds = {type(label) for label in arm.version.manifest.classes} or {float}
    if len(kinds) == 1 and (kind := kinds.pop()) in (bool, int, float) and arm.label.ndim == 1:
        return arm.label.astype({bool: np.bool_, int: np.int64, float: np.float64}[kind])
    return arm.label


def _sure(arm: Arm) -> Array:
    return np.full(len(arm.rows), np.nan) if arm.confidence is None else arm.confidence


def _value(arm: Arm, output: str) -> Array:
    """What a model of several outputs says of one of them."""
    known = arm.version.manifest.outputs
    return np.asarray(arm.score[:, known.index(output)]) if output in known else np.full(len(arm.rows), np.nan)


def _counted(arms: Sequence[Arm]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for arm in arms:
        found[f"{arm.version.version}/{arm.variant}"] += len(arm.rows)
    return dict(found)


def _probability(arm: Arm, label: object) -> Array:
    classes = list(arm.version.manifest.classes)
    if label not in classes:
        return np.full(len(arm.rows), np.nan)
    place = classes.index(label)
    if arm.score.ndim == 2:
        return np.asarray(arm.score[:, place])
    return arm.score if place == 1 else 1.0 - arm.score


def _sum(counts: Any) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(sorted(found.items()))
