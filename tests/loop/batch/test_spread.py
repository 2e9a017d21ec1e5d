"""Batch scoring by many processes: the same bytes as by one, whoever is killed; one part at fault ends the job as it does here."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flyball.adapters.arrow.source import FileSource
from flyball.adapters.local.mapper import LocalMapper
from flyball.core.errors import DataError
from flyball.loop.batch.report import Progress
from flyball.loop.batch.spread import made_elsewhere
from flyball.loop.parts import Wanted
from replayed import InTurn
from scored import airport, flights, order, score, spread
from served import Site
from spreads import elsewhere, lake, same_as_here


@pytest.fixture
def made(tmp_path: Path) -> Site:
    made = airport(tmp_path / "project")
    made.deploy(1)
    return made


def test_processes_write_what_one_process_writes_also_when_one_is_killed(tmp_path: Path) -> None:
    def children() -> list[int]:
        found = []
        for one in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # those of other tests that have ended
                if "spawn_main" in " ".join(one.cmdline()):
                    found.append(one.pid)
        return found

    same_as_here(LocalMapper(2), tmp_path, children)


def test_where_parts_are_is_known_without_reading_them(tmp_path: Path) -> None:
    wanted = Wanted(columns=(), id="flight", unit=None, time=None)
    flights(950).to_csv(tmp_path / "in.csv", index=False)
    for path in (lake(tmp_path / "lake"), tmp_path / "in.csv"):
        source = FileSource(path, wanted, size=4_000, rows=100)
        cuts, parts = list(source.cuts((0, 0, 0))), list(source.parts((0, 0, 0)))
        assert len(cuts) > 8
        assert [(cut.file, cut.place, cut.after, cut.size) for cut in cuts] == [(p.file, p.place, p.after, p.size) for p in parts]
        assert list(source.cuts(cuts[4].after)) == cuts[5:]


def test_a_job_that_began_here_goes_on_elsewhere(made: Site, tmp_path: Path) -> None:
    source = lake(tmp_path / "lake")

    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.fresh >= 700:
            raise StoppedError

    with pytest.raises(StoppedError):
        elsewhere(InTurn(), made, source, tmp_path / "out.csv", then=stop)
    report = elsewhere(InTurn(), made, source, tmp_path / "out.csv")
    assert report.rows_before >= 700
    assert made.ports.predictions.ingest() == 2_100
    score(made.folder, source, tmp_path / "whole.csv")
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_a_bad_row_is_told_with_its_file_and_number_as_here(made: Site, tmp_path: Path) -> None:
    frame = flights(900).astype({"temp": object})
    frame.loc[617, "temp"] = "warm"
    frame.to_csv(tmp_path / "in.csv", index=False)
    told = []
    runs: list[Callable[[Path], object]] = [
        lambda out: score(made.folder, tmp_path / "in.csv", out),
        lambda out: elsewhere(InTurn(), made, tmp_path / "in.csv", out),
    ]
    for number, run in enumerate(runs):
        with pytest.raises(DataError) as raised:
            run(tmp_path / f"{number}.csv")
        told.append((raised.value.message, raised.value.hint))
    assert told[0] == told[1]
    assert "row 618, column 'temp'" in told[0][0]


def test_an_input_that_others_see_otherwise_is_refused(made: Site, tmp_path: Path) -> None:
    source = lake(tmp_path / "lake")
    (tmp_path / "other").mkdir()
    there = spread(InTurn(), made.folder, lake(tmp_path / "other" / "lake"), tmp_path / "out.csv")
    job = order(made.folder, source, tmp_path / "out.csv")
    with pytest.raises(DataError, match="the input is another one where it is scored"):
        list(made_elsewhere(there, job, tmp_path, (0, 0, 0), 0))
