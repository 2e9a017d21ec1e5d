"""`--on` of the verbs that do heavy work, and `flyball tune`: the same results on a cluster of this machine as in this process."""

import fcntl
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from trained import Shop, change, flyball

RAY = find_spec("ray") is not None


def lake(own: Shop, *, dearer: float = 1.0) -> Path:
    folder = own.folder / "lake"
    folder.mkdir()
    frame = pd.read_parquet(sorted((own.folder / "snapshots").glob("*.parquet"))[0]).drop(columns=["known_at"])
    frame["monthly_charges"] *= dearer
    frame["customer_id"] = [f"c{number}" for number in range(len(frame))]
    for number, start in enumerate(range(0, len(frame), 1_000)):
        frame.iloc[start : start + 1_000].to_parquet(folder / f"{number:03d}.parquet", index=False)
    return folder


@pytest.mark.parametrize(
    "words", [("predict", "in.csv", "out.csv"), ("backtest",), ("monitor", "--data", "lake"), ("tune",)], ids=lambda words: words[0]
)
def test_an_engine_that_is_none_is_refused_by_name(shop: Shop, words: tuple[str, ...]) -> None:
    said = flyball(shop.folder, *words, "--on", "dsak:tcp://x:1")
    assert said.status == 2 and "nothing runs on 'dsak'; did you mean 'dask'?" in said.err
    said = flyball(shop.folder, *words, "--on", "local:4")
    assert said.status == 2 and "have no address" in said.err
    said = flyball(shop.folder, *words, "--on", "ray:")
    assert said.status == 2 and "the address is missing" in said.err


@pytest.mark.skipif(RAY, reason="Ray is installed here")
def test_an_engine_that_is_not_installed_is_named_with_the_command_that_installs_it(shop: Shop) -> None:
    said = flyball(shop.folder, "backtest", "--on", "ray", "--policy", "never")
    assert said.status == 1 and "pip install 'flyball[ray]'" in said.err


def test_a_lake_is_counted_on_a_cluster_as_it_is_here(own: Shop) -> None:
    folder = lake(own, dearer=1.2)
    words = ("monitor", "--data", str(folder), "--json", "--now", "2026-01-01T00:00:00Z", "--fail-on", "drift")
    here, there = flyball(own.folder, *words), flyball(own.folder, *words, "--on", "dask")
    assert here.status == there.status == 1, there.err
    assert here.out == there.out
    found = here.json
    assert found["columns"]["monthly_charges"]["state"] == "drift"
    assert found["rows"] == sum(len(pd.read_parquet(path)) for path in folder.glob("*.parquet"))
    page = own.folder / "lake.html"
    assert flyball(own.folder, "monitor", "--data", str(folder), "--html", str(page)).status == 0
    assert "monthly_charges" in page.read_text()


def test_workers_verify_bundles_with_the_key_that_machines_share(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    key, folder = own.folder / ".flyball" / "key", lake(own)
    monkeypatch.setenv("FLYBALL_SIGNING_KEY", key.read_text().strip())
    key.unlink()
    looked = flyball(own.folder, "monitor", "--data", str(folder), "--json", "--now", "2026-01-01T00:00:00Z")
    assert looked.status == 0, looked.err
    scored = flyball(own.folder, "predict", str(folder), str(own.folder / "out.csv"), "--on", "dask")
    assert scored.status == 0, scored.err
    assert not key.exists(), "nobody made a key of their own"


def test_what_is_for_served_rows_does_not_go_with_files_and_the_other_way_round(own: Shop) -> None:
    for option in (("--window", "7d"), ("--rebuild",), ("--watch",)):
        said = flyball(own.folder, "monitor", "--data", "lake", *option)
        assert said.status == 2 and option[0] in said.err
    said = flyball(own.folder, "monitor", "--on", "dask")
    assert said.status == 2 and "--data" in said.err
    said = flyball(own.folder, "monitor", "--data", "nowhere")
    assert said.status == 1 and "there is no file" in said.err


def test_files_without_a_column_say_so_and_it_counts_as_missing(own: Shop) -> None:
    folder = lake(own)
    for path in folder.glob("*.parquet"):
        pd.read_parquet(path).drop(columns="support_calls").to_parquet(path, index=False)
    said = flyball(own.folder, "monitor", "--data", str(folder), "--json")
    assert said.status == 0 and "has no column support_calls" in said.err
    assert said.json["columns"]["support_calls"]["missing"] == 1.0


def test_a_folder_is_scored_on_a_cluster_as_it_is_here(own: Shop) -> None:
    folder = lake(own)
    here, there = own.folder / "here.parquet", own.folder / "there.parquet"
    one = flyball(own.folder, "predict", str(folder), str(there), "--on", "dask", "--json")
    assert one.status == 0, one.err
    other = flyball(own.folder, "predict", str(folder), str(here), "--json")
    assert here.read_bytes() == there.read_bytes()
    assert one.json["answered"] == other.json["answered"] == len(pd.read_parquet(here))
    assert "parts at a time" in one.err
    said = flyball(own.folder, "predict", str(folder), str(own.folder / "x.csv"), "--on", "dask", "--threads", "2")
    assert said.status == 2 and "--threads" in said.err


@pytest.mark.slow
def test_tune_finds_the_same_parameters_on_a_cluster_and_writes_them_only_when_told_to(own: Shop) -> None:
    spec = own.folder / "flyball.toml"
    said = flyball(own.folder, "tune")
    assert said.status == 1 and "[train.search]" in said.err
    change(own.folder, "[evaluate]", "# searched by hand before\n[train.search]\nmax_depth = [2, 4]\n\n[evaluate]")
    before = spec.read_text()
    words = ("tune", "--trials", "2", "--at-once", "2", "--metric", "brier", "--json")
    here = flyball(own.folder, *words)
    assert here.status == 0, here.err
    assert spec.read_text() == before and here.json["written"] is False
    assert here.json["best"]["value"] == min(one["value"] for one in here.json["trials"])
    assert "are not looked at" in here.err
    again = flyball(own.folder, *words, "--on", "dask", "--storage", f"sqlite:///{own.folder / 'other.db'}")
    assert again.status == 0, again.err
    assert [(one["params"], one["value"]) for one in again.json["trials"]] == [(one["params"], one["value"]) for one in here.json["trials"]]
    wrote = flyball(own.folder, *words, "--write")
    assert wrote.json["earlier"] == 2 and wrote.json["written"] is True
    assert tomllib.loads(spec.read_text())["train"]["params"]["max_depth"] == here.json["best"]["params"]["max_depth"]
    assert "# searched by hand before" in spec.read_text()


def test_a_second_search_in_one_folder_is_refused(own: Shop) -> None:
    change(own.folder, "[evaluate]", "[train.search]\nmax_depth = [2, 4]\n\n[evaluate]")
    lock = own.folder / ".flyball" / "tune" / "lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        said = flyball(own.folder, "tune", "--trials", "1")
    assert said.status == 1 and "another search runs in this folder" in said.err
