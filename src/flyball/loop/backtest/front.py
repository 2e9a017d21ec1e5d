"""What a server would have answered and logged: its own code for who answers whom, over many rows of the past at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Table
from flyball.data.snapshot import present
from flyball.loop.backtest.bench import Bench
from flyball.loop.backtest.records import Stream
from flyball.loop.live import live_of
from flyball.loop.making.scorers import Score, scorer
from flyball.registry.bundle import read_manifest
from flyball.registry.records import EngineName, Manifest
from flyball.serving.batch import BatchRows, answer, shadowed
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import Engine, Row, Scores, load_engine
from flyball.serving.records import Deployment
from flyball.serving.traffic import Split
from flyball.spec.records import Spec

Ints = NDArray[np.int64]


class Front:
    """Answers rows of a stream under whatever is deployed, and has the recorder keep what a server's log would hold of them."""

    def __init__(self, bench: Bench, spec: Spec, stream: Stream) -> None:
        self._bench = bench
        self._stream = stream
        self._split = split_of(spec)
        self._versions: dict[tuple[int, str], LiveVersion] = {}
        self._live: LiveModel | None = None

    @property
    def classes(self) -> tuple[str | int | float | bool, ...]:
        """What the columns of scores stand for; nothing as long as nothing was answered."""
        return next(iter(self._versions.values())).manifest.classes if self._versions else ()

    def answer(self, deployment: Deployment, rows: Ints) -> int:
        """Answer these rows, one after the other in the stream; how many could not be.

        A row without a value that the champion cannot do without is refused, as is one to which no version gives a finite number.
        """
        live = self._opened(deployment)
        table = self._stream.features.take(slice(int(rows[0]), int(rows[-1]) + 1))
        able = np.ones(len(rows), dtype=np.bool_)
        for column in live.champion.manifest.schema.columns:
            if not column.nullable:
                able &= present(table[column.name])
        asked, table = rows[able], table.take(able)
        if not len(asked):
            return len(rows)
        said = answer(live, self._rows(asked, table), self._split)
        record = self._bench.recorder.record
        for arm in said.arms:
            own = asked[arm.rows]
            record(own, arm.version.version, arm.score, arm.label, variant=arm.logged, shadow=False, propensity=arm.propensity)
        if len(said.broken):
            kept = np.ones(len(asked), dtype=np.bool_)
            kept[said.broken] = False
            asked, table = asked[kept], table.take(kept)
        for one in shadowed(live, table) if len(asked) else ():
            arm = one.arm
            record(asked[arm.rows], arm.version.version, arm.score, arm.label, variant="shadow", shadow=True, propensity=None)
        return len(rows) - len(asked)

    def _rows(self, rows: Ints, table: Table) -> BatchRows:
        stream = self._stream
        return BatchRows(
            table=table,
            ids=stream.ids[rows].tolist(),
            unit=stream.unit[rows].tolist(),
            entity=stream.entity[rows].tolist(),
            at=stream.at[rows],
        )

    def _opened(self, deployment: Deployment) -> LiveModel:
        if self._live is None or self._live.deployment != deployment:
            self._live = live_of(deployment, lambda number: self._version(number, deployment.bundles[number]))
        return self._live

    def _version(self, number: int, digest: str) -> LiveVersion:
        found = self._versions.get((number, digest))
        if found is None:
            path = self._bench.world.bundles.path(digest)
            manifest = read_manifest(path, digest)
            engine: Engine
            if manifest.engine == "native":
                folder = self._bench.folder / "scoring"
                engine = _Apart(manifest, scorer(path, digest, manifest, self._bench.workshop, folder))
            else:
                engine = load_engine(path, manifest)
            found = self._versions[number, digest] = LiveVersion(number, manifest, engine)
        return found


def split_of(spec: Spec) -> Split:
    """What the spec says of units that are pinned or held back, as a server of this model takes it."""
    shaped = spec.model.influences_outcome and spec.model.task == "binary"
    return Split(overrides=spec.rollout.overrides, holdback=spec.rollout.holdback if shaped else 0.0)


class _Apart:
    """The `Engine` of a model that could not be compiled: the project's own process scores it."""

    name: EngineName = "native"
    inline = False

    def __init__(self, manifest: Manifest, score: Score) -> None:
        self._schema = manifest.schema
        self._score = score

    def score(self, features: Table) -> Scores:
        """The rows of a table in one call."""
        return self._score(features)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Rows given as values."""
        columns = zip(*rows, strict=True)
        return self._score(Table({name: np.array(list(values)) for name, values in zip(self._schema.names, columns, strict=True)}))

    def score_one(self, row: Row) -> float:
        """One row."""
        return float(self.score_rows([row]).item(0))
