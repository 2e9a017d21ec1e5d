"""The workflows of GitHub Actions, run: push → train → test → register → deploy, each job on a machine that forgets."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from actions import Actions, Ran
from delivered import Team, team
from forges import TOKEN, forge

pytestmark = pytest.mark.slow
RENEW = ("check", "data", "train", "test", "register", "deploy")
BROKEN = '[[test]]\nname = "x0 | binds"\nkind = "directional"\ncolumn = "x0"\nadd = 1.0\nexpect = "not_higher"\n'
FLY = ("flyball", "--env", "prod")


def workflow(made: Team, name: str) -> str:
    return (made.project / made.place / ".github" / "workflows" / name).read_text()


def results(ran: Mapping[str, Ran]) -> dict[str, str]:
    return {name: one.result for name, one in ran.items()}


def said(ran: Mapping[str, Ran]) -> str:
    return "\n".join(f"== {name}: {one.result}\n{one.said}" for name, one in ran.items())


def versions(made: Team) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(made.run(*FLY, "models", "--json").stdout)
    return found


def ask_for_training(made: Team, action: str) -> None:
    """What the loop writes down when it asks for a training."""
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from flyball.settings import read_settings; from flyball.stores import open_stores\n"
        "from flyball.journal.events import RetrainStarted; from flyball.core.reason import because\n"
        "journal = open_stores(read_settings(Path('.'))).journal\n"
        f"event = RetrainStarted(action={action!r}, cause='drift', reason=because('gate.empty'))\n"
        "journal.append('churn', [event], expected=journal.read('churn')[-1].seq, actor='loop', at=datetime.now(UTC))\n"
    )
    made.run("python", "-c", code, FLYBALL_ENV="prod")


def test_from_a_push_to_a_version_that_serves_and_on(shared: Team, tmp_path: Path) -> None:
    shared.run(*FLY, "render", "github", "--out", ".")
    github = Actions(tmp_path / "github", shared.origin, shared.secrets, shared.environment)
    first = shared.push("first")

    ran = github.run(workflow(shared, "flyball-churn.yml"), first, "push")
    assert results(ran) == dict.fromkeys(RENEW, "success"), said(ran)
    assert "champion: churn@1" in ran["deploy"].said
    assert "## ✅ churn" in ran["train"].said, "the summary of the job"
    assert [(one["version"], one["aliases"]) for one in versions(shared)] == [(1, ["champion"])]

    # a proposed change is judged against the champion, and registers nothing
    spec = shared.project / "flyball.toml"
    spec.write_text(spec.read_text().replace("C = 1.0", "C = 0.5"))
    (shared.project / "tests.toml").write_text(BROKEN)
    change = shared.push("another C", "change")
    event = {"pull_request": {"number": 7, "head": {"repo": {"full_name": "team/churn"}}}}
    with forge() as there:
        there.comments[1] = ("bob", "<!-- flyball churn --> I write like the bot")
        named = {"GITHUB_API_URL": there.url, "GITHUB_REF": "refs/pull/7/merge"}
        review = workflow(shared, "flyball-churn-review.yml").replace("${{ github.token }}", TOKEN)
        ran = github.run(review, change, "pull_request", event, **named)
        assert {name: one for name, one in results(ran).items() if name != "test"} == dict.fromkeys(
            ("check", "data", "train", "comment"), "success"
        ), said(ran)
        body = there.bodies()[1]
    assert "Against the champion `churn@1`" in body and "### Drift of the new rows" in body
    assert "https://github.example/artifacts/" in body and "x0 ¦ binds" in body and "1 failed" in body
    assert len(versions(shared)) == 1

    # from a fork nothing is run, for it would be given no secrets
    fork = {"pull_request": {"number": 8, "head": {"repo": {"full_name": "eve/churn"}}}}
    ran = github.run(workflow(shared, "flyball-churn-review.yml"), change, "pull_request", fork)
    assert set(results(ran).values()) == {"skipped"}


def test_what_the_loop_asks_for_is_registered_as_its_answer(shared: Team, tmp_path: Path) -> None:
    github = Actions(tmp_path / "github", shared.origin, shared.secrets, shared.environment)
    spec = shared.project / "flyball.toml"
    spec.write_text(spec.read_text().replace("C = 0.5", "C = 0.8"))
    (shared.project / "tests.toml").unlink(missing_ok=True)
    commit = shared.push("a third C")
    ask_for_training(shared, "retrain-77")
    before = len(versions(shared))
    other = github.run(workflow(shared, "flyball-churn.yml"), commit, "repository_dispatch", {"client_payload": {"model": "other"}})
    assert set(results(other).values()) == {"skipped"}, "it is about another model"
    asked = {"client_payload": {"model": "churn", "action": "retrain-77"}}
    ran = github.run(workflow(shared, "flyball-churn.yml"), commit, "repository_dispatch", asked)
    assert results(ran) == dict.fromkeys(RENEW, "success"), said(ran)
    assert len(versions(shared)) == before + 1
    assert "retrain-77" in shared.run(*FLY, "journal", "--json").stdout


def test_without_shared_stores_a_change_is_reviewed_in_a_folder_with_a_name_that_means_something_to_shells(tmp_path: Path) -> None:
    with team(tmp_path / "team", shared=False, place="models/it's ${{ github.token }} $(id) [a]*") as made:
        made.run("flyball", "render", "github", "--review", "--out", str(made.project))
        github = Actions(tmp_path / "github", made.origin, {}, made.environment)
        event = {"pull_request": {"number": 7, "head": {"repo": {"full_name": "eve/churn"}}}}
        ran = github.run(workflow_at(made), made.push("first"), "pull_request", event)
        assert results(ran) == {**dict.fromkeys(("check", "data", "train", "test"), "success"), "comment": "skipped"}, said(ran)


def workflow_at(made: Team) -> str:
    return (made.project / ".github" / "workflows" / "flyball-churn-review.yml").read_text()
