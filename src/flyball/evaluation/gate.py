"""The gate: is this version good enough to be considered at all? Pass, fail or undecided, each check with its reason."""

from collections.abc import Mapping, Sequence

from flyball.core.errors import SpecError
from flyball.core.reason import Value, because
from flyball.core.verdict import Verdict, combine
from flyball.evaluation.records import Check, Comparison, Decision, Evaluation, SliceComparison
from flyball.spec.records import GateCheck

# Slices named in one sentence.
_NAMED = 5


def gate(
    checks: Sequence[GateCheck],
    evaluation: Evaluation,
    comparisons: Mapping[str, Comparison | None] | None,
    *,
    min_rows: int = 500,
    min_blocks: int = 5,
    trouble: str = "",
    sliced: Mapping[GateCheck, Sequence[SliceComparison]] | None = None,
) -> Decision:
    """Judge one version. Fail beats undecided beats pass; a check that is not applicable leaves the verdict.

    - `at_least`, `at_most`: the metric's held-out value against the bound; undecided if the value could not be computed.
    - `better`: pass if the lower bound of the gain over the champion is above the margin, fail if the upper bound is not, else undecided.
    - `not_worse`: pass if the lower bound is above -margin, fail if the upper bound is below -margin, else undecided.

    `comparisons` is None when there is no champion: `better` and `not_worse` are then not applicable. A comparison that is missing or
    None, or rests on fewer than `min_rows` rows or `min_blocks` blocks, is undecided: too little evidence is never a pass.

    A line with `slice` or `slices` asks in every slice: `sliced` holds what was compared for it. It fails where one slice certainly
    does, and names the worst. `not_worse` looks for harm, so slices that are not certain yet are named and do not stop it. `better` is a
    claim: it is undecided until every slice of them is proven, on as many rows and blocks as a line over all rows needs.

    `trouble` says what kept the champion from being compared with, if that was no lack of rows.

    The first version of a model therefore needs at least one bound (`at_least` or `at_most`) and passes when its bounds do. A gate
    without checks, or a first version that nothing but comparisons would judge, is undecided, and one more check without a metric says
    what to add: what was never asked cannot be passed. A person may still promote such a version by force, with a reason.
    """
    found = [_judge(check, evaluation, comparisons, min_rows, min_blocks, trouble, sliced or {}) for check in checks]
    if not checks:
        found.append(Check(metric="", verdict=Verdict.UNDECIDED, reason=because("gate.empty")))
    elif all(check.verdict is Verdict.NOT_APPLICABLE for check in found):
        found.append(Check(metric="", verdict=Verdict.UNDECIDED, reason=because("gate.first_without_bound")))
    return Decision(verdict=combine(check.verdict for check in found), checks=tuple(found))


def _judge(
    check: GateCheck,
    evaluation: Evaluation,
    comparisons: Mapping[str, Comparison | None] | None,
    min_rows: int,
    min_blocks: int,
    trouble: str,
    sliced: Mapping[GateCheck, Sequence[SliceComparison]],
) -> Check:
    if check.at_least is not None or check.at_most is not None:
        return _bound(check, evaluation)
    if check.better is None and check.not_worse is None:
        raise SpecError(f"the gate's check of {check.metric!r} asks nothing", hint="give it at_least, at_most, better or not_worse")
    if comparisons is None:
        return Check(metric=check.metric, verdict=Verdict.NOT_APPLICABLE, reason=because("gate.no_champion", metric=check.metric))
    if (check.slice is not None or check.slices) and not trouble:
        return _in_slices(check, sliced.get(check, ()), min_rows, min_blocks)
    comparison = comparisons.get(check.metric)
    if comparison is None:
        reason = (
            because("gate.champion_unusable", metric=check.metric, error=trouble)
            if trouble
            else because("gate.no_comparison", metric=check.metric)
        )
        return Check(metric=check.metric, verdict=Verdict.UNDECIDED, reason=reason)
    if comparison.rows < min_rows or comparison.blocks < min_blocks:
        reason = because(
            "gate.too_little",
            metric=check.metric,
            rows=comparison.rows,
            rows_needed=min_rows,
            blocks=comparison.blocks,
            blocks_needed=min_blocks,
        )
        return Check(metric=check.metric, verdict=Verdict.UNDECIDED, reason=reason)
    return _compared(check, comparison)


def _in_slices(check: GateCheck, found: Sequence[SliceComparison], min_rows: int, min_blocks: int) -> Check:
    by = check.slice or "every slice"
    if not found:
        return Check(metric=check.metric, verdict=Verdict.UNDECIDED, reason=because("gate.no_slice", metric=check.metric, by=by))
    claim = check.better is not None
    needed = check.margin if claim else 0.0 - check.margin
    failed = [one for one in found if one.comparison.upper < needed or (claim and one.comparison.upper <= needed)]
    few = [one for one in found if claim and (one.comparison.rows < min_rows or one.comparison.blocks < min_blocks)]
    open_ = [one for one in found if one not in failed and (one in few or one.comparison.lower <= needed)]
    undecided = claim and bool(open_)
    worst = min(failed or (open_ if undecided else found), key=lambda one: one.comparison.upper if failed else one.comparison.lower)
    values: dict[str, Value] = {
        "metric": check.metric,
        "slices": len(found),
        "needed": needed,
        "slice": worst.slice,
        "gain": worst.comparison.gain,
    }
    values |= {"lower": worst.comparison.lower, "upper": worst.comparison.upper, "rows": worst.comparison.rows}
    values |= {"blocks": worst.comparison.blocks, "failed": len(failed), "open": len(open_)}
    values["names"] = ", ".join(one.slice for one in open_[:_NAMED])
    verdict = Verdict.FAIL if failed else Verdict.UNDECIDED if undecided else Verdict.PASS
    said = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.UNDECIDED: "undecided"}[verdict]
    if verdict is Verdict.UNDECIDED:
        values |= {"rows_needed": min_rows, "blocks_needed": min_blocks}
    return Check(metric=check.metric, verdict=verdict, reason=because(f"gate.{'better_slices' if claim else 'slices'}_{said}", **values))


def _bound(check: GateCheck, evaluation: Evaluation) -> Check:
    value = evaluation.metrics.get(check.metric)
    if value is None:
        reason = because("gate.no_value", metric=check.metric, rows=evaluation.rows)
        return Check(metric=check.metric, verdict=Verdict.UNDECIDED, reason=reason)
    if check.at_least is not None:
        passed, code, needed = value >= check.at_least, "gate.at_least", check.at_least
    else:
        assert check.at_most is not None, "asked by the caller"
        passed, code, needed = value <= check.at_most, "gate.at_most", check.at_most
    reason = because(f"{code}_{'passed' if passed else 'failed'}", metric=check.metric, value=value, needed=needed)
    return Check(metric=check.metric, verdict=Verdict.PASS if passed else Verdict.FAIL, reason=reason)


def _compared(check: GateCheck, comparison: Comparison) -> Check:
    if check.better is not None:
        kind, needed = "better", check.margin
        passed, failed = comparison.lower > needed, comparison.upper <= needed
    else:
        kind, needed = "not_worse", 0.0 - check.margin  # not -0.0, which would be said as -0
        passed, failed = comparison.lower > needed, comparison.upper < needed
    verdict = Verdict.PASS if passed else Verdict.FAIL if failed else Verdict.UNDECIDED
    said = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.UNDECIDED: "undecided"}[verdict]
    reason = because(
        f"gate.{kind}_{said}",
        metric=check.metric,
        gain=comparison.gain,
        lower=comparison.lower,
        upper=comparison.upper,
        needed=needed,
        rows=comparison.rows,
        blocks=comparison.blocks,
    )
    return Check(metric=check.metric, verdict=verdict, reason=reason)
