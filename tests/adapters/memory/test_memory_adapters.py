"""The adapters in memory keep the promises of the ports they stand for."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.executor import MemoryExecutor
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.leases import MemoryLeases
from flyball.adapters.memory.outcomes import MemoryOutcomeLog
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.core.errors import UserCodeError
from flyball.ports.training import Job
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import SegmentWriter
from flyball.testing.arms import ArmsSuite
from flyball.testing.arrivals import ArrivalsSuite
from flyball.testing.deployments import DeploymentsSuite
from flyball.testing.executor import ExecutorSuite
from flyball.testing.journal import JournalSuite
from flyball.testing.leases import LeasesSuite
from flyball.testing.outcomes import OutcomeLogSuite
from flyball.testing.predictions import PredictionLogSuite
from flyball.testing.registry import RegistrySuite
from flyball.testing.samples import Clock


class TestMemoryJournal(JournalSuite):
    @pytest.fixture
    def journal(self) -> MemoryJournal:
        return MemoryJournal()

    @pytest.fixture
    def another(self, journal: MemoryJournal) -> MemoryJournal:
        return journal


@pytest.fixture
def log(tmp_path: Path) -> MemoryPredictionLog:
    return MemoryPredictionLog(tmp_path / "log")


@pytest.fixture
def outcomes(log: MemoryPredictionLog) -> MemoryOutcomeLog:
    return MemoryOutcomeLog(log)


class TestMemoryPredictionLog(PredictionLogSuite, ArrivalsSuite, ArmsSuite):
    @pytest.fixture
    def flush(self, tmp_path: Path) -> Iterator[Callable[[PredictionBatch], None]]:
        writer = SegmentWriter(tmp_path / "log", "w0")
        yield lambda batch: writer.append([batch], now=1_700_000_000_000_000)
        writer.close()


class TestMemoryOutcomeLog(OutcomeLogSuite):
    pass


class TestMemoryDeployments(DeploymentsSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def deployments(self, clock: Clock) -> MemoryDeployments:
        return MemoryDeployments(clock=clock)


class TestMemoryLeases(LeasesSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def pass_time(self, clock: Clock) -> Callable[[timedelta], None]:
        return clock.advance

    @pytest.fixture
    def leases(self, clock: Clock) -> MemoryLeases:
        return MemoryLeases(clock=clock)

    @pytest.fixture
    def journal(self, leases: MemoryLeases) -> MemoryJournal:
        return MemoryJournal(leases)


class TestMemoryRegistry(RegistrySuite):
    @pytest.fixture
    def registry(self) -> MemoryRegistry:
        return MemoryRegistry()

    @pytest.fixture
    def run_id(self) -> str:
        return "a-run"

    @pytest.fixture
    def bundle(self, tmp_path: Path) -> Path:
        folder = tmp_path / "bundle"
        (folder / "native").mkdir(parents=True)
        (folder / "manifest.json").write_bytes(b"{}")
        (folder / "native" / "MLmodel").write_bytes(bytes(range(256)))
        return folder


class TestMemoryExecutor(ExecutorSuite):
    @pytest.fixture
    def executor(self) -> MemoryExecutor:
        return MemoryExecutor(_run)


def _run(job: Job) -> str:
    verb, *words = job.verb
    if verb == "note":
        with (job.folder / "notes").open("a") as file:
            file.write(f"{words[0]}\n")
        return f'{{"said": "{words[0]}"}}'
    raise UserCodeError(*words)
