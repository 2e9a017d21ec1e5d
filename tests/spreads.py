"""A batch job whose parts others do, beside the same job in this process; and one of the others killed in the middle of it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from flyball.loop.batch.batch import run_batch
from flyball.loop.batch.report import BatchReport, Progress
from flyball.ports.mapping import Mapper
from scored import airport, flights, no_clock, order, score, spread
from served import Site


def lake(folder: Path, files: int = 3, rows: int = 700) -> Path:
    """A folder of Parquet files of two row groups each."""
    folder.mkdir()
    frame = flights(files * rows)
    for number in range(files):
        part = frame.iloc[number * rows : (number + 1) * rows]
        part.to_parquet(folder / f"{number:02d}.parquet", row_group_size=rows * 2 // 3, index=False)
    return folder


def elsewhere(
    mapper: Mapper, site: Site, source: Path, out: Path, *, then: Callable[[Progress], None] = lambda _: None, **changes: Any
) -> BatchReport:
    """The job, done by a mapper."""
    job = order(site.folder, source, out, **changes)
    there = spread(mapper, site.folder, source, out, **changes)
    return run_batch(job, overwrite=False, clock=no_clock, progress=then, spread=there)


def same_as_here(mapper: Mapper, tmp_path: Path, victims: Callable[[], list[int]]) -> None:
    """Score a folder of Parquet and a CSV elsewhere, with a process killed in the middle, and then here: equal bytes, all logged once."""
    site, rows = airport(tmp_path / "project"), 2_100
    site.deploy(1, challenger=2, share=0.4, shadow=(3,))
    source = lake(tmp_path / "lake")
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.fresh and not killed:
            killed.extend(victims()[:1])
            for process in killed:
                os.kill(process, signal.SIGKILL)

    there = elsewhere(mapper, site, source, tmp_path / "there.parquet", then=kill)
    assert killed
    log = site.ports.predictions
    assert log.ingest() == 2 * rows  # what was answered, and what the shadow said
    assert not list((site.folder / ".flyball" / "log").glob("*new"))
    ids = pd.read_parquet(tmp_path / "there.parquet")["prediction_id"].tolist()
    assert [log.find(one) is None for one in ids] == [False] * rows
    assert score(site.folder, source, tmp_path / "here.parquet") == there
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()
    assert log.ingest() == 0
    flights(900, seed=3).to_csv(tmp_path / "in.csv", index=False)
    elsewhere(mapper, site, tmp_path / "in.csv", tmp_path / "there.csv")
    score(site.folder, tmp_path / "in.csv", tmp_path / "here.csv")
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    assert log.ingest() == 2 * 900
