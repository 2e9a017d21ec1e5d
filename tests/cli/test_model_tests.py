"""`flyball test` as a user calls it: after a training that registered nothing, and of a version; what it says, writes and exits with."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flyball.core.codec import from_json
from flyball.loop.behaviour.subject import Candidate
from trained import NOW, begin, change, flyball


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The churn example, trained once and registered as nothing."""
    folder = begin(tmp_path_factory.mktemp("tested"))
    done = flyball(folder, "train", "--no-register", "--now", NOW)
    assert done.status == 0, done.err
    return folder


def test_what_a_training_made_without_registering_it_is_tested(shop: Path) -> None:
    said = flyball(shop, "test", "--json")
    report = said.json
    assert report["version"] is None
    assert report["run_id"] == from_json((shop / ".flyball" / "candidate.json").read_bytes(), Candidate).run_id
    verdicts = {test["name"]: test["verdict"] for test in report["tests"]}
    assert verdicts["round trip: JSON"] == "pass"
    assert verdicts["test_more_support_calls_mean_more_risk"] == "pass"
    assert said.status == (0 if report["verdict"] == "pass" else 1)
    assert flyball(shop, "test", "--run", report["run_id"], "--only", "round trip").status == 0


def test_a_test_that_fails_fails_the_job_and_stands_in_the_report(shop: Path, tmp_path: Path) -> None:
    declared = (shop / "tests.toml").read_text()
    named = 'name = "a]]>\\u0000 ${{ x }} $(touch it) \\u540d"\n'
    asked = 'kind = "slice"\ncolumn = "plan"\nvalue = "monthly"\nmetric = "roc_auc"\nat_least = 1.0\n'
    (shop / "tests.toml").write_text(f"{declared}\n[[test]]\n{named}{asked}")
    try:
        said = flyball(shop, "test", "--only", "touch it", "--junit", str(tmp_path / "report.xml"))
    finally:
        (shop / "tests.toml").write_text(declared)
    assert said.status == 1
    assert "needed at least 1" in said.out.replace("\n", " ")
    root = ElementTree.parse(tmp_path / "report.xml").getroot()
    (case,) = root.findall("testsuite/testcase")
    assert case.attrib["name"] == "a]]>\\x00 ${{ x }} $(touch it) 名"
    assert case.find("failure") is not None
    assert not (shop / "it").exists()


def test_functions_of_the_project_pass_fail_raise_and_say_that_they_cannot_say(shop: Path) -> None:
    kept = (shop / "model_tests.py").read_text()
    (shop / "model_tests.py").write_text(
        "from pipeline import prepare\n"
        "def test_fine(model):\n    assert set(model.predict(model.rows)) <= set(model.classes)\n    print('talk')\n"
        "def test_wrong(model):\n    assert 1 == 2, 'one is not two'\n"
        "def test_raises(model):\n    model.score(model.rows[['plan']])\n"
        "def test_unsure(model):\n    model.undecided('too few rows')\n"
        "def helper(model):\n    raise SystemExit\n"
    )
    try:
        said = flyball(shop, "test", "--only", "test_", "--json")
        lenient = flyball(shop, "test", "--only", "unsure", "--allow-undecided")
        strict = flyball(shop, "test", "--only", "unsure")
    finally:
        (shop / "model_tests.py").write_text(kept)
    assert said.status == 1
    found = {test["name"]: (test["verdict"], test["reason"]) for test in said.json["tests"]}
    assert found["test_fine"][0] == "pass"
    assert found["test_wrong"] == ("fail", "one is not two.")
    assert "reads columns that this frame does not have" in found["test_raises"][1]
    assert found["test_unsure"] == ("undecided", "too few rows.")
    assert "helper" not in found
    assert (lenient.status, strict.status) == (0, 1)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_that_name\n", "cannot be imported"),
        ("def test_none():\n    pass\n", "must take one argument"),
        ("import os\ndef test_dies(model):\n    os._exit(3)\n", "ended with exit code 3"),
        ("x = 1\n", "no function whose name begins with test_"),
    ],
)
def test_functions_that_cannot_be_run_are_no_pass(shop: Path, code: str, told: str) -> None:
    kept = (shop / "model_tests.py").read_text()
    (shop / "model_tests.py").write_text(code)
    try:
        said = flyball(shop, "test", "--json", "--only", "model_tests")
    finally:
        (shop / "model_tests.py").write_text(kept)
    assert said.status == 1
    (only,) = said.json["tests"]
    assert told in only["reason"]


def test_the_tests_can_be_listed_without_a_model(tmp_path: Path) -> None:
    begin(tmp_path / "new")
    listed = flyball(tmp_path / "new", "test", "--list", "--json").json
    assert {"kind": "invariance", "name": "how somebody pays hardly matters"} in listed
    assert {"kind": "python", "name": "model_tests.py"} in listed
    said = flyball(tmp_path / "new", "test")
    assert said.status == 1
    assert "nothing of churn was trained yet" in said.err


def test_wrong_usage_says_what_to_write(shop: Path, tmp_path: Path) -> None:
    assert flyball(shop, "test", "churn@1", "--run", "x").status == 2
    assert flyball(shop, "test", "--junit", str(tmp_path / "none" / "r.xml")).status == 2
    missing = flyball(shop, "test", "churn@1")
    assert missing.status == 1
    assert "there is no version 1" in missing.err
    change(shop, "[[test]]", "[[tset]]", "tests.toml")
    try:
        wrong = flyball(shop, "test")
    finally:
        change(shop, "[[tset]]", "[[test]]", "tests.toml")
    assert wrong.status == 1
    assert "did you mean 'test'" in wrong.err


def test_a_registered_version_is_tested_and_a_newer_one_before_an_older(shop: Path) -> None:
    registered = flyball(shop, "train", "--json", "--now", NOW)
    assert registered.json["version"] == 1
    said = flyball(shop, "test", "churn@1", "--only", "round trip", "--json").json
    assert (said["version"], said["held_out"]) == (1, True)
    assert flyball(shop, "test", "--only", "round trip", "--json").json["version"] == 1
    (shop / ".flyball" / "candidate.json").unlink()
    assert flyball(shop, "test", "--only", "round trip", "--json").json["version"] == 1


def test_the_report_is_told_in_the_language_of_the_reader(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_LANG", "zh")
    said = json.loads(flyball(shop, "test", "--only", "repeatable", "--json").out)
    assert "得分都相同" in said["tests"][0]["reason"]
