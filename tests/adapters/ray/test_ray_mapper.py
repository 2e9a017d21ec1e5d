"""Work on a Ray cluster of two nodes, which the test starts on this machine, reached by its address."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: RAY=1 make unit runs these tests")

from flyball.adapters.ray.mapper import RayMapper
from flyball.core.errors import StoreError
from flyball.testing.mapper import MapperSuite
from spreads import same_as_here


def test_an_address_where_no_cluster_is_is_an_error_that_names_it() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"), RayMapper("127.0.0.1:9"):
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000})
    cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    yield cluster.address
    cluster.shutdown()


@pytest.fixture(scope="module")
def mapper(address: str) -> Iterator[RayMapper]:
    with RayMapper(address) as opened:
        yield opened


class TestRay(MapperSuite):
    pass


def test_a_folder_is_scored_on_the_cluster_as_it_is_here_also_when_a_worker_is_killed(mapper: RayMapper, tmp_path: Path) -> None:
    def workers() -> list[int]:
        running = psutil.process_iter(["cmdline"])  # what ended meanwhile, or was never waited for, has no words
        return [one.pid for one in running if any("ray::run_item" in word for word in one.info["cmdline"] or ())]

    same_as_here(mapper, tmp_path, workers)
