"""Three answers and the absence of a question: pass, fail, undecided, not applicable."""

from collections.abc import Iterable
from enum import Enum


class Verdict(Enum):
    """What a check says. Missing evidence is `UNDECIDED`, never `PASS`."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_APPLICABLE = "not applicable"


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Fail beats undecided beats pass; no verdict at all is undecided; what is not applicable does not count.

    >>> combine([Verdict.PASS, Verdict.NOT_APPLICABLE])
    <Verdict.PASS: 'pass'>
    """
    found = {verdict for verdict in verdicts if verdict is not Verdict.NOT_APPLICABLE}
    for verdict in (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS):
        if verdict in found:
            return verdict
    return Verdict.UNDECIDED
