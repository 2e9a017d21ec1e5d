"""The tests that a project declares in `tests.toml`, each asked of a version: from a declaration to what came of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError, RequestError, SpecError
from flyball.core.reason import Reason, Value, because
from flyball.core.schema import did_you_mean
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.data.snapshot import WEIGHT
from flyball.evaluation.score import members, truth_of
from flyball.loop.behaviour.changed import as_matrix, changed, column_of, score_of, table_of, usual_row
from flyball.loop.behaviour.records import Behaved, Subject
from flyball.serving.contract import Contract
from flyball.serving.engine import labels
from flyball.spec.behaviour import Directional, Invariance, Minimum, SliceBound
from flyball.spec.load_behaviour import FILE
from flyball.stats.scores import metric_for

_EXAMPLES = 3
_NOISE = 1e-9
Scores = NDArray[np.float64]


class Declared:
    """The declared tests over one version and a sample of its held-out rows, whose scores are asked for once."""

    def __init__(self, subject: Subject, sample: Table, features: Table) -> None:
        self._subject, self._manifest = subject, subject.manifest
        self._sample, self._features = sample, features
        self._scores: Scores | None = None

    def run(self, test: Invariance | Directional | Minimum | SliceBound) -> list[Behaved]:
        """What came of one declaration; a slice test gives one result for each slice. SpecError if it cannot be asked of this model."""
        match test:
            case Invariance():
                return [self._invariance(test)]
            case Directional():
                return [self._directional(test)]
            case Minimum():
                return [self._minimum(test)]
            case SliceBound():
                return self._slices(test)
        assert_never(test)

    def _before(self) -> Scores:
        if self._scores is None:
            self._scores = self._subject.score(self._features)
        return self._scores

    def _invariance(self, test: Invariance) -> Behaved:
        for name in test.change.columns:
            column_of(self._manifest.schema, name, test.name)
        if not self._features.rows:
            return _no_rows(test.name, "invariance")
        before, asked, broken, largest, flipped = self._before(), 0, 0, 0.0, 0
        examples: list[tuple[float, Mapping[str, Value]]] = []
        for said, table, at in changed(self._features, self._manifest.schema, test.change, test.name):
            if not len(at):
                continue
            after = self._subject.score(table)
            moved = np.abs(as_matrix(after) - as_matrix(before[at])).max(axis=1)
            moved = np.where(np.isfinite(moved), moved, np.inf)
            other = self._labels(after) != self._labels(before[at])
            bad = other.copy() if test.same_label else np.zeros(len(at), dtype=np.bool_)
            if test.most is not None:
                bad |= moved > test.most + _NOISE
            asked, broken, flipped = asked + len(at), broken + int(bad.sum()), flipped + int(other.sum())
            largest = max(largest, float(moved.max()))
            examples += self._worst(bad, moved, at, said, before[at], after)
        if not asked:
            return _undecided(test.name, "invariance", because("behaviour.nothing_changed", columns=", ".join(test.change.columns)))
        values = {"broken": broken, "asked": asked, "largest": largest, "flipped": flipped, "allowed": test.share}
        well = broken <= test.share * asked
        code = "behaviour.invariance_passed" if well else "behaviour.invariance_failed"
        reason = Reason(code=code, values={**values, "most": test.most, "same": "yes" if test.same_label else ""})
        numbers = {"largest": largest, "broken": float(broken), "asked": float(asked)}
        return _tested(test.name, "invariance", well, reason, examples, numbers)

    def _directional(self, test: Directional) -> Behaved:
        for name in test.change.columns:
            column_of(self._manifest.schema, name, test.name)
        if not self._features.rows:
            return _no_rows(test.name, "directional")
        before = self._before()
        gains: list[Scores] = []
        examples: list[tuple[float, Mapping[str, Value]]] = []
        for said, table, at in changed(self._features, self._manifest.schema, test.change, test.name):
            if not len(at):
                continue
            after = self._subject.score(table)
            old, new = (score_of(scores, self._manifest, test.of, test.name) for scores in (before[at], after))
            gain = (new - old) if test.raises else (old - new)
            gain = np.where(np.isfinite(gain), gain, -np.inf)
            gains.append(gain)
            examples += self._worst(gain < -test.tolerance - _NOISE, -gain, at, said, old, new)
        if not gains:
            return _undecided(test.name, "directional", because("behaviour.nothing_changed", columns=", ".join(test.change.columns)))
        every = np.concatenate(gains)
        broken, mean, worst = int((every < -test.tolerance - _NOISE).sum()), float(every.mean()), max(0.0, -float(every.min()))
        well = mean >= -test.tolerance if test.mean else broken <= test.share * len(every)
        sign = 1.0 if test.raises else -1.0
        values: dict[str, Value] = {"broken": broken, "asked": len(every), "worst": worst, "mean": sign * mean, "allowed": test.share}
        way = "mean" if test.mean else "raised" if test.raises else "lowered"
        code = f"behaviour.direction_{way}_{'passed' if well else 'failed'}"
        wanted = "not_lower" if test.raises else "not_higher"
        reason = Reason(code=code, values={**values, "tolerance": test.tolerance, "wanted": wanted})
        numbers = {"mean": sign * mean, "broken": float(broken), "asked": float(len(every))}
        return _tested(test.name, "directional", well, reason, [] if test.mean and well else examples, numbers)

    def _minimum(self, test: Minimum) -> Behaved:
        schema, usual = self._manifest.schema, usual_row(self._sample, self._manifest.schema)
        contract = Contract([schema])
        rows = []
        for name in test.missing:
            column_of(schema, name, test.name)
        for number, given in enumerate(test.rows):
            for name in given:
                if name not in schema.names:
                    raise SpecError(f"{FILE}: the test {test.name[:60]!r}: row {number} has {name!r}{did_you_mean(name, schema.names)}")
            whole = {**usual, **dict.fromkeys(test.missing), **given}
            try:
                rows.append(contract.row(whole))
            except RequestError as error:
                if error.field in given or error.field in test.missing:
                    raise SpecError(
                        f"{FILE}: the test {test.name[:60]!r}: row {number}: {error.message}", hint="no request may say so"
                    ) from None
                reason = because("behaviour.no_usual_value", column=error.field, row=number)
                return _undecided(test.name, "minimum", reason)
        scores = self._subject.score(table_of(rows, schema))
        said = self._labels(scores).tolist()
        bounded = test.at_least is not None or test.at_most is not None
        each = score_of(scores, self._manifest, test.of, test.name) if bounded else as_matrix(scores).max(axis=1)
        if test.answer is not None and self._manifest.classes and test.answer not in self._manifest.classes:
            known = ", ".join(map(repr, self._manifest.classes))
            raise SpecError(f"{FILE}: the test {test.name[:60]!r} expects {test.answer!r}", hint=f"the model answers one of {known}")
        examples: list[tuple[float, Mapping[str, Value]]] = []
        for number, (label, score) in enumerate(zip(said, each.tolist(), strict=True)):
            if _unmet(test, label, score):
                examples.append((0.0, {"row": str(number), "answer": _shown(label), "score": score}))
        wanted = ", ".join(
            part
            for part in (
                "" if test.answer is None else f"= {test.answer}",
                "" if test.at_least is None else f">= {test.at_least:g}",
                "" if test.at_most is None else f"<= {test.at_most:g}",
            )
            if part
        )
        values: dict[str, Value] = {"rows": len(rows), "broken": len(examples), "wanted": wanted}
        if examples:
            first = examples[0][1]
            values |= {"row": first["row"], "answer": first["answer"], "score": first["score"]}
        reason = Reason(code="behaviour.minimum_failed" if examples else "behaviour.minimum_passed", values=values)
        return _tested(test.name, "minimum", not examples, reason, examples, {})

    def _slices(self, test: SliceBound) -> list[Behaved]:
        rows, subject = self._subject.rows, self._subject
        if not rows.rows:
            return [_no_rows(test.name, "slice")]
        if test.column not in rows:
            near = did_you_mean(test.column, rows.columns)
            raise SpecError(f"{FILE}: the test {test.name[:60]!r} slices by {test.column!r}, which the rows do not have{near}")
        names, member = members(rows[test.column])
        value = None if test.value is None else f"{test.value:g}" if isinstance(test.value, float) else str(test.value)
        if value is not None and value not in names:
            reason = because("behaviour.slice_empty", column=test.column, value=value)
            return [_undecided(test.name, "slice", reason)]
        features = rows.select(self._manifest.schema.names)
        scores = subject.score(features)
        found, small = [], 0
        for place, name in enumerate(names):
            chosen = np.flatnonzero(member == place)
            if value is not None and name != value:
                continue
            if value is None and len(chosen) < test.rows:
                small += 1
                continue
            label = test.name if value is not None else f"{test.name} [{test.column}={name}]"
            found.append(self._slice(test, label, name, rows.take(chosen), scores[chosen]))
        if small:
            reason = because("behaviour.slices_small", column=test.column, count=small, rows=test.rows)
            verdict = Verdict.NOT_APPLICABLE if found else Verdict.UNDECIDED
            found.append(Behaved(name=f"{test.name} [{test.column}: the rest]", kind="slice", verdict=verdict, reason=reason))
        return found

    def _slice(self, test: SliceBound, label: str, name: str, rows: Table, scores: Scores) -> Behaved:
        if rows.rows < test.rows:
            reason = because("behaviour.slice_small", column=test.column, value=name, found=rows.rows, rows=test.rows)
            return _undecided(label, "slice", reason)
        manifest = self._manifest
        try:
            truth = truth_of(rows[self._subject.target], scores, manifest.classes)
        except FlyballError as error:
            return _undecided(label, "slice", because("behaviour.no_truth", error=error.message))
        weight = np.asarray(rows[WEIGHT], dtype=np.float64) if WEIGHT in rows else None
        found = metric_for(test.metric, manifest.task).function(truth, scores, manifest.threshold, weight)
        values: dict[str, Value] = {"metric": test.metric, "column": test.column, "value": name, "rows": rows.rows}
        if found is None:
            return _undecided(label, "slice", Reason(code="behaviour.slice_no_value", values=values))
        well = (test.at_least is None or found >= test.at_least) and (test.at_most is None or found <= test.at_most)
        low = test.at_least is not None and not (test.at_most is not None and found > test.at_most)
        way = f"{'least' if low else 'most'}_{'passed' if well else 'failed'}"
        needed = test.at_least if low else test.at_most
        reason = Reason(code=f"behaviour.slice_{way}", values={**values, "found": found, "needed": needed})
        verdict = Verdict.PASS if well else Verdict.FAIL
        return Behaved(name=label, kind="slice", verdict=verdict, reason=reason, numbers={test.metric: found})

    def _labels(self, scores: Scores) -> NDArray[np.object_]:
        manifest = self._manifest
        if manifest.outputs:
            return np.array([str(line) for line in scores.tolist()], dtype=object)
        return labels(scores, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes)

    def _worst(
        self, bad: NDArray[np.bool_], by: Scores, at: NDArray[np.int64], said: str, before: Scores, after: Scores
    ) -> list[tuple[float, Mapping[str, Value]]]:
        """The rows that are furthest off, with how far."""
        place = np.flatnonzero(bad)
        place = place[np.argsort(-by[place], kind="stable")][:_EXAMPLES]
        return [
            (float(by[one]), {"row": self._row(int(at[one])), "change": said, "before": _shown(before[one]), "after": _shown(after[one])})
            for one in place.tolist()
        ]

    def _row(self, number: int) -> str:
        name = self._subject.id
        return str(number) if name is None or name not in self._sample else str(self._sample[name][number])


def guarded(make: Callable[[], Sequence[Behaved]], name: str, kind: str) -> Sequence[Behaved]:
    """What a test came to; an error of the model or of the world is a failure of the test, one of `tests.toml` is nobody's but its own."""
    try:
        return make()
    except SpecError:
        raise
    except FlyballError as error:
        return [Behaved(name=name, kind=kind, verdict=Verdict.FAIL, reason=because("behaviour.error", error=error.message))]


def _unmet(test: Minimum, label: object, score: float) -> bool:
    wrong = test.answer is not None and label != test.answer
    low = test.at_least is not None and not score >= test.at_least
    return wrong or low or (test.at_most is not None and not score <= test.at_most)


def _tested(
    name: str, kind: str, well: bool, reason: Reason, examples: list[tuple[float, Mapping[str, Value]]], numbers: Mapping[str, float]
) -> Behaved:
    shown = tuple(example for _, example in sorted(examples, key=lambda one: -one[0])[:_EXAMPLES])
    verdict = Verdict.PASS if well else Verdict.FAIL
    return Behaved(name=name, kind=kind, verdict=verdict, reason=reason, examples=shown, numbers=numbers)


def _undecided(name: str, kind: str, reason: Reason) -> Behaved:
    return Behaved(name=name, kind=kind, verdict=Verdict.UNDECIDED, reason=reason)


def _no_rows(name: str, kind: str) -> Behaved:
    return _undecided(name, kind, because("behaviour.no_rows"))


def _shown(value: object) -> Value:
    if isinstance(value, np.ndarray):
        return " ".join(f"{one:.4f}" for one in value.tolist())
    if isinstance(value, np.generic):
        return value.item()  # type: ignore[no-any-return]  # a number or a text
    return value if isinstance(value, str | int | float | bool) else str(value)
