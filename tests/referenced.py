"""A project with one adopted version that can be given another reference."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.journal import MemoryJournal
from flyball.core.table import Table
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.adopt import Examined, Shelf, Source, adopt
from flyball.loop.reference import ReferenceMade, Wanted, make_reference
from flyball.registry.signing import load_key
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from served import MODEL, linear, manifest

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = """
[model]
name = "flight-delay"
task = "binary"
[data]
source = "rows.csv"
target = "late"
time = "at"
[train]
run = "pipeline:train"
"""


def rows(count: int, *, days: int = 20, seed: int = 0) -> Table:
    generator = np.random.default_rng(seed)
    at = np.datetime64("2025-11-01", "us") + np.sort(generator.integers(0, days * 86_400, count)).astype("timedelta64[s]")
    return Table(
        {
            "hour": generator.integers(0, 24, count),
            "temp": np.where(generator.random(count) < 0.1, np.nan, generator.normal(10.0, 5.0, count)),
            "rain": generator.random(count) < 0.3,
            "at": at,
            "extra": np.arange(count),
        }
    )


class Place:
    """A project with one adopted version, whose bundle has an empty reference and one more file."""

    def __init__(self, folder: Path, spec: str = SPEC, journal: MemoryJournal | None = None) -> None:
        self.folder = folder
        self.spec: Spec = parse_spec(spec, folder=folder)
        self.shelf = Shelf(
            journal=journal or MemoryJournal(),
            bundles=LocalBundles(folder / "bundles", folder / "key"),
            deployments=MemoryDeployments(clock=lambda: T0),
            key=load_key(folder / "key"),
        )
        (folder / "model.onnx").write_bytes(linear([0.0, 0.1, 0.0], 0.0))
        (folder / "reference.json").write_text('{"schema_version":1,"rows":0,"columns":{}}')
        (folder / "notes").mkdir()
        (folder / "notes" / "card.md").write_text("made elsewhere")
        files = {name: str(folder / name) for name in ("model.onnx", "reference.json", "notes")}
        source = Source(asked=f"models:/{MODEL}/3", uri=f"models:/{MODEL}/3", name=MODEL, version=3, run_id="r", identity="i")
        found = Examined(source=source, manifest=manifest(), files=files, parity_rows=0, reference_rows=0, notes=())
        adopt(self.shelf, MODEL, found, work=folder, borrowed=False, actor="ann", now=T0)

    @property
    def state(self) -> State:
        return fold(MODEL, self.shelf.journal.read(MODEL))

    def make(self, table: Table, *, version: int | None = None, scores: bool = True) -> ReferenceMade:
        wanted = Wanted(table=table, source="january.csv", scores=scores, trusted=False)
        return make_reference(self.shelf, self.spec, wanted, version=version, work=self.folder / "work", actor="ann", now=T0)
