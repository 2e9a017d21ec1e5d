"""Files of any size are counted as one table would be, whoever counts which part."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flyball.adapters.arrow.source import FileSource
from flyball.adapters.local.mapper import LocalMapper
from flyball.adapters.pandas.frames import to_table
from flyball.core.errors import DataError
from flyball.core.schema import Column, Schema
from flyball.data.profile import Reference, build_reference
from flyball.loop.lake import Lake, Opened, count_files, lake_drift
from flyball.loop.parts import Wanted
from flyball.monitoring.counts import Counter, count
from flyball.monitoring.drift import drift
from flyball.ports.mapping import Mapper
from flyball.spec.records import MonitorSpec
from replayed import InTurn

SCHEMA = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="temp", kind="number", nullable=True),
        Column(name="carrier", kind="category", nullable=True, categories=("AA", "UA")),
    )
)
ROWS = 2_300


def rows(count: int, *, seed: int = 0, warmer: float = 0.0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "hour": chance.integers(0, 24, count),
            "temp": np.where(chance.random(count) < 0.1, np.nan, chance.normal(10.0 + warmer, 5.0, count).round(3)),
            "carrier": chance.choice(["AA", "UA", "B6"], count, p=[0.6, 0.3, 0.1]),
            "at": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="min"),
        }
    )


def reference() -> Reference:
    return build_reference(to_table(rows(5_000, seed=1)[["hour", "temp", "carrier"]]).table, SCHEMA, {})


def lake(folder: Path, kind: str = "parquet") -> Path:
    folder.mkdir()
    frame = rows(ROWS, warmer=3.0)
    for number, start in enumerate(range(0, ROWS, 500)):
        part = frame.iloc[start : start + 500]
        path = folder / f"{number}.{kind}"
        if kind == "csv":
            part.to_csv(path, index=False)
        else:
            part.to_parquet(path, row_group_size=300, index=False)
    return folder


def opened(folder: Path) -> Opened:
    wanted = Wanted(columns=SCHEMA.columns, id=None, unit=None, time="at")
    return Opened(source=FileSource(folder, wanted, keep=(), rows=100, size=5_000), counter=Counter(reference()))


def counted(folder: Path, mapper: Mapper) -> Lake:
    return count_files(opened(folder).source, partial(opened, folder), mapper=mapper, say=lambda _: None)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_counts_of_many_files_are_those_of_one_table(tmp_path: Path, kind: str) -> None:
    found = counted(lake(tmp_path / "lake", kind), InTurn())
    frame = rows(ROWS, warmer=3.0)
    whole = count(reference(), to_table(frame[["hour", "temp", "carrier"]]).table, {})
    assert found.counts.reference == whole.reference
    assert {name: cells.tolist() for name, cells in found.counts.columns.items()} == {
        name: cells.tolist() for name, cells in whole.columns.items()
    }
    assert (found.rows, found.files, found.counts.rows, found.broken, found.problems) == (ROWS, 5, ROWS, 0, 0)
    assert found.window is not None
    assert (found.window.start, found.window.end.replace(microsecond=0)) == (frame["at"].iloc[0], frame["at"].iloc[-1])
    judged = lake_drift(reference(), found, MonitorSpec())
    days = (found.window.end - found.window.start).total_seconds() / 86_400
    assert judged == drift(reference(), whole, margin=MonitorSpec().margin, share_margin=MonitorSpec().share_margin, looks=1, days=days)
    assert judged["temp"].distance > 0.15 > judged["hour"].distance


def test_it_does_not_matter_who_counts(tmp_path: Path) -> None:
    folder = lake(tmp_path / "lake")
    here, there = counted(folder, InTurn()), counted(folder, LocalMapper(2))
    assert {name: cells.tolist() for name, cells in here.counts.columns.items()} == {
        name: cells.tolist() for name, cells in there.counts.columns.items()
    }
    assert (here.rows, here.files, here.window) == (there.rows, there.files, there.window)


def test_what_cannot_be_read_is_counted_as_missing_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    (folder / "one.csv").write_text("hour,temp,carrier,at\n1,warm,AA,2026-03-01\n2,3.5,UA,2026-03-02\n3,4\n")
    found = counted(folder, InTurn())
    assert (found.rows, found.broken, found.problems) == (2, 1, 1)
    assert int(found.counts.columns["temp"].sum()) == 2


def test_files_without_rows_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    rows(0).to_csv(tmp_path / "lake" / "one.csv", index=False)
    with pytest.raises(DataError, match="hold no rows"):
        counted(tmp_path / "lake", InTurn())
