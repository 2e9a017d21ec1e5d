"""`flyball comment` and the report it comes from."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from delivered import machine
from flyball.adapters.forge.comments import change_of, put
from flyball.core.errors import FlyballError, NotFoundError, StoreError, UsageError
from flyball.settings import proposed_change
from forges import TOKEN, forge
from projects import SPEC

MARK = "<!-- flyball churn -->"


def flyball(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flyball", *words]
    env = {**machine(folder), "HOME": str(folder), **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def reported(folder: Path, model: str = "churn") -> Path:
    (folder / "flyball.toml").write_text(SPEC)
    there = folder / "evaluation"
    there.mkdir()
    (there / "training.json").write_text(json.dumps({"model": model, "run_id": "abc"}))
    (there / "evaluation.md").write_text(f"{MARK}\n\n## found\n")
    return there


def test_there_is_one_comment_about_a_model_and_it_is_changed(tmp_path: Path) -> None:
    there = reported(tmp_path)
    (there / "tests.xml").write_text(
        '<testsuites><testsuite><testcase classname="m" name="a"/><testcase name="b `|`"><failure/></testcase></testsuite></testsuites>'
    )
    with forge() as github:
        github.comments[1] = ("bob", f"{MARK} of somebody else")
        for number in range(2, 140):
            github.comments[number] = ("bob", "hello")
        named = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": "o/r", "GITHUB_REF": "refs/pull/3/merge", "GITHUB_TOKEN": TOKEN}
        done = flyball(tmp_path, "comment", "--link", "https://ci.example/1", **named)
        assert done.returncode == 0, done.stderr
        again = flyball(tmp_path, "comment", "evaluation", "--json", **named)
        assert json.loads(again.stdout) == {"comment": f"{github.url}/c/140"}
        assert len(github.comments) == 140
        assert github.comments[140][1].splitlines()[0] == MARK
        assert "2 tests of the model's own, 1 failed." in github.comments[140][1] and "`b '¦'`" in github.comments[140][1]
        with pytest.raises(StoreError, match="401"):
            put(change_of(proposed_change({**named, "GITHUB_TOKEN": "wrong"})), "text", MARK)
        github.refuses = 500
        with pytest.raises(StoreError, match="500"):
            put(change_of(proposed_change(named)), "text", MARK)
    with pytest.raises(StoreError, match="does not answer"):
        put(change_of(proposed_change(named)), "text", MARK)


@pytest.mark.parametrize(
    ("said", "kind", "comments"),
    [
        ({"GITHUB_REF": "refs/pull/3/merge", "GITHUB_REPOSITORY": "o/r"}, "github", "https://api.github.com/repos/o/r/issues/3/comments"),
        ({"CHANGE_URL": "https://github.com/o/r/pull/3"}, "github", "https://api.github.com/repos/o/r/issues/3/comments"),
        ({"CHANGE_URL": "https://git.example/o/r/pull/3"}, "github", "https://git.example/api/v3/repos/o/r/issues/3/comments"),
        (
            {"CHANGE_URL": "https://x.example/a/b/c/-/merge_requests/3"},
            "gitlab",
            "https://x.example/api/v4/projects/a%2Fb%2Fc/merge_requests/3/notes",
        ),
        (
            {"CI_API_V4_URL": "https://x.example/api/v4", "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "3"},
            "gitlab",
            "https://x.example/api/v4/projects/7/merge_requests/3/notes",
        ),
    ],
)
def test_each_system_says_in_its_own_way_which_change_it_looks_at(said: Mapping[str, str], kind: str, comments: str) -> None:
    found = change_of(proposed_change({**said, "GITHUB_TOKEN": "g", "GITLAB_TOKEN": "l"}))
    assert (found.kind, found.comments, found.token) == (kind, comments, "g" if kind == "github" else "l")


def test_a_comment_of_gitlab_is_changed_too() -> None:
    with forge() as there:
        said = {"CI_API_V4_URL": there.url, "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "3", "GITLAB_TOKEN": TOKEN}
        for text in ("one", "two"):
            put(change_of(proposed_change(said)), f"{MARK} {text}", MARK)
        assert there.bodies() == [f"{MARK} two"]


@pytest.mark.parametrize(
    ("said", "error"),
    [({}, NotFoundError), ({"GITHUB_REF": "refs/heads/main"}, NotFoundError), ({"GITHUB_REF": "refs/pull/1/merge"}, UsageError)],
)
def test_where_nothing_is_proposed_or_no_token_is_given_it_says_so(said: Mapping[str, str], error: type[FlyballError]) -> None:
    with pytest.raises(error):
        change_of(proposed_change(said))


def test_a_report_of_another_model_or_none_is_refused(tmp_path: Path) -> None:
    there = reported(tmp_path, "other")
    assert "is about 'other'" in flyball(tmp_path, "comment", "--print").stderr
    (there / "training.json").write_text("[")
    assert "cannot be read" in flyball(tmp_path, "register", "--report", "evaluation").stderr
    (there / "training.json").write_text("[1]")
    assert "names no run" in flyball(tmp_path, "register", "--report", "evaluation").stderr
    assert "there is no training.json" in flyball(tmp_path, "register", "--report", "nowhere").stderr
    assert flyball(tmp_path, "register").returncode == 2
    assert flyball(tmp_path, "register", "abc", "--report", "evaluation").returncode == 2
