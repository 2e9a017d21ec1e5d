"""What two versions say of the same logged requests, compared: pure, from two sets of scores to one report."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.reason import Reason, because
from flyball.core.table import Table
from flyball.evaluation.compare import compare
from flyball.evaluation.records import Comparison
from flyball.evaluation.replay_records import Confusion, Disagreement, Label, ReplayReport, Requests, Said, Shift, Trouble
from flyball.evaluation.where import DAYS, where
from flyball.spec.records import Task
from flyball.stats.distances import ks_exact
from flyball.stats.intervals import block_t, blocks_of, wilson
from flyball.stats.losses import Floats, predicted

_EXAMPLES = 5
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 40
_LABELS = 20
# Answers of a regression that are less than this part of the champion's standard deviation apart are the same for all that matters.
_SAME = 0.1
_OTHERS = "others"


def ask(
    score: Callable[[Table], Floats],
    features: Table,
    *,
    version: int,
    task: Task,
    classes: tuple[Label, ...],
    threshold: float,
    calls: int = 400,
) -> Said:
    """What a version says of every row. Where it fails, the rows at fault are found by halving: the others keep their scores.

    `calls`: after so many attempts all rows that were not answered yet count as failed, so that a version that fails everywhere is not
    asked for ever.
    """
    failed = np.zeros(features.rows, dtype=np.bool_)
    parts: list[tuple[NDArray[np.int64], Floats]] = []
    waiting, message = [np.arange(features.rows, dtype=np.int64)] if features.rows else [], ""
    while waiting:
        rows = waiting.pop()
        if calls <= 0:
            failed[rows] = True
            continue
        calls -= 1
        try:
            parts.append((rows, np.asarray(score(features.take(rows)), dtype=np.float64)))
        except FlyballError as error:
            message = message or error.message
            if len(rows) == 1:
                failed[rows] = True
            else:
                waiting += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
    shape = parts[0][1].shape[1:] if parts else (len(classes),) if task == "multiclass" else ()
    scores = np.full((features.rows, *shape), np.nan)
    for rows, found in parts:
        scores[rows] = found
    return Said(version=version, task=task, scores=scores, failed=failed, message=message, classes=classes, threshold=threshold)


def compare_answers(
    model: str,
    requests: Requests,
    champion: Said,
    candidate: Said,
    *,
    metrics: Sequence[str] = (),
    seed: int = 0,
    left_out: tuple[Reason, ...] = (),
    asked: int | None = None,
    places: bool = True,
) -> ReplayReport:
    """The report of a replay. `left_out` and `asked` tell of rows that neither was asked; `places`: search where they disagree."""
    finite = [_finite(said.scores) for said in (champion, candidate)]
    answered = ~champion.failed
    both = answered & ~candidate.failed & finite[0] & finite[1]
    rows = np.flatnonzero(both)
    old, new = champion.scores[rows], candidate.scores[rows]
    names = (_names(champion, old), _names(candidate, new))
    day = requests.day[rows]
    comparable = champion.task == candidate.task and len(rows) > 0
    differs, tolerance = _differs(champion.task, names, old, new) if comparable else (np.zeros(len(rows), dtype=np.bool_), None)
    gains, outcomes = _gains(requests, champion, candidate, rows, metrics, seed)
    return ReplayReport(
        model=model,
        candidate=candidate.version,
        champion=champion.version,
        asked=len(requests.ids) if asked is None else asked,
        compared=len(rows),
        left_out=left_out,
        errors=_trouble(requests, answered & candidate.failed, candidate.message),
        not_finite=_trouble(requests, answered & finite[0] & ~candidate.failed & ~finite[1], ""),
        champion_errors=int(np.count_nonzero(champion.failed)),
        identical=comparable and old.shape == new.shape and champion.classes == candidate.classes and bool(np.array_equal(old, new)),
        disagreement=_disagreement(differs, day, tolerance) if comparable else None,
        where=where(differs, requests.features.take(rows), day) if comparable and places else (),
        shift=_shift(champion, candidate, old, new) if comparable else None,
        confusion=_confusion(names, champion, candidate) if comparable and champion.task != "regression" else None,
        outcomes=outcomes,
        gains=gains,
    )


def _finite(scores: Floats) -> NDArray[np.bool_]:
    return np.isfinite(scores) if scores.ndim == 1 else np.asarray(np.isfinite(scores).all(axis=1), dtype=np.bool_)


def _names(said: Said, scores: Floats) -> NDArray[np.object_]:
    """The label of each row; for a regression the value itself."""
    if said.task == "regression":
        return scores.astype(object) if scores.ndim == 1 else np.empty(len(scores), dtype=object)
    known = np.empty(len(said.classes), dtype=object)
    known[:] = list(said.classes)
    return known[predicted(scores, said.threshold)]


def _differs(
    task: Task, names: tuple[NDArray[np.object_], NDArray[np.object_]], old: Floats, new: Floats
) -> tuple[NDArray[np.bool_], float | None]:
    if task != "regression":
        return np.asarray(names[0] != names[1], dtype=np.bool_), None
    if old.shape != new.shape:
        return np.ones(len(old), dtype=np.bool_), 0.0
    tolerance = _SAME * float(old.std()) if len(old) else 0.0
    apart = np.abs(new - old) > tolerance
    return (apart if apart.ndim == 1 else np.asarray(apart.any(axis=1), dtype=np.bool_)), tolerance


def _disagreement(differs: NDArray[np.bool_], day: NDArray[np.int64], tolerance: float | None) -> Disagreement:
    """Wilson's interval; from five days on the wider of it and Student's t over days."""
    rows, hits = len(differs), int(differs.sum())
    lower, upper = wilson(hits, rows, alpha=0.025)
    days = len(np.unique(day))
    if days >= DAYS:
        block = blocks_of(day)
        found = block_t(np.bincount(block, weights=differs).astype(np.float64), np.bincount(block).astype(np.float64), alpha=0.025)
        if found is not None and found.lower is not None and found.upper is not None:
            lower, upper = max(0.0, min(lower, found.lower)), min(1.0, max(upper, found.upper))
    return Disagreement(rows=rows, differing=hits, share=hits / rows, lower=lower, upper=upper, days=days, tolerance=tolerance)


def _trouble(requests: Requests, rows: NDArray[np.bool_], message: str) -> Trouble:
    examples = tuple(str(name) for name in requests.ids[rows][:_EXAMPLES].tolist())
    return Trouble(rows=int(np.count_nonzero(rows)), examples=examples, message=message if rows.any() else "")


def _shift(champion: Said, candidate: Said, old: Floats, new: Floats) -> Shift | None:
    """Of several classes the one whose mean probability moved most."""
    of = ""
    if old.ndim == 2 or new.ndim == 2:
        shared = [name for name in champion.classes if name in candidate.classes] if champion.task == "multiclass" else []
        if not shared:
            return None
        pairs = [(old[:, champion.classes.index(name)], new[:, candidate.classes.index(name)]) for name in shared]
        moved = int(np.argmax([abs(float((after - before).mean())) for before, after in pairs]))
        (old, new), of = pairs[moved], str(shared[moved])
    elif champion.task == "binary":
        if champion.classes != candidate.classes:
            return None
        of = str(champion.classes[1])
    levels = np.array([np.quantile(old, _QUANTILES), np.quantile(new, _QUANTILES)])
    low, high = float(min(old.min(), new.min())), float(max(old.max(), new.max()))
    if champion.task != "regression":
        low, high = 0.0, 1.0
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    return Shift(
        of=of,
        mean=float((new - old).mean()),
        distance=ks_exact(old, new)[0],
        quantiles={f"{level:g}": (float(before), float(after)) for level, (before, after) in zip(_QUANTILES, levels.T, strict=True)},
        edges=tuple(float(edge) for edge in edges),
        champion=tuple(int(count) for count in np.histogram(np.clip(old, edges[0], edges[-1]), edges)[0]),
        candidate=tuple(int(count) for count in np.histogram(np.clip(new, edges[0], edges[-1]), edges)[0]),
    )


def _confusion(names: tuple[NDArray[np.object_], NDArray[np.object_]], champion: Said, candidate: Said) -> Confusion:
    """The labels in the order of the classes; of more than twenty those that are said least often are put together."""
    every = list(dict.fromkeys([*champion.classes, *candidate.classes]))
    place = {name: at for at, name in enumerate(every)}
    codes = [np.fromiter((place[name] for name in side.tolist()), dtype=np.int64, count=len(side)) for side in names]
    counts = np.bincount(codes[0] * len(every) + codes[1], minlength=len(every) ** 2).reshape(len(every), len(every))
    labels = [str(name) for name in every]
    if len(every) > _LABELS:
        kept = np.sort(np.argsort(-(counts.sum(axis=0) + counts.sum(axis=1)), kind="stable")[: _LABELS - 1])
        group = np.full(len(every), _LABELS - 1)
        group[kept] = np.arange(_LABELS - 1)
        small = np.zeros((_LABELS, _LABELS), dtype=np.int64)
        np.add.at(small, (group[:, None], group[None, :]), counts)
        counts, labels = small, [*(labels[at] for at in kept.tolist()), _OTHERS]
    return Confusion(labels=tuple(labels), counts=tuple(tuple(int(count) for count in row) for row in counts.tolist()))


def _gains(
    requests: Requests, champion: Said, candidate: Said, rows: NDArray[np.int64], metrics: Sequence[str], seed: int
) -> tuple[tuple[Comparison, ...], int]:
    """The paired gain in each metric, on the rows that neither learned from and whose outcome is known; and how many these are."""
    if champion.task != candidate.task or champion.classes != candidate.classes:
        return (), 0
    known = {*candidate.classes} if candidate.classes else None
    told = [value is not None and (known is None or value in known) for value in requests.actual[rows].tolist()]
    rows = rows[np.array(told, dtype=np.bool_) & requests.fresh[rows]]
    if len(rows) < 2 or champion.scores.shape != candidate.scores.shape:
        return (), len(rows)
    found = (
        compare(
            metric,
            requests.actual[rows],
            candidate.scores[rows],
            champion.scores[rows],
            candidate.classes,
            candidate.threshold,
            requests.day[rows],
            seed,
        )
        for metric in metrics
    )
    return tuple(one for one in found if one is not None), len(rows)


def replay_reasons(report: ReplayReport) -> tuple[Reason, ...]:
    """What a replay found, in the order in which one wants to know it."""
    reasons = [because("replay.compared", compared=report.compared, asked=report.asked)]
    for code, trouble in (("replay.errors", report.errors), ("replay.not_finite", report.not_finite)):
        if trouble.rows:
            reasons.append(
                because(code, rows=trouble.rows, asked=report.asked, message=trouble.message, examples=", ".join(trouble.examples))
            )
    if report.champion_errors:
        reasons.append(because("replay.champion_errors", rows=report.champion_errors, version=report.champion))
    if report.identical:
        reasons.append(because("replay.identical", rows=report.compared))
    apart = report.disagreement
    if apart is not None and not report.identical:
        code = "replay.disagreement" if apart.tolerance is None else "replay.apart"
        reasons.append(
            because(
                code,
                share=apart.share,
                lower=apart.lower,
                upper=apart.upper,
                differing=apart.differing,
                rows=apart.rows,
                tolerance=apart.tolerance,
            )
        )
    if report.shift is not None and not report.identical:
        shift = report.shift
        reasons.append(because("replay.shift", mean=shift.mean, distance=shift.distance, of=shift.of))
    reasons += [place.reason for place in report.where]
    reasons += [
        because("replay.gain", metric=one.metric, gain=one.gain, lower=one.lower, upper=one.upper, rows=one.rows, blocks=one.blocks)
        for one in report.gains
    ]
    if report.latency is not None:
        it = report.latency
        reasons.append(
            because("replay.latency", rows=it.rows, candidate=it.candidate_median * 1e6, champion=it.champion_median * 1e6, ratio=it.ratio)
        )
    return (*reasons, *report.left_out, *report.notes)
