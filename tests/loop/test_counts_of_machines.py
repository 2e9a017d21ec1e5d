"""What several machines answered adds up: each moves its own log into one database and counts at the same time as the others."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flyball.core.surroundings import FOR_SIGNING
from flyball.core.window import Window
from flyball.loop.counting import count_rows
from flyball.loop.memory import Memory
from flyball.settings import read_settings
from flyball.stores import open_stores
from flyball.testing.samples import NOON
from postgresql import running_postgres
from watched import MODEL, Watched, reference

MACHINES, ROWS = 4, 600
_STORE = "FLYBALL_TEST_STORE"
_SPEC = f'[stores]\ndatabase = "env:{_STORE}"\n'
_PROGRAM = """
import sys
from datetime import timedelta
from pathlib import Path
from flyball.core.window import to_micros
from flyball.journal.state import fold
from flyball.loop.counting import count_rows
from flyball.loop.memory import Memory
from flyball.serving.records import Answers
from flyball.serving.segments import SegmentWriter
from flyball.settings import read_settings
from flyball.testing.samples import NOON
from flyball.wiring import open_world
from watched import MODEL, rows

folder, name, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings, memory = read_settings(folder), Memory()
world = open_world(settings)
writer = SegmentWriter(settings.log, "8000-w0")  # the machines are alike: each has a worker of this name
for part in range(0, size, 50):
    times = [NOON + timedelta(seconds=number) for number in range(part, part + 50)]
    writer.append([rows(f"{name}-{part}-", times, seed=part)], now=1_700_000_000_000_000)
    world.predictions.ingest()
    world.traffic.add(MODEL, [Answers(minute=NOON, status=200, requests=50)])
    count_rows(world, fold(MODEL, world.journal.read(MODEL)), memory, now=NOON + timedelta(days=1))
writer.close()
world.predictions.ingest()
"""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running_postgres(Path(tempfile.mkdtemp(prefix="flyball-counts-"))) as server:
        address = server.fresh()
        monkeypatch.setenv(_STORE, address)
        monkeypatch.setenv(FOR_SIGNING, "5a" * 32)
        yield address


def machine(root: Path, name: str) -> Path:
    folder = root / name
    (folder / ".flyball").mkdir(parents=True)
    (folder / "flyball.toml").write_text(_SPEC)
    return folder


def test_rows_requests_and_counts_of_machines_that_write_at_the_same_time_add_up(store: str, tmp_path: Path) -> None:
    made = Watched(tmp_path)
    made.register(1, reference()).promote(1)
    office = machine(tmp_path, "office")
    stores = open_stores(read_settings(office))
    (registered, promoted) = [entry.event for entry in made.world.journal.read(MODEL)]
    digest = made.state.versions[1].registered.bundle
    assert stores.bundles.put(tmp_path / "bundles" / digest) == digest
    stores.journal.append(MODEL, [registered, promoted], expected=0, actor="ann", at=NOON)

    children = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(machine(tmp_path, f"m{number}")), f"m{number}", str(ROWS)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(MACHINES)
    ]
    for child in children:
        _, said = child.communicate(timeout=120)
        assert child.returncode == 0, said

    day = Window(start=NOON - timedelta(hours=1), end=NOON + timedelta(days=1))
    world = replace(made.world, journal=stores.journal, predictions=stores.predictions, counts=stores.counts)
    count_rows(world, made.state, Memory(), now=NOON + timedelta(days=1))  # what came after a machine had counted for the last time
    assert stores.predictions.count(MODEL, day) == {1: MACHINES * ROWS}
    assert sum(one.requests for one in stores.traffic.between(MODEL, day)) == MACHINES * ROWS
    (ledger,) = stores.counts.places(MODEL)
    assert sum(kept.tally().rows for kept in stores.counts.slots(MODEL, ledger, day)) == MACHINES * ROWS
    stores.database.close()
