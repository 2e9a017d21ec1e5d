"""Whether a candidate is good enough, and as good as the champion, each by its own answers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flyball.core.errors import FlyballError, IntegrityError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.loop.making.judge import Candidate, Judgement, Rival, assess, judge
from flyball.registry.records import Lineage, Manifest
from flyball.spec.load import parse_spec
from flyball.words.sentences import sentence

DAYS, PER_DAY = 12, 60


def judged(metric: str, *, own: float, cut: float = 0.5, trouble: FlyballError | None = None) -> Judgement:
    """A candidate and a champion with the same scores, the champion made with a threshold of its own."""
    spec = parse_spec(
        f"""
[model]
name = "churn"
task = "binary"
threshold = {cut}
[data]
source = "x.csv"
target = "y"
time = "t"
[train]
run = "pipeline:train"
[evaluate]
gate = [ {{ metric = "{metric}", not_worse = "champion", margin = 0.01 }} ]
[rollout]
metric = "error"
""",
        folder=Path("project"),
    )
    chance = np.random.default_rng(0)
    scores = chance.uniform(size=DAYS * PER_DAY)
    times = np.datetime64("2024-05-01", "us") + np.repeat(np.arange(DAYS), PER_DAY) * np.timedelta64(1, "D")
    test = Table({"x": scores, "y": (chance.uniform(size=len(scores)) < scores).astype(np.int64), "t": times})
    ended = datetime(2024, 4, 1, tzinfo=UTC)
    candidate = Candidate(test=test, scores=scores, classes=(0, 1), trained_until=ended, held_out="")
    made = champion(ended, own)

    def score(table: Table) -> NDArray[np.float64]:
        return np.asarray(table["x"])

    def opened() -> tuple[Manifest, Callable[[Table], NDArray[np.float64]]]:
        if trouble is not None:
            raise trouble
        return made, score

    return judge(spec, candidate, assess(spec, candidate), Rival(version=1, open=opened))


def champion(ended: datetime, threshold: float) -> Manifest:
    return Manifest(
        bundle_format=1,
        model="churn",
        task="binary",
        schema=Schema(columns=(Column(name="x", kind="number", nullable=False),)),
        classes=(0, 1),
        threshold=threshold,
        engine="onnx",
        engine_reason="",
        parity=None,
        files={},
        lineage=Lineage(
            run_id="r",
            commit="",
            dirty_diff_sha256="",
            snapshot="",
            dvc_md5="",
            spec_digest="",
            code_digest="",
            identity="",
            environment_sha256="",
        ),
        trained_from=None,
        trained_until=ended,
        created_at=ended,
    )


def test_a_champion_that_says_the_very_same_of_every_row_is_named_and_one_that_answers_by_another_threshold_is_not() -> None:
    assert judged("brier", own=0.5).same_as == 1
    assert judged("brier", own=0.9).same_as == 0


@pytest.mark.parametrize("metric", ["accuracy", "error", "f1", "precision", "recall"])
def test_each_answers_by_the_threshold_it_was_made_with(metric: str) -> None:
    assert judged(metric, own=0.5).decision.checks[0].reason.values["gain"] == 0
    moved = judged(metric, own=0.9).decision.checks[0].reason.values["gain"]
    assert moved != 0
    assert judged(metric, own=0.9, cut=0.9).decision.checks[0].reason.values["gain"] == 0


def test_what_looks_at_probabilities_does_not_see_thresholds() -> None:
    for metric in ("brier", "roc_auc", "log_loss"):
        assert judged(metric, own=0.9).decision.checks[0].reason.values["gain"] == 0


def test_the_head_start_counts_each_ones_own_answers() -> None:
    assert all(day.gain == 0 for day in judged("accuracy", own=0.5).head_start)
    assert sum(day.gain for day in judged("accuracy", own=0.9).head_start) > 0


def test_what_keeps_the_champion_from_being_opened_is_the_reason() -> None:
    found = judged("brier", own=0.5, trouble=IntegrityError("the bundle is not one that the journal names", hint="found ab, expected cd"))
    (check,) = found.decision.checks
    assert check.verdict is Verdict.UNDECIDED and found.head_start == ()
    assert sentence(check.reason) == (
        "brier: candidate and champion could not be compared: the bundle is not one that the journal names (found ab, expected cd)."
    )
