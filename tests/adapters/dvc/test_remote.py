"""A remote that the spec names: snapshots go to a real S3 and come back on another machine, with what a query gave."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from clouds import keys_in, s3
from flyball.adapters.dvc.snapshots import DvcSnapshots
from flyball.core.errors import StoreError, UnsupportedError
from flyball.core.table import Table
from flyball.data.records import Snapshot

pytestmark = pytest.mark.filterwarnings("ignore")  # what DVC says when it is imported and used is not ours to answer for


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    with s3("data") as variables:
        yield variables


def kept(project: Path, remote: str, *, first: int = 0, beside: tuple[Path, ...] = ()) -> Snapshot:
    snapshots = DvcSnapshots(project, remote=remote, beside=beside)
    table = Table({"x": np.arange(first, first + 50)})
    path, digest = snapshots.write(table, frozenset(), project / ".flyball" / "cache")
    where, md5 = snapshots.keep(path, "churn")
    return Snapshot(
        digest=digest,
        dvc_md5=md5,
        path=where,
        rows=50,
        columns=("x",),
        sources=(),
        steps=(),
        logged_rows=0,
        first_at=None,
        last_at=None,
    )


def test_a_snapshot_is_there_for_other_machines_as_soon_as_it_is_kept(
    bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    snapshot = kept(here, "s3://data/churn")
    assert DvcSnapshots(there, remote="s3://data/churn").restore(snapshot)["x"][0] == 0
    assert DvcSnapshots(here, remote="s3://data/churn").push(snapshot) == 0, "it was there already"
    assert "s3://" not in (here / ".dvc" / "config").read_text()


def test_of_what_a_query_gave_only_changed_days_are_sent_again(
    bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    days = tmp_path / "warehouse" / "q"
    days.mkdir(parents=True)
    for day in range(1, 6):
        (days / f"2024-01-0{day}.parquet").write_text(f"rows of day {day}")
    kept(tmp_path, "s3://data/days", beside=(days,))
    before = set(keys_in("data", bucket))
    (days / "2024-01-03.parquet").write_text("other rows")
    (days / "2024-01-06.parquet").write_text("rows of day 6")
    kept(tmp_path, "s3://data/days", beside=(days,))
    new = set(keys_in("data", bucket)) - before
    assert len(new) == 3, "two days and the list of them"
    assert sum(key.endswith(".dir") for key in new) == 1


def test_a_remote_that_refuses_is_told_with_the_variables_it_asks_for(
    bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError) as refused:
        kept(tmp_path, "s3://no-such-bucket/churn")
    assert "AWS_ACCESS_KEY_ID" in refused.value.hint
    assert "s3://no-such-bucket/churn" in refused.value.message


def test_what_is_missing_for_a_remote_is_told_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as missing:
        kept(tmp_path, "gs://bucket/churn")
    assert missing.value.hint == "pip install 'dvc-gs'"
