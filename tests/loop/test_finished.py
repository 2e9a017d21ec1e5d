"""How a training of the loop ended, and what it took."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from flyball.core.reason import because
from flyball.journal.events import RetrainStarted
from flyball.journal.state import fold
from flyball.loop.evidence.finished import finished_training
from flyball.ports.training import Job, JobState
from flyball.testing.samples import NOON
from watched import MODEL, Watched

COST: Mapping[str, float] = {"cpu_seconds": 4.5, "seconds": 9.0}


class Ended:
    """An executor whose one job stands as it is told."""

    def __init__(self, state: JobState) -> None:
        self.state = state

    def submit(self, job: Job) -> None: ...

    def poll(self, action: str) -> JobState:
        return self.state

    def cancel(self, action: str) -> None: ...


def test_what_a_training_took_is_told_however_it_ended(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    started = RetrainStarted(action="a1", cause="drift", reason=because("retrain.lost"))
    entries = watched.world.journal.read(MODEL)
    watched.world.journal.append(MODEL, [started], expected=len(entries), actor="loop", at=NOON)
    state = fold(MODEL, watched.world.journal.read(MODEL))
    for job, outcome in (
        (JobState(state="done", result='{"status": "unchanged"}', message="", cost=COST), "unchanged"),
        (JobState(state="failed", result="", message="boom", cost=COST), "failed"),
    ):
        found = finished_training(replace(watched.world, executor=Ended(job)), state, watched.spec)
        assert found is not None
        assert (found.outcome, found.cost) == (outcome, COST)
    running = Ended(JobState(state="running", result="", message=""))
    assert finished_training(replace(watched.world, executor=running), state, watched.spec) is None
