"""What the gate makes of a replay: a version that fails on requests which the champion answers gets none of them."""

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check
from flyball.evaluation.replay_records import ReplayReport
from flyball.spec.records import ReplaySpec

LEAST_ROWS = 30
NAME = "replay"


def replay_checks(report: ReplayReport, limits: ReplaySpec) -> list[Check]:
    """Fail on errors, on scores that are no finite numbers and on a row that takes too long; undecided on labels that differ too often.

    Fewer than 30 rows are not applicable: who was asked that little has nothing to be held against. That every score is the same is
    said and not judged.
    """
    checks = []
    for code, trouble in (("replay.errors", report.errors), ("replay.not_finite", report.not_finite)):
        if trouble.rows:
            reason = because(code, rows=trouble.rows, asked=report.asked, message=trouble.message, examples=", ".join(trouble.examples))
            checks.append(Check(metric=NAME, verdict=Verdict.FAIL, reason=reason))
    if not checks and report.compared < LEAST_ROWS:
        reason = because("replay.too_few", rows=report.compared, needed=LEAST_ROWS)
        return [Check(metric=NAME, verdict=Verdict.NOT_APPLICABLE, reason=reason)]
    apart, latency = report.disagreement, report.latency
    if limits.disagree is not None and apart is not None and apart.share > limits.disagree:
        reason = because(
            "replay.too_different",
            share=apart.share,
            lower=apart.lower,
            upper=apart.upper,
            rows=apart.rows,
            limit=limits.disagree,
        )
        checks.append(Check(metric=NAME, verdict=Verdict.UNDECIDED, reason=reason))
    if limits.latency is not None and latency is not None and latency.ratio > limits.latency:
        reason = because(
            "replay.too_slow",
            candidate=latency.candidate_median * 1e6,
            champion=latency.champion_median * 1e6,
            ratio=latency.ratio,
            limit=limits.latency,
        )
        checks.append(Check(metric=NAME, verdict=Verdict.FAIL, reason=reason))
    if not checks:
        share, distance = (0.0 if apart is None else apart.share), (0.0 if report.shift is None else report.shift.distance)
        reason = because("replay.answered", rows=report.compared, share=share, distance=distance)
        if apart is not None and apart.tolerance is not None:
            reason = because("replay.answered_numbers", rows=report.compared, share=share, distance=distance)
        checks.append(Check(metric=NAME, verdict=Verdict.PASS, reason=reason))
    if report.identical:
        reason = because("replay.identical", rows=report.compared)
        checks.append(Check(metric=NAME, verdict=Verdict.NOT_APPLICABLE, reason=reason))
    return checks
