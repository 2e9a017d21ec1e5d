"""Requests that were refused: they are no rows, so only their number tells that what is sent is not what the model reads."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from flyball.core.reason import Reason
from flyball.core.window import Window
from flyball.data.findings import Severity
from flyball.monitoring.quality import ALPHA
from flyball.monitoring.records import QualityFinding
from flyball.serving.records import Answers
from flyball.stats.bounds import share_lower

# The share of refused requests that, for certain, is an error or worth a line, and the fewest that can be.
ERROR, FEWEST_ERROR = 0.05, 50
WARNING, FEWEST_WARNING = 0.01, 10
# What begins now must not drown in a long window; what is mended must not be told as if it went on.
RECENT = timedelta(hours=1)
QUIET = timedelta(minutes=15)
_QUIET_REQUESTS = 20


def request_findings(counts: Sequence[Answers], window: Window) -> Iterator[QualityFinding]:
    """Refused (4xx) and failed (5xx) requests among those of a window; of the window and its last hour what is worse is told."""
    for code, lowest in (("quality.refused", 400), ("quality.failed", 500)):
        found = [_judged(counts, code, lowest, start) for start in (window.start, max(window.start, window.end - RECENT))]
        told = [one for one in found if one is not None]
        if not told:
            continue
        worst = next((one for one in told if one.severity == "error"), told[0])
        quiet = max(window.start, window.end - QUIET)
        yield _over(worst, code) if _is_quiet(counts, lowest, quiet) else worst


def _judged(counts: Sequence[Answers], code: str, lowest: int, start: datetime) -> QualityFinding | None:
    here = [one for one in counts if one.minute >= start]
    refused = [one for one in here if lowest <= one.status < lowest + 100 and one.requests]
    count, of = sum(one.requests for one in refused), sum(one.requests for one in here)
    lower = share_lower(count, of, ALPHA)
    severity: Severity
    if lower > ERROR and count >= FEWEST_ERROR:
        severity = "error"
    elif lower > WARNING and count >= FEWEST_WARNING:
        severity = "warning"
    else:
        return None
    statuses: Counter[int] = Counter()
    for one in refused:
        statuses[one.status] += one.requests
    since = min(one.minute for one in refused)
    since_of = sum(one.requests for one in here if one.minute >= since)
    reason = Reason(
        code=code,
        values={
            "rows": count,
            "of": since_of,
            "since": f"{since:%Y-%m-%d %H:%M}",
            "status": ", ".join(str(status) for status, _ in statuses.most_common(3)),
            "share": count / of,
        },
    )
    return QualityFinding(
        severity=severity, column="", reason=reason, rows=count, examples=(), share=count / of, limit=ERROR, subject="requests"
    )


def _is_quiet(counts: Sequence[Answers], lowest: int, start: datetime) -> bool:
    """Whether requests came lately, and hardly any of them was refused."""
    here = [one for one in counts if one.minute >= start]
    of = sum(one.requests for one in here)
    return of >= _QUIET_REQUESTS and sum(one.requests for one in here if lowest <= one.status < lowest + 100) <= WARNING * of


def _over(one: QualityFinding, code: str) -> QualityFinding:
    """It was so and is no longer: worth a line, and its alert resolves."""
    reason = Reason(code=f"{code}_before", values={**one.reason.values, "minutes": QUIET // timedelta(minutes=1)})
    return QualityFinding(severity="warning", column="", reason=reason, rows=one.rows, examples=(), share=one.share, subject="requests")
