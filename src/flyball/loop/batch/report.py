"""What batch scoring remembers and tells: the job, its finished parts, how far it is, what came of it."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from flyball.core.record import record
from flyball.loop.parts import Place


@record
class Job:
    """What makes two jobs the same, and when this one began: the time of rows that bring none."""

    identity: str
    source: str
    deployment: str
    options: str
    started_at: int

    def same(self, other: "Job") -> bool:
        """Whether the work of one can be used for the other."""
        return self.identity == other.identity

    def difference(self, other: "Job") -> str:
        """Why it cannot; empty if it can."""
        pairs = (("input", self.source, other.source), ("deployment", self.deployment, other.deployment))
        changed = [what for what, one, two in pairs if one != two] + (["options"] if self.options != other.options else [])
        return " and ".join(changed)


@record
class Done:
    """A part that is written and logged."""

    number: int
    check: str
    after: Place
    size: int
    rows: int
    answered: int
    skipped: int
    versions: Mapping[str, int]
    shadows: Mapping[str, int]
    missed: Mapping[str, int]
    fallbacks: int
    unseen: Mapping[str, int]
    zone_assumed: bool


@record
class Progress:
    """How far a job is. `done` of `total` in the source's own measure; `fresh` rows were scored by this process."""

    rows: int
    done: int
    total: int
    fresh: int


@record
class BatchReport:
    """What came of a job. `versions`: rows by `version/variant`; `rows_before`: done by an earlier process; `begun_anew`: what changed."""

    parts: int
    rows: int
    answered: int
    skipped: int
    logged: int
    versions: Mapping[str, int]
    shadows: Mapping[str, int]
    missed: Mapping[str, int]
    fallbacks: int
    unseen: Mapping[str, int]
    zone_assumed: bool
    rows_before: int = 0
    begun_anew: str = ""


@record
class BadRow:
    """A row that was not answered. `number`: which row of its part, from 0; `values`: its cells as JSON."""

    number: int
    column: str
    error: str
    values: str


def beginning() -> bytes:
    """The header of the list of skipped rows."""
    return _lines([("file", "row", "column", "error", "values")])


def write_skipped(path: Path, file: str, before: int, bad: Sequence[BadRow]) -> None:
    """A piece of the list of skipped rows; `before` rows stand before this part."""
    path.write_bytes(_lines([(file, str(before + one.number + 1), one.column, one.error, one.values) for one in bad]))


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
