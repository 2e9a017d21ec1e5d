"""The workflows of GitHub Actions, run: push → train → test → register → deploy, each job on a machine that forgets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions import Actions
from delivered import Team, team

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with team(tmp_path_factory.mktemp("team")) as made:
        made.run("flyball", "--env", "prod", "render", "github", "--out", ".")
        yield made


def workflow(made: Team, name: str) -> str:
    return (made.project / ".github" / "workflows" / name).read_text()


def results(ran: dict[str, "object"]) -> dict[str, str]:
    return {name: str(getattr(one, "result", "")) for name, one in ran.items()}


def test_from_a_push_to_a_version_that_serves_and_a_pull_request_that_registers_nothing(shared: Team, tmp_path: Path) -> None:
    github = Actions(tmp_path / "github", shared.origin, shared.secrets, shared.environment)
    ran = github.run(workflow(shared, "flyball-churn.yml"), shared.push("first"), "push")
    said = "\n".join(f"== {name}: {one.result}\n{one.said}" for name, one in ran.items())
    assert results(ran) == dict.fromkeys(("check", "data", "train", "test", "register", "deploy"), "success"), said
    assert "champion: churn@1" in ran["deploy"].said
    listed = shared.run("flyball", "--env", "prod", "models", "--json").stdout
    assert '"champion"' in listed and '"version": 1' in listed
    assert "## ✅ churn" in ran["train"].said, "the summary of the job"
