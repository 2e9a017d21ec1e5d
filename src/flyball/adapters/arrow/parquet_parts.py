"""Parquet files of any size, cut within their row groups into parts of some ten thousand rows."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flyball.adapters.arrow.cells import Problems, from_typed, names, refuse_type, times
from flyball.adapters.arrow.content import Content
from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.table import Table
from flyball.loop.parts import Cut, Loaded, Place, Wanted

ROWS = 25_000
_BLOCK = 4 * 1024 * 1024


class ParquetFile:
    """One Parquet file: its columns and how many rows it has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                self.schema: pa.Schema = file.schema_arrow
                self.rows: int = file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path.name} is not a Parquet file that can be read: {error}", hint="write it again") from None
        self.columns = tuple(self.schema.names)
        doubled = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if doubled:
            raise DataError(f"{path.name} has columns of the same name: {', '.join(doubled)}", hint="rename or drop one of each")

    def check(self, wanted: Wanted) -> None:
        """DataError if a column cannot hold what the contract asks for."""
        for column in wanted.columns:
            if column.name in self.columns:
                refuse_type(column, self.schema.field(column.name).type, self.path.name)

    def parts(
        self, number: int, group: int, skip: int, wanted: Wanted, kept: Sequence[str], rows: int = ROWS, *, told: str
    ) -> Iterator["ParquetPart"]:
        """The parts from the `skip`-th of a row group on. `told`: what the file is called in messages."""
        roles = [name for name in (wanted.id, wanted.unit, wanted.time) if name in self.columns]
        columns = list(dict.fromkeys([*(c.name for c in wanted.columns if c.name in self.columns), *roles, *kept]))
        with pq.ParquetFile(self.path) as file:
            for current in range(group, file.metadata.num_row_groups):
                digest = self._digest(file, current)
                for at, batch in enumerate(file.iter_batches(batch_size=rows, row_groups=[current], columns=columns)):
                    if current == group and at < skip:
                        continue
                    yield ParquetPart(
                        file=told,
                        place=(number, current, at),
                        after=(number, current, at + 1),
                        size=batch.num_rows,
                        wanted=wanted,
                        kept=tuple(kept),
                        batch=batch,
                        digest=f"{digest}:{at}:{rows}",
                    )

    def cuts(self, number: int, group: int, skip: int, rows: int = ROWS, *, told: str) -> Iterator[Cut]:
        """Where the parts that `parts` gives begin and end."""
        with pq.ParquetFile(self.path) as file:
            for current in range(group, file.metadata.num_row_groups):
                held = file.metadata.row_group(current).num_rows
                for at in range(skip if current == group else 0, -(-held // rows)):
                    size = min(rows, held - at * rows)
                    yield Cut(file=told, place=(number, current, at), after=(number, current, at + 1), size=size)

    def _digest(self, file: pq.ParquetFile, group: int) -> str:
        """SHA-256 of the bytes of a row group, as they stand in the file."""
        meta = file.metadata.row_group(group)
        chunks = [meta.column(number) for number in range(meta.num_columns)]
        starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
        end = max((start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)), default=0)
        found = hashlib.sha256()
        with self.path.open("rb") as raw:
            raw.seek(min(starts, default=0))
            while (left := end - raw.tell()) > 0 and (block := raw.read(min(_BLOCK, left))):
                found.update(block)
        return found.hexdigest()


@record
class ParquetPart:
    """Some rows of a row group."""

    file: str
    place: Place
    after: Place
    size: int
    wanted: Wanted
    kept: tuple[str, ...]
    batch: pa.RecordBatch
    digest: str

    def load(self) -> Loaded:
        """The columns as arrays."""
        batch, here, rows = self.batch, set(self.batch.schema.names), self.batch.num_rows
        problems: Problems = {}
        table = {column.name: from_typed(column, batch.column(column.name)) for column in self.wanted.columns if column.name in here}
        at, assumed = (None, False)
        if self.wanted.time is not None and self.wanted.time in here:
            at, assumed = times(self.wanted.time, batch.column(self.wanted.time), problems)
        nobody: list[str | None] = [None] * rows
        return Loaded(
            table=Table(table),
            rows=rows,
            numbers=np.arange(rows, dtype=np.int64),
            at=at,
            unit=names(batch.column(self.wanted.unit)) if self.wanted.unit in here else nobody,
            entity=names(batch.column(self.wanted.id)) if self.wanted.id in here else nobody,
            problems=problems,
            broken={},
            digest=hashlib.sha256(self.digest.encode()).hexdigest(),
            zone_assumed=assumed,
            content=Content(
                kept=pa.Table.from_batches([batch]).select(list(self.kept)), lines=None, text=b"", columns=tuple(batch.schema.names)
            ),
        )
