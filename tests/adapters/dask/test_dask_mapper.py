"""Work on a Dask cluster of two workers, which the test starts, reached by the address of its scheduler."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from flyball.adapters.dask.mapper import DaskMapper
from flyball.core.errors import StoreError
from flyball.loop.backtest.records import Cost, Request, Scored
from flyball.settings import read_settings
from flyball.testing.mapper import MapperSuite, double
from flyball.wiring import run_backtest
from quarter import FIRST
from replayed import history, replayed, town
from spreads import same_as_here


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def mapper(address: str) -> Iterator[DaskMapper]:
    with DaskMapper(address) as opened:
        yield opened


class TestDask(MapperSuite):
    pass


def test_without_an_address_there_is_a_cluster_on_this_machine_while_it_is_needed() -> None:
    with DaskMapper(processes=2) as mapper:
        assert mapper.slots == 2
        assert mapper.map(double, [1, 2, 3], say=lambda _: None) == [2, 4, 6]


def test_an_address_where_no_scheduler_is_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyball.adapters.dask.mapper._PATIENCE", 0.2)
    with pytest.raises(StoreError, match=r"tcp://127\.0\.0\.1:9"), DaskMapper("tcp://127.0.0.1:9"):
        pass


def test_a_folder_is_scored_as_it_is_here_also_when_a_worker_is_killed(address: str, mapper: DaskMapper, tmp_path: Path) -> None:
    def workers() -> list[int]:
        with Client(address, set_as_default=False) as client:
            return list(client.run(os.getpid).values())

    same_as_here(mapper, tmp_path, workers)


@pytest.mark.slow
def test_policies_are_replayed_on_the_cluster_as_they_are_here(address: str, tmp_path: Path) -> None:
    town(tmp_path / "town", history(days=12))
    request = Request(policies=("never", "every:5d"), start=FIRST, step=timedelta(days=1), within=timedelta(days=14))
    there = run_backtest(read_settings(tmp_path / "town", {}), request, on=f"dask:{address}")
    here = replayed(tmp_path / "town", tmp_path / "scratch", request)
    assert [told(one) for one in there.policies] == [told(one) for one in here.policies]
    assert any(one.retrains for one in there.policies)
    assert not list((tmp_path / "town" / ".flyball").glob("flyball-backtest-*"))


def told(one: Scored) -> Scored:
    """A policy without what the clock and the processor say."""
    return replace(one, cost=Cost(trainings=one.cost.trainings, seconds=0.0, cpu_seconds=0.0, rows=one.cost.rows))
