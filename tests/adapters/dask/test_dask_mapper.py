"""Work on a Dask cluster of two workers, which the test starts, reached by the address of its scheduler."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from flyball.adapters.dask.mapper import DaskMapper
from flyball.core.errors import StoreError
from flyball.testing.mapper import MapperSuite, double
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
