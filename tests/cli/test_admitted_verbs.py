"""What each verb may do in stores that others share: an environment for what adds, a token as well for what acts."""

import time
from pathlib import Path

import pytest

from flyball.api.client import Client
from flyball.api.project import Project
from flyball.cli.admission import ACTS, ADDS, INNER, READS, reach
from flyball.cli.main import VERBS
from flyball.core.errors import RefusedError
from flyball.wiring import server_ports
from trained import CUSTOMER, Shop, change, flyball, running

ACTING = {
    "adopt": ("http://127.0.0.1:1/v2/models/churn", "--name", "churn"),
    "train": (),
    "register": ("r",),
    "promote": ("1",),
    "rollout": ("abort",),
    "approve": ("1", "--reason", "x"),
    "decline": ("1", "--reason", "x"),
    "rollback": (),
    "reference": ("make", "d.csv"),
    "silence": ("drift:*", "--for", "1h", "--reason", "x"),
    "tick": (),
    "up": (),
    "freeze": ("--reason", "x"),
    "thaw": (),
    "db": ("prune",),
}
"""Every verb that acts, with words that let it."""
SECRET, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def shared(own: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose environment `prod` has a shared store, worked on from a machine that knows where it is."""
    with (own.folder / "flyball.toml").open("a") as file:
        file.write('\n[env.prod.stores]\nremote = "env:REMOTE"\n[env.prod.serve]\nworkers = 2\n[env.dev]\n')
    monkeypatch.setenv("REMOTE", str(tmp_path / "remote"))
    monkeypatch.delenv("FLYBALL_ADMIN_TOKEN", raising=False)
    monkeypatch.delenv("FLYBALL_ENV", raising=False)
    return own.folder


def test_every_verb_is_known_to_read_to_add_or_to_act() -> None:
    assert set(VERBS) <= {*READS, *ADDS, *ACTS}
    assert len({*READS, *ADDS, *ACTS}) == len([*READS, *ADDS, *ACTS])


def test_a_verb_that_nobody_thought_of_acts() -> None:
    assert reach("annihilate", {}) == "acts"


@pytest.mark.parametrize(
    ("verb", "options", "does"),
    [
        ("train", {"register": True}, "acts"),
        ("train", {"register": False}, "adds"),
        ("rollout", {"action": "status"}, "reads"),
        ("rollout", {"action": "abort"}, "acts"),
        ("reference", {}, "reads"),
        ("reference", {"data": Path("rows.csv")}, "acts"),
        ("db", {INNER: "status"}, "reads"),
        ("db", {INNER: "upgrade"}, "adds"),
        ("db", {INNER: "copy"}, "adds"),
        ("db", {INNER: "prune"}, "acts"),
        ("rollback", {"local": True}, "reads"),
        ("rollback", {"local": False}, "acts"),
    ],
)
def test_what_a_verb_does_may_hang_on_its_options(verb: str, options: dict[str, object], does: str) -> None:
    assert reach(verb, options) == does


def test_a_laptop_does_not_act_in_production_without_a_token(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flyball(shared, "tick", "--now", "2025-03-04T00:00:00Z").status == 0
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    assert set(ACTING) == set(ACTS)
    for verb, words in ACTING.items():
        said = flyball(shared, verb, *words)
        assert (said.status, "no admin token is at hand" in said.err) == (1, True), (verb, said.err)
    for words in (("status",), ("models",), ("why", "1"), ("journal",), ("rollout",), ("check",)):
        assert flyball(shared, *words).status == 0, words


def test_a_server_makes_no_champion_of_another_servers_model_without_a_token(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(shared, "[env.prod.serve]", '[env.prod.serve]\nbackend = "http://127.0.0.1:1/v2/models/churn"')
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    said = flyball(shared, "serve")
    assert (said.status, "no admin token is at hand" in said.err) == (1, True), said.err
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", SECRET)
    said = flyball(shared, "serve")
    assert (said.status, "does not answer" in said.err) == (1, True), said.err


def test_a_server_opens_admin_routes_for_tokens_that_are_kept_and_for_no_other(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", f"{SECRET} bob:{OTHER}")
    assert server_ports(shared).tokens == ()
    assert "no admin token is kept with churn in these shared stores yet" in capsys.readouterr().err
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", SECRET)
    assert flyball(shared, "freeze", "--reason", "audit").status == 0
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", f"{SECRET} bob:{OTHER}")
    assert [one.actor for one in server_ports(shared).tokens] == ["admin"]
    assert "1 of 2 tokens in FLYBALL_ADMIN_TOKEN may not act" in capsys.readouterr().err


def test_check_warns_of_stores_that_are_shared_without_the_database_that_keeps_tokens(shared: Path) -> None:
    (warning,) = [one for one in flyball(shared, "check", "--json").json["warnings"] if "shares" in one]
    assert warning.startswith("in prod, [stores] shares remote and no database: each machine has a journal of its own")
    change(shared, "[env.prod.stores]", '[env.prod.stores]\ndatabase = "env:DB"')
    assert not [one for one in flyball(shared, "check", "--json").json["warnings"] if "shares" in one]


def test_the_token_that_came_first_is_asked_for_ever_after(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", SECRET)
    assert flyball(shared, "freeze", "--reason", "audit").status == 0
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", OTHER)
    said = flyball(shared, "thaw")
    assert said.status == 1 and "is not one of those that are kept" in said.err
    with pytest.raises(RefusedError, match="is not one of those that are kept"):
        Project(shared).thaw("from a notebook")
    assert Project(shared).models().value
    told = flyball(shared, "journal").out
    assert "admit" in told and SECRET not in told
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN_OLD", SECRET)
    assert flyball(shared, "thaw").status == 0


@pytest.mark.slow
def test_what_the_loop_starts_in_production_may_act_there_too(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(shared, 'on = ["performance", "drift"]', 'on = ["schedule"]\nevery = "30d"')
    change(shared, "min_outcomes = 500", "min_outcomes = 1")
    with running(shared, "serve", "--clock", "request") as (url, _), Client(url) as client:
        made = client.predict(CUSTOMER, unit="C1", id="C1", at="2025-03-20T00:00:00Z")
        client.outcomes({"prediction_id": made["prediction_id"], "actual": 1, "at": "2025-03-20T00:00:00Z"})
    change(shared, "def train(", "import os\n\n\ndef train(", "pipeline.py")
    change(shared, "    return ", "    assert 'FLYBALL_ADMIN_TOKEN' not in os.environ\n    return ", "pipeline.py")
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", SECRET)
    began = flyball(shared, "tick", "--now", "2025-05-01T00:00:00Z", "--json")
    assert [one["action"] for one in began.json["decisions"]] == ["retrain"], began.err
    until, seen = time.monotonic() + 200, list[str]()
    while "retrain registered" not in seen:
        assert time.monotonic() < until and "retrain failed" not in seen, flyball(shared, "journal").out
        time.sleep(0.5)
        seen += [one["action"] for one in flyball(shared, "tick", "--now", "2025-05-01T00:01:00Z", "--json").json["decisions"]]


def test_a_token_that_is_too_short_is_refused_before_it_is_kept(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "hunter2")
    said = flyball(shared, "tick")
    assert said.status == 2 and "hunter2" not in said.err


def test_with_shared_stores_for_everybody_an_environment_has_to_be_chosen(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (shared / "flyball.toml").open("a") as file:
        file.write('[stores]\nremote = "env:REMOTE"\n')
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", SECRET)
    for words in (("tick",), ("snapshot",), ("outcomes", str(shared / "flyball.toml"))):
        said = flyball(shared, *words)
        assert said.status == 1
        assert f"flyball --env prod {words[0]} (environments: prod, dev)" in said.err


def test_check_says_what_differs_in_each_environment(shared: Path) -> None:
    said = flyball(shared, "check", "--json")
    assert said.json["environments"] == {
        "prod": {"serve.workers": {"here": 1, "there": 2}, "stores.remote": {"here": "", "there": "env:REMOTE"}},
        "dev": {},
    }
    shown = flyball(shared, "check").out
    assert 'stores.remote = "env:REMOTE" (else not set)' in shown and "serve.workers = 2 (else 1)" in shown
    text = (shared / "flyball.toml").read_text()
    (shared / "flyball.toml").write_text(text.replace("workers = 2", "wrkers = 2"))
    said = flyball(shared, "check")
    assert said.status == 1 and "in the environment 'prod'" in said.err


def test_doctor_says_which_stores_are_used(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> dict[str, dict[str, str]]:
        return {one["what"]: one for one in flyball(shared, "doctor", "--json").json}

    assert found()["database"]["detail"].startswith("this project's own, flyball.db: ")
    assert "admin" not in found()
    monkeypatch.setenv("FLYBALL_ENV", "prod")
    monkeypatch.setenv("REMOTE", "s3://me:hunter2@bucket/churn?key=hunter2")
    assert found()["environment"]["detail"] == "prod"
    assert found()["data"]["detail"] == "shared, s3://bucket/churn"
    assert found()["admin"]["detail"] == "no token is at hand: verbs only read and add"
    monkeypatch.delenv("REMOTE")
    assert (found()["data"]["state"], "REMOTE is not set" in found()["data"]["detail"]) == ("broken", True)
