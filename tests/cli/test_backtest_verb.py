"""`flyball backtest` as a person types it."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flyball.cli.backtest import read_changes
from flyball.core.errors import UsageError
from flyball.loop.backtest.kept import names, read
from quarter import Town
from replayed import town


def flyball(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "flyball", "-C", str(folder), "backtest", *words], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("verb") / "town"
    town(made)
    return made


class Page(HTMLParser):
    """Which elements a page has, and whether it loads anything."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]


def test_policies_are_compared_and_the_page_is_written(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ("--policy", "never", "--policy", "spec,min_days=3", "--start", "2026-01-01", "--end", "2026-02-05", "--html", str(page))
    done = flyball(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {one["name"] for one in told["policies"]} == {"never", "spec,min_days=3"}
    assert told["reference"] == "never"  # the first, where the spec as it stands is not among them
    decision = told["policies"][0]["decisions"][0]
    assert decision["action"] == "registered" and "version 1 was trained on" in decision["reason"]
    assert told["cpu_seconds"] > 0
    assert "never: 2026-01-31, 30 of 35 looks" in done.stderr
    found = Page(page.read_text(encoding="utf-8"))
    assert found.tags.count("figure") == 3  # two metrics, and the gain over the reference
    assert found.loads == [] and "script" not in found.tags
    assert not (folder / "flyball.db").exists()
    kept = read(folder / ".flyball", names(folder / ".flyball")[0])
    assert [one.name for one in kept.report.policies] == [one["name"] for one in told["policies"]]


def test_a_table_and_the_decisions_are_printed_for_people(folder: Path) -> None:
    done = flyball(folder, "--policy", "never", "--start", "2026-01-01", "--end", "2026-01-08")
    assert done.returncode == 0, done.stderr
    assert "mean brier" in done.stdout
    assert "2026-01-01  promote @1: version 1 is the first that passed its gate" in done.stdout


def test_the_prediction_log_can_be_replayed(tmp_path: Path) -> None:
    lived = Town(tmp_path / "town", changes_on=10).begin()
    lived.live(40)
    lived.close()
    done = flyball(lived.folder, "--from-log", "--policy", "never", "--policy", "spec", "--start", "2026-01-08", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rows"] == 33 * 250
    assert told["policies"][0]["name"] == "spec"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--policy", "sometimes"), 2, "there is no policy 'sometimes'"),
        (("--start", "soon"), 2, "--start soon"),
        (("--start", "1999-01-01"), 1, "there is no row before it"),
        (("--data", "nowhere.csv"), 2, "does not exist"),
        (("--html", "nowhere/page.html"), 2, "there is no folder"),
        (("--changes", "nowhere.csv"), 2, "cannot be read"),
        (("--step", "daily"), 2, "is not a duration"),
        (("--from-log",), 1, "no predictions of town whose outcome is known"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, words: tuple[str, ...], status: int, said: str) -> None:
    done = flyball(folder, *words)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr


def test_changes_are_times_one_a_line_with_or_without_a_heading(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    path.write_text("at,what\n2026-01-21,calls turned round\n2026-01-02T06:00:00+01:00,prices\n\n")
    assert [f"{at:%Y-%m-%d %H}" for at in read_changes(path)] == ["2026-01-02 05", "2026-01-21 00"]
    path.write_text("2026-01-21\nlater\n")
    with pytest.raises(UsageError, match="line 2: 'later' is no time"):
        read_changes(path)
    path.write_text("at\n")
    with pytest.raises(UsageError, match="holds no time"):
        read_changes(path)
