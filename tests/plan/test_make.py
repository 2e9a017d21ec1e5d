"""spec → Plan."""

from datetime import timedelta
from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.plan.make import make_plan, shared
from flyball.spec.load import parse_spec

MINIMAL = '[model]\nname = "m"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "p:t"\n'


def test_every_step_is_one_verb_and_needs_only_steps_before_it() -> None:
    from flyball.cli.main import VERBS

    plan = make_plan(parse_spec(MINIMAL, folder=Path("nowhere")))
    for steps in (plan.review, plan.renew):
        for number, step in enumerate(steps):
            assert set(step.needs) <= {one.name for one in steps[:number]}
    assert {step.verb[0] for step in (*plan.review, *plan.renew, plan.watch)} - {"test"} <= set(VERBS)


def test_a_change_that_is_proposed_registers_nothing() -> None:
    plan = make_plan(parse_spec(MINIMAL, folder=Path("nowhere")))
    assert [step.verb for step in plan.review if step.name == "train"] == [("train", "--no-register", "--pull", "--report", "evaluation")]
    assert not {"register", "deploy"} & {step.name for step in plan.review}


def test_what_runs_on_several_machines_puts_the_rows_where_all_find_them() -> None:
    stores = '[stores]\ndatabase = "env:DB"\nmlflow = "http://m:5000"\n'
    alone, together = (make_plan(parse_spec(MINIMAL + more, folder=Path("nowhere"))) for more in ("", stores))
    assert [("--push" in step.verb) for step in alone.renew if step.name in ("data", "train")] == [False, False]
    assert [("--push" in step.verb) for step in together.renew if step.name in ("data", "train")] == [True, True]
    assert [("--push" in step.verb) for step in together.review if step.name in ("data", "train")] == [False, True]


def test_a_version_is_tested_before_it_is_registered_and_registered_before_it_answers() -> None:
    plan = make_plan(parse_spec(MINIMAL, folder=Path("nowhere")))
    assert [step.name for step in plan.renew] == ["check", "data", "train", "test", "register", "deploy"]


def test_the_plan_names_every_variable_that_the_spec_reads() -> None:
    more = (
        '[stores]\ndatabase = "env:DB"\nmlflow = "http://m:5000"\n[retrain]\non = ["schedule"]\nevery = "30d"\n[deliver]\nsecrets = ["X"]\n'
    )
    plan = make_plan(parse_spec(MINIMAL + more, folder=Path("nowhere")))
    assert plan.secrets == ("DB", "FLYBALL_SIGNING_KEY", "FLYBALL_ADMIN_TOKEN", "X")
    assert plan.every == timedelta(days=30)


def test_in_an_environment_every_verb_says_so() -> None:
    plan = make_plan(parse_spec(MINIMAL + "[env.prod]\n", folder=Path("nowhere"), environment="prod"))
    assert all(step.verb[:2] == ("--env", "prod") for step in (*plan.review, *plan.renew, plan.watch))


def test_a_project_with_stores_of_its_own_cannot_be_run_on_machines_that_forget() -> None:
    with pytest.raises(SpecError, match="database and mlflow") as refused:
        shared(parse_spec(MINIMAL, folder=Path("nowhere")), by="GitHub Actions")
    assert "[stores]" in refused.value.hint


def test_only_what_makes_a_version_or_puts_it_to_work_has_the_admin_token_and_only_what_signs_or_verifies_the_key() -> None:
    more = (
        '[stores]\ndatabase = "env:DB"\nmlflow = "env:ML"\n[track]\nlineage = "env:LINEAGE"\n[deliver]\nsecrets = ["X"]\n'
        '[alerts]\nto = [ { kind = "webhook", url = "env:CHAT" } ]\n'
    )
    plan = make_plan(parse_spec(MINIMAL + more, folder=Path("nowhere")))
    for steps in (plan.review, plan.renew):
        given = {step.name: step.secrets for step in steps}
        assert given["check"] == given["data"] == ("DB", "ML", "X")
        assert given["train"] == ("DB", "ML", "LINEAGE", "FLYBALL_SIGNING_KEY", "X")
        assert given["test"] == ("DB", "ML", "FLYBALL_SIGNING_KEY", "X")
    assert {step.name for step in (*plan.review, *plan.renew) if "FLYBALL_ADMIN_TOKEN" in step.secrets} == {"register", "deploy"}
    assert {"CHAT", "FLYBALL_ADMIN_TOKEN"} <= set(plan.watch.secrets)
    assert all(set(step.secrets) <= set(plan.secrets) for step in (*plan.review, *plan.renew, plan.watch))
