"""Nouns of a model's own tests: the version that is tested, what one test came to, and the report of all."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from flyball.core.reason import Reason, Value
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.verdict import Verdict, combine
from flyball.loop.making.scorers import Score
from flyball.registry.records import Manifest


@record
class Subject:
    """A version that is tested, or a candidate that is none yet (`version` None), with the rows it was held out from.

    `rows` has every column of the snapshot; `all_rows` likewise, those it learned from included. Both are empty for a model that was made
    elsewhere. `seen`: the rows to test with are not held out, nobody knows what it learned from.
    """

    model: str
    version: int | None
    run_id: str
    bundle: str
    path: Path
    manifest: Manifest
    score: Score
    rows: Table
    all_rows: Table
    target: str
    id: str | None
    seen: bool = False

    @property
    def name(self) -> str:
        """`churn@3`, or what there is to call a candidate."""
        return f"{self.model}@{self.version}" if self.version is not None else f"{self.model}, run {self.run_id}"


@record
class Behaved:
    """What one test came to. `examples`: rows that show it, at most a few; `numbers`: what was measured."""

    name: str
    kind: str
    verdict: Verdict
    reason: Reason
    seconds: float = 0.0
    examples: tuple[Mapping[str, Value], ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


@record
class BehaviourReport:
    """All tests of one version."""

    model: str
    version: int | None
    run_id: str
    bundle: str
    engine: str
    rows: int
    seen: bool
    tests: tuple[Behaved, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Of all tests together: fail beats undecided beats pass."""
        return combine(test.verdict for test in self.tests)
