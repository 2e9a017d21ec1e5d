"""Good enough? The held-out scores of a candidate, the comparison with the champion on rows new to both, and the gate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.snapshot import WEIGHT, micros
from flyball.data.split import blocks_of
from flyball.evaluation.compare import compare, day_gains
from flyball.evaluation.gate import gate
from flyball.evaluation.records import ENOUGH_TO_DIFFER, Comparison, Decision, Evaluation, SliceComparison
from flyball.evaluation.score import evaluate
from flyball.evaluation.slices import compare_slices
from flyball.journal.events import DayGain
from flyball.registry.records import Manifest
from flyball.spec.records import GateCheck, Spec

Label = str | int | float | bool
_OF_ANSWERS = frozenset({"accuracy", "error", "precision", "recall", "f1"})  # of a binary task: what the threshold makes of the scores


@record
class Candidate:
    """The held-out rows and what the candidate says of them; when its newest training label was known, and what was held out by rule."""

    test: Table
    scores: NDArray[np.float64]
    classes: tuple[Label, ...]
    trained_until: datetime | None
    held_out: str


@record
class Rival:
    """The champion's version and a way to open it: its manifest, and how it scores rows. Opening may fail."""

    version: int
    open: Callable[[], tuple[Manifest, Callable[[Table], NDArray[np.float64]]]]


def assess(spec: Spec, candidate: Candidate) -> Evaluation:
    """Metrics overall, with bounds by block, and by slice."""
    return evaluate(
        spec.model.task,
        spec.evaluate.metrics,
        candidate.test[spec.data.target],
        candidate.scores,
        candidate.classes,
        spec.model.cut,
        blocks_of(candidate.test, spec.data),
        {name: candidate.test[name] for name in spec.evaluate.slices},
        spec.evaluate.split.seed,
        weight_of(candidate.test),
    )


@record
class Judgement:
    """The gate's decision, and the days new to both models with which a live comparison of the two can begin.

    `same_as`: the champion that says the very same of every row new to both; 0 if it says anything else, or there are too few rows to tell.
    """

    decision: Decision
    head_start: tuple[DayGain, ...]
    same_as: int = 0


@record
class Duel:
    """The rows new to candidate and champion, and what each says of them. The champion answers by the threshold it was made with."""

    rows: Table
    candidate: NDArray[np.float64]
    champion: NDArray[np.float64]
    threshold: float

    def same(self, cut: float) -> bool:
        """Whether both say the very same of every row, and there are enough of them for that to be no chance."""
        return self.rows.rows >= ENOUGH_TO_DIFFER and self.threshold == cut and np.array_equal(self.candidate, self.champion)

    def champion_for(self, metric: str, cut: float) -> NDArray[np.float64]:
        """The champion's scores; where the metric looks at answers only, such that its own answers follow from `cut`."""
        if metric not in _OF_ANSWERS or self.champion.ndim != 1 or self.threshold == cut:
            return self.champion
        return np.where(self.champion >= self.threshold, cut, np.nextafter(cut, -np.inf))


def judge(spec: Spec, candidate: Candidate, evaluation: Evaluation, rival: Rival | None) -> Judgement:
    """The gate's decision. Without a champion there is nothing to compare; a comparison that cannot be made is undecided."""
    if rival is None:
        return Judgement(decision=gate(spec.evaluate.gate, evaluation, None), head_start=())
    duel = meet(spec, candidate, rival)
    if isinstance(duel, FlyballError):
        wanted = dict.fromkeys(_compared_metrics(spec))
        return Judgement(decision=gate(spec.evaluate.gate, evaluation, wanted, trouble=_in_one_line(duel)), head_start=())
    decision = gate(spec.evaluate.gate, evaluation, _comparisons(spec, candidate, duel), sliced=_sliced(spec, candidate, duel))
    told = replace(decision, slices=_by_slice(spec, candidate, duel, spec.rollout.metric, spec.evaluate.slices))
    same_as = rival.version if duel is not None and duel.same(spec.model.cut) else 0
    return Judgement(decision=told, head_start=_head_start(spec, candidate, duel), same_as=same_as)


def checks_digest(spec: Spec) -> str:
    """Tells whether the gate of the spec has changed."""
    return sha256_json([to_plain(part) for part in (spec.evaluate.gate, spec.evaluate.replay, spec.evaluate.untouched)])


def meet(spec: Spec, candidate: Candidate, rival: Rival) -> Duel | FlyballError | None:
    """Candidate and champion on rows later than both trainings, or held out from both by one rule; None if there are none.

    The error if the champion cannot say anything here.
    """
    try:
        champion, score = rival.open()
        fresh = _new_to_both(spec, candidate, champion)
        if not fresh.any() or champion.classes != candidate.classes or champion.task != spec.model.task:
            return None
        rows = candidate.test.take(fresh)
        said = score(rows.select(champion.schema.names))
        return Duel(rows=rows, candidate=candidate.scores[fresh], champion=said, threshold=champion.threshold)
    except FlyballError as error:  # a feature the champion reads is gone, or its bundle cannot be used here: no evidence either way
        return error


def _in_one_line(error: FlyballError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _compared_metrics(spec: Spec) -> list[str]:
    return sorted({check.metric for check in spec.evaluate.gate if check.better or check.not_worse})


def _sliced(spec: Spec, candidate: Candidate, duel: Duel | None) -> Mapping[GateCheck, tuple[SliceComparison, ...]]:
    """What is compared for each line of the gate that asks in slices."""
    asked = {check: spec.evaluate.slices if check.slices else (check.slice,) for check in spec.evaluate.gate if check.slices or check.slice}
    return {
        check: _by_slice(spec, candidate, duel, check.metric, [name for name in columns if name is not None])
        for check, columns in asked.items()
    }


def _by_slice(spec: Spec, candidate: Candidate, duel: Duel | None, metric: str, columns: Sequence[str]) -> tuple[SliceComparison, ...]:
    if duel is None or not columns:
        return ()
    return compare_slices(
        metric,
        duel.rows[spec.data.target],
        duel.candidate,
        duel.champion_for(metric, spec.model.cut),
        candidate.classes,
        spec.model.cut,
        blocks_of(duel.rows, spec.data),
        {name: duel.rows[name] for name in columns},
        spec.evaluate.split.seed,
        weight=weight_of(duel.rows),
    )


def _comparisons(spec: Spec, candidate: Candidate, duel: Duel | None) -> Mapping[str, Comparison | None]:
    """Per metric the gate compares."""
    wanted = _compared_metrics(spec)
    if duel is None:
        return dict.fromkeys(wanted)
    blocks = blocks_of(duel.rows, spec.data)
    return {
        metric: compare(
            metric,
            duel.rows[spec.data.target],
            duel.candidate,
            duel.champion_for(metric, spec.model.cut),
            candidate.classes,
            spec.model.cut,
            blocks,
            spec.evaluate.split.seed,
            weight_of(duel.rows),
        )
        for metric in wanted
    }


def _head_start(spec: Spec, candidate: Candidate, duel: Duel | None) -> tuple[DayGain, ...]:
    """Day by day, by the rollout's metric. Without time there are no days; where rows weigh differently nothing is paired live."""
    if duel is None or spec.data.time is None or WEIGHT in duel.rows:
        return ()
    days, rows, gains = day_gains(
        spec.row_metric,
        duel.rows[spec.data.target],
        duel.candidate,
        duel.champion_for(spec.row_metric, spec.model.cut),
        candidate.classes,
        spec.model.cut,
        blocks_of(duel.rows, spec.data),
    )
    return tuple(
        DayGain(day=day, rows=count, gain=gain) for day, count, gain in zip(days.tolist(), rows.tolist(), gains.tolist(), strict=True)
    )


def weight_of(rows: Table) -> NDArray[np.float64] | None:
    """How much each row counts; None where all count the same."""
    return np.asarray(rows[WEIGHT], dtype=np.float64) if WEIGHT in rows else None


def _new_to_both(spec: Spec, candidate: Candidate, champion: Manifest) -> NDArray[np.bool_]:
    if candidate.held_out and candidate.held_out == champion.held_out:
        return np.ones(candidate.test.rows, dtype=np.bool_)
    ends = (candidate.trained_until, champion.trained_until)
    if spec.data.time is None or ends[0] is None or ends[1] is None:
        return np.zeros(candidate.test.rows, dtype=np.bool_)
    return micros(candidate.test[spec.data.time]) > max(to_micros(end) for end in ends if end is not None)
