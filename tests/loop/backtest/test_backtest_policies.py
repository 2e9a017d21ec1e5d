"""What may be written for a policy, and the spec it stands for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import UsageError
from flyball.loop.backtest.policies import DEFAULT, Asked, policy_of, read_policies, seeded, spaced, spec_at, with_changes
from flyball.loop.backtest.records import Policy
from flyball.spec.load import parse_spec
from quarter import FIRST, SPEC
from replayed import plan

BASE = parse_spec(SPEC, folder=Path("p"))


def policy(text: str, *, spec: str = SPEC, times: int | None = None) -> Policy:
    return policy_of(read_policies([text])[0], spec, parse_spec(spec, folder=Path("p")), plan(), times=times)


def test_the_usual_policies_are_five() -> None:
    assert [one.name for one in read_policies(DEFAULT)] == ["never", "evenly", "drift", "performance", "spec"]


def test_the_policy_spec_is_the_spec() -> None:
    assert policy("spec").spec == BASE


@pytest.mark.parametrize(("name", "on"), [("never", ()), ("drift", ("drift",)), ("performance", ("performance",))])
def test_a_policy_of_one_trigger_changes_nothing_but_the_triggers(name: str, on: tuple[str, ...]) -> None:
    found = policy(name).spec
    assert found.retrain.on == on
    assert (found.rollout, found.monitor, found.retrain.window) == (BASE.rollout, BASE.monitor, BASE.retrain.window)


def test_changes_stand_behind_commas_and_are_read_as_the_spec_is() -> None:
    found = policy("spec,window=60d,monitor.margin=0.1,floor=0.05,retrain.on=['drift', 'performance']").spec
    assert found.retrain.window == timedelta(days=60)
    assert found.monitor.margin == 0.1
    assert found.monitor.floor is not None and found.monitor.floor.drop == 0.05
    assert set(found.retrain.on) == {"drift", "performance"}
    assert found.digest != BASE.digest


def test_a_policy_at_fixed_times_promotes_what_it_trained_at_once() -> None:
    found = policy("every:20d")
    assert found.fixed
    assert found.at == (FIRST + timedelta(days=20), FIRST + timedelta(days=40))
    assert found.spec.rollout.strategy == "immediate"
    assert found.spec.evaluate.gate[0].at_least == -1e300
    assert not found.spec.rollout.watch


def test_even_times_cut_the_span_into_equal_parts() -> None:
    assert policy("evenly:2").at == (FIRST + timedelta(days=20), FIRST + timedelta(days=40))
    assert policy("evenly", times=1).at == (FIRST + timedelta(days=30),)
    assert policy("evenly", times=0).at == ()


@given(st.integers(0, 40), st.integers(1, 400))
def test_there_are_as_many_even_times_as_asked_for_all_inside(times: int, days: int) -> None:
    end = FIRST + timedelta(days=days)
    found = spaced(FIRST, end, times)
    assert len(found) == times == len(set(found))
    assert all(FIRST < at < end for at in found)


def test_at_fixed_times_a_training_is_asked_for_once_when_its_time_has_come() -> None:
    found = policy("every:20d")
    early, due = FIRST + timedelta(days=19), FIRST + timedelta(days=20)
    assert spec_at(found, early, trained=0, last=FIRST).retrain.on == ()
    assert spec_at(found, due, trained=0, last=FIRST).retrain.on == ("schedule",)
    assert spec_at(found, due, trained=1, last=due).retrain.on == ()
    assert spec_at(policy("spec"), due, trained=0, last=FIRST) == BASE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nevr", "did you mean 'never'"),
        ("every", "is not a duration"),
        ("every:0d", "never stops training"),
        ("evenly:often", "is no number of trainings"),
        ("never:3", "takes nothing after a colon"),
        ("spec,windw=60d", "did you mean 'window'"),
        ("spec,window", "sets nothing"),
        ("spec,retrian.window=60d", "there is no section"),
        ("spec,retrain.windw=60d", "windw"),
        ("spec,window=soon", "retrain.window"),
        ("spec,model.task=regression", "all policies must share"),
        ("spec,data.target=x", "all policies must share"),
        ("every:30d,cooldown=7d", "sets retrain.cooldown itself"),
        ("drift,retrain.on=['schedule']", "sets retrain.on itself"),
    ],
)
def test_what_is_no_policy_is_refused_with_what_is(text: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        policy(text)
    assert told in str(refused.value)


CODE = (
    'train.command=["sh","-c","id"]',
    "train.run=os:system",
    "train.python=/bin/sh",
    'train.external={kind="webhook",url="http://127.0.0.1/"}',
    'train={run="os:system"}',
    "train.params={depth=3}",
    "quality.schema=os:system",
    "data.features=['temp']",
    "data.prepare=os:system",
    "alerts.link=http://127.0.0.1/",
    'alerts.to=[{kind="log",file="/tmp/x"}]',
    "serve.address=0.0.0.0:80",
    "model.name=other",
    "retrain.#\n[quality]\nschema=os:system",
    "retrain.on]\n[quality=1",
    "retrain=1",
)


@pytest.mark.parametrize("change", CODE)
@pytest.mark.parametrize("kind", ["spec", "never", "every:30d"])
def test_a_policy_changes_no_code_no_path_and_no_address(kind: str, change: str) -> None:
    with pytest.raises(UsageError):
        read_policies([f"{kind},{change}"])


def test_a_refused_change_is_told_what_may_be_set() -> None:
    with pytest.raises(UsageError) as refused:
        read_policies(['spec,train.command=["sh","-c","id"]'])
    assert "train.command" in refused.value.message
    for section in ("retrain.*", "monitor.*", "rollout.*", "evaluate.*", "train.params.*"):
        assert section in refused.value.hint


@pytest.mark.parametrize(
    "change", ["retrain.budget=2", "monitor.share_margin=0.01", "rollout.hold=2d", "evaluate.untouched=0.1", "train.params.flip=true"]
)
def test_a_policy_changes_how_the_loop_decides_and_what_the_function_is_given(change: str) -> None:
    assert policy(f"spec,{change}").spec.digest != BASE.digest


def test_a_key_of_a_changed_text_begins_no_section() -> None:
    with pytest.raises(UsageError, match="unknown key"):
        policy_of(
            Asked(name="x", kind="spec", every=None, times=None, changes={"retrain.#\n[quality]\nschema": "os:system"}),
            SPEC,
            BASE,
            plan(),
        )


def test_the_same_policy_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="asked for twice"):
        read_policies(["never", " never"])


def test_retraining_below_a_floor_needs_a_floor() -> None:
    with pytest.raises(UsageError, match="the spec has none"):
        policy("performance", spec=SPEC.replace('floor = { metric = "brier", drop = 0.02 }\n', ""))


def test_nobody_approves_in_a_replay() -> None:
    found = policy("spec", spec=SPEC.replace("[rollout]", '[rollout]\napprove = "manual"'))
    assert found.spec.rollout.approve == "auto"


def test_a_changed_text_means_what_it_meant_beside_the_change() -> None:
    assert parse_spec(with_changes(SPEC, {}), folder=Path("p")) == BASE
    strange = SPEC.replace("params = { flip = false }", 'params = { flip = false, "odd key" = "a \\"quoted\\" text\\u007f", n = 1.5 }')
    same = parse_spec(with_changes(strange, {}), folder=Path("p"))
    assert same == parse_spec(strange, folder=Path("p"))
    without = parse_spec(with_changes(SPEC, {"retrain.window": None, "train.params.depth": 3}), folder=Path("p"))
    assert without.retrain.window is None
    assert without.train.params["depth"] == 3


def test_a_seed_goes_to_the_parameter_that_takes_it() -> None:
    spec = parse_spec(SPEC.replace("flip = false", "flip = false, random_state = 1"), folder=Path("p"))
    assert seeded(spec, 7) == {"train.params.random_state": 7}
    with pytest.raises(UsageError, match="none of random_state"):
        seeded(BASE, 7)


def test_times_of_policies_have_a_zone() -> None:
    assert all(at.tzinfo is UTC for at in policy("evenly:3").at)
    assert datetime(2026, 1, 16, tzinfo=UTC) in policy("evenly:3").at
