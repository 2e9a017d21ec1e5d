"""What `[rollout]` may say, and how everything else is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import parse_spec
from flyball.spec.records import Guardrails, RolloutSpec, Spec

BASE = """
[model]
name = "churn"
task = "binary"
[data]
source = "d.csv"
target = "y"
time = "t"
unit = "customer"
[train]
run = "pipeline:train"
[rollout]
"""
SHAPING = BASE.replace('task = "binary"', 'task = "binary"\ninfluences_outcome = true')


def rollout(*lines: str, base: str = BASE) -> RolloutSpec:
    return spec(*lines, base=base).rollout


def spec(*lines: str, base: str = BASE) -> Spec:
    return parse_spec(base + "\n".join(lines), folder=Path("project"))


def refused(*lines: str, base: str = BASE) -> str:
    with pytest.raises(SpecError) as caught:
        rollout(*lines, base=base)
    assert caught.value.hint, "every refusal says what to write instead"
    return str(caught.value)


def test_a_model_that_shapes_its_outcomes_is_compared_by_an_experiment_and_another_in_shadow() -> None:
    assert rollout().strategy == "shadow"
    assert rollout(base=SHAPING).strategy == "experiment"


@pytest.mark.parametrize("strategy", ["immediate", "shadow", "canary", "experiment", "bandit"])
def test_every_strategy_can_be_written_down(strategy: str) -> None:
    assert rollout(f'strategy = "{strategy}"').strategy == strategy


def test_a_strategy_that_is_misspelt_gets_a_suggestion() -> None:
    assert "did you mean 'canary'?" in refused('strategy = "canari"')


def test_all_of_it_is_read() -> None:
    found = rollout(
        'strategy = "canary"\nshare = 0.4\nsteps = [0.05, 0.4]\nhold = "6h"\nfloor = 0.2\nblock = "unit"\ndeadline = "30d"',
        "guardrails = { errors = 0.05, latency = false, score_drift = 0.3, alpha = 0.01, min_requests = 10 }",
        'approve = "manual"\nfour_eyes = true\noverrides = { "tester-1" = "challenger" }',
    )
    assert (found.share, found.steps, found.hold, found.block) == (0.4, (0.05, 0.4), timedelta(hours=6), "unit")
    assert found.guardrails == Guardrails(errors=0.05, latency=None, score_drift=0.3, alpha=0.01, min_requests=10)
    assert (found.approve, found.four_eyes, found.overrides) == ("manual", True, {"tester-1": "challenger"})


def test_the_steps_of_a_canary_end_at_its_share() -> None:
    assert rollout('strategy = "canary"').steps == (0.01, 0.05, 0.2, 0.5)
    assert rollout('strategy = "canary"\nshare = 0.1').steps == (0.01, 0.05, 0.1)
    assert rollout('strategy = "canary"\nshare = 0.9').steps == (0.01, 0.05, 0.2, 0.5, 0.9)
    assert "steps up to rollout.share = 0.5" in refused('strategy = "canary"\nsteps = [0.1, 0.9]')


def test_a_bandit_starts_with_a_share_that_leaves_each_arm_its_floor() -> None:
    assert rollout('strategy = "bandit"').steps == (0.1,)
    assert rollout('strategy = "bandit"\nfloor = 0.3').steps == (0.3,)
    assert "each arm keeps so much" in refused('strategy = "bandit"\nsteps = [0.05]')
    assert "each arm keeps so much" in refused('strategy = "bandit"\nsteps = [0.95]')


@pytest.mark.parametrize("steps", ["[]", "[0.2, 0.1]", "[0.1, 0.1]", "[0]", "[1]", '["a"]', "[true]", "0.1, 0.2"])
def test_steps_that_are_no_growing_shares_are_refused(steps: str) -> None:
    with pytest.raises(SpecError):
        rollout(f'strategy = "canary"\nsteps = {steps}')


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("share = 0", "rollout.share = 0"),
        ("share = 1", "rollout.share = 1"),
        ("floor = 0.6", "rollout.floor = 0.6"),
        ('hold = "0s"', "rollout.hold"),
        ('deadline = "0s"', "rollout.deadline"),
        ("deadline = 2020-01-01", "rollout.deadline = 2020-01-01 cannot be used"),
        ('deadline = "-3d"', "rollout.deadline"),
        ("guardrails = { error = 0.1 }", "unknown key rollout.guardrails.error; did you mean 'errors'?"),
        ("guardrails = { latency = 0.5 }", "rollout.guardrails.latency = 0.5"),
        ("guardrails = 3", "[rollout.guardrails] is 3, not a table"),
        ('approve = "nobody"', "rollout.approve"),
        ("four_eyes = true", "needs somebody who approves"),
        ('overrides = { a = "champon" }', "rollout.overrides"),
        ("holdback = 0.1", "rollout.holdback belongs to"),
        ('metric = "value"', "needs a version that answers"),
        ('strategy = "immediate"\nmetric = "value"', "needs a version that answers"),
    ],
)
def test_what_cannot_be_is_refused_with_place_and_remedy(lines: str, said: str) -> None:
    assert said in refused(lines)


def test_a_block_of_units_needs_units() -> None:
    assert "needs data.unit" in refused('block = "unit"', base=BASE.replace('unit = "customer"\n', ""))


def test_answers_that_change_outcomes_are_never_judged_in_shadow_but_may_be_by_every_strategy_with_traffic() -> None:
    assert "cannot judge a model" in refused('strategy = "shadow"', base=SHAPING)
    for strategy in ("canary", "experiment", "bandit", "immediate"):
        assert rollout(f'strategy = "{strategy}"', base=SHAPING).strategy == strategy


@pytest.mark.parametrize("strategy", ["shadow", "canary", "experiment", "bandit"])
def test_a_deadline_before_anything_could_be_decided_is_refused_whatever_the_strategy(strategy: str) -> None:
    assert "comes before anything can be decided" in refused(f'strategy = "{strategy}"\ndeadline = "6d"')


def test_a_deadline_before_the_last_step_of_a_canary_is_refused() -> None:
    said = refused('strategy = "canary"\nhold = "10d"\ndeadline = "30d"')
    assert "comes before the last step: 4 steps of 10d" in said
    assert rollout('strategy = "canary"\nhold = "10d"').deadline == timedelta(days=47)


def test_the_value_told_with_outcomes_may_decide_an_experiment_and_rows_are_then_compared_by_the_usual_loss() -> None:
    found = spec('strategy = "experiment"\nmetric = "value"')
    assert (found.rollout.metric, found.row_metric) == ("value", "brier")
    assert spec('metric = "log_loss"').row_metric == "log_loss"
