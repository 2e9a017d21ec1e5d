"""What is rendered for GitLab, Jenkins, cron and systemd, run by the shells and programs that run it there."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from delivered import Team, team
from programs import program
from runners import gitlab, jenkins

pytestmark = pytest.mark.slow
FLY = ("flyball", "--env", "prod")


def retuned(made: Team, value: float) -> str:
    """A commit that trains another model."""
    spec = made.work / "flyball.toml"
    spec.write_text(re.sub(r"C = [\d.]+", f"C = {value}", spec.read_text()))
    (made.work / "tests.toml").unlink(missing_ok=True)
    return made.push(f"C = {value}")


def versions(made: Team) -> int:
    return len(json.loads(made.run(*FLY, "models", "--json").stdout))


def test_gitlab_trains_tests_registers_and_deploys_what_a_trigger_asks_for(shared: Team, tmp_path: Path) -> None:
    shared.run(*FLY, "render", "gitlab", "--out", ".")
    commit = retuned(shared, 0.31)
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps({"model": "churn", "action": ""}))
    text = (shared.work / ".gitlab" / "flyball-churn.yml").read_text()
    variables = {**shared.secrets, "TRIGGER_PAYLOAD": str(payload), "CI_PIPELINE_SOURCE": "trigger", "FLYBALL_RETRAIN": "other"}
    variables["CI_COMMIT_BRANCH"] = "main"
    assert gitlab(text, shared.origin, commit, tmp_path / "other", variables, shared.environment) == {}
    variables |= {"FLYBALL_RETRAIN": "churn", "CI_COMMIT_BRANCH": "another"}
    assert gitlab(text, shared.origin, commit, tmp_path / "branch", variables, shared.environment) == {}
    variables["CI_COMMIT_BRANCH"] = "main"
    ran = gitlab(text, shared.origin, commit, tmp_path / "jobs", variables, shared.environment)
    assert {name: said[-1] for name, said in ran.items()} == {
        f"churn:{one}": "0" for one in ("check", "data", "train", "test", "register", "deploy")
    }, ran
    assert "champion: churn@" in ran["churn:deploy"]
    assert (tmp_path / "artifacts").exists() is False and (
        tmp_path / "jobs" / "artifacts" / "churn-test" / "evaluation" / "tests.xml"
    ).is_file()


def test_jenkins_does_the_same_and_only_on_the_branch(shared: Team, tmp_path: Path) -> None:
    shared.run(*FLY, "render", "jenkins", "--out", ".")
    commit, text = shared.push("jenkins"), (shared.work / "Jenkinsfile").read_text()
    environment = {**shared.environment, **shared.secrets, "FLYBALL_ACTION": "", "HOME": str(tmp_path)}
    before = versions(shared)
    ran = jenkins(text, shared.origin, commit, tmp_path, "change", environment)
    assert [(name, code) for name, code, _ in ran] == [(one, 0) for one in ("install", "check", "data", "train", "test", "post")], ran
    assert versions(shared) == before


def test_cron_and_systemd_look_as_the_loop_does(tmp_path: Path) -> None:
    with team(tmp_path / "team", shared=False) as made:
        made.run("flyball", "train")
        made.run("flyball", "render", "cron", "--out", "out")
        made.run("flyball", "render", "systemd", "--out", "out")
        line = (made.work / "out" / "churn.crontab").read_text().splitlines()[-1]
        fields = line.split(maxsplit=5)
        assert fields[:5] == ["*/10", "*", "*", "*", "*"]
        home = tmp_path / "home"
        home.mkdir()
        environment = {
            "PATH": made.environment["PATH"],
            "PYTHONPATH": made.environment["PYTHONPATH"],
            "HOME": str(home),
            "SHELL": "/bin/sh",
        }
        program("flock")
        subprocess.run(["sh", "-c", fields[5].replace("\\%", "%")], env=environment, check=True)
        assert "churn" in (made.work / ".flyball" / "tick.log").read_text()

        unit = (made.work / "out" / "flyball-churn-tick.service").read_text()
        keys = dict(part.split("=", 1) for part in unit.splitlines() if "=" in part and not part.startswith(("Environment=", "#")))
        words = [one.replace("$$", "$").replace("%%", "%") for one in shlex.split(keys["ExecStart"])]
        assert Path(words[0]).is_absolute() and shutil.which(words[0])
        done = subprocess.run(words, cwd=keys["WorkingDirectory"], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "churn" in done.stderr
