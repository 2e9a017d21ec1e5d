"""The engines by the names that `--on` takes, and the look at whether a worker sees the project."""

from pathlib import Path

import pytest

from flyball.adapters.engines import Shared, open_mapper, read_engine
from flyball.adapters.local.mapper import LocalMapper
from flyball.core.errors import StoreError, UsageError
from flyball.ports.mapping import Say
from replayed import InTurn


def double(item: int, say: Say) -> int:
    return 2 * item


@pytest.mark.parametrize(
    ("on", "meant"),
    [
        ("local", ("local", "")),
        ("dask", ("dask", "")),
        ("dask:tcp://host:8786", ("dask", "tcp://host:8786")),
        ("ray:ray://head:10001", ("ray", "ray://head:10001")),
        ("ray:auto", ("ray", "auto")),
    ],
)
def test_an_engine_is_a_name_and_perhaps_an_address(on: str, meant: tuple[str, str]) -> None:
    assert read_engine(on) == meant


@pytest.mark.parametrize("on", ["", "spark", "dask:", "ray: ", "local:2", "Dask"])
def test_anything_else_is_refused_with_what_would_do(on: str) -> None:
    with pytest.raises(UsageError, match="--on") as refused:
        read_engine(on)
    assert refused.value.hint


def test_local_needs_no_folder_that_others_see(tmp_path: Path) -> None:
    with open_mapper("local", tmp_path / "not-there", processes=3) as mapper:
        assert isinstance(mapper, LocalMapper) and mapper.slots == 3
    assert not (tmp_path / "not-there").exists()


def test_a_cluster_leaves_no_mark_in_the_folder(tmp_path: Path) -> None:
    with open_mapper("dask", tmp_path / "state", processes=1) as mapper:
        assert mapper.map(double, [1, 2], say=lambda _: None) == [2, 4]
        assert len(list((tmp_path / "state").iterdir())) == 1
    assert list((tmp_path / "state").iterdir()) == []


def test_a_worker_that_does_not_see_the_folder_says_which_and_where(tmp_path: Path) -> None:
    mapper = Shared(InTurn(), tmp_path / "elsewhere" / ".mark")
    with pytest.raises(StoreError, match=f"does not see the folder {tmp_path / 'elsewhere'}") as refused:
        mapper.map(double, [1], say=lambda _: None)
    assert "same path" in refused.value.hint
    with pytest.raises(StoreError):
        list(mapper.each(double, [1], say=lambda _: None))
