"""Assignment beyond the arms: pinned vectors, other processes, units that testers pin, units that are held back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.serving.records import Deployment
from flyball.serving.traffic import HOLDBACK, OVERRIDE, Split, answer_propensity, choose, holdback_seed, variant_of
from flyball.stats.assignment import in_share

VECTORS = json.loads((Path(__file__).parent / "assignments.json").read_text())
_ELSEWHERE = """
import json, sys
from flyball.serving.records import Deployment
from flyball.serving.traffic import variant_of
units, seed, share = json.loads(sys.stdin.read())
deployment = Deployment(model="m", seq=1, champion=1, challenger=2, challenger_share=share, seed=seed, shadow=(), previous=None, bundles={})
print(json.dumps([variant_of(deployment, unit, "") for unit in units]))
"""


def deployment(share: float, seed: str = "s", model: str = "m") -> Deployment:
    return Deployment(
        model=model,
        seq=1,
        champion=1,
        challenger=2 if share else None,
        challenger_share=share,
        seed=seed,
        shadow=(),
        previous=None,
        bundles={},
    )


@pytest.mark.parametrize("vector", VECTORS["arms"], ids=lambda vector: f"{vector['seed']}-{vector['unit']}-{vector['share']}")
def test_units_are_assigned_as_they_were_when_this_was_pinned(vector: dict[str, object]) -> None:
    assert variant_of(deployment(float(str(vector["share"])), str(vector["seed"])), str(vector["unit"]), "") == vector["variant"]


@pytest.mark.parametrize("vector", VECTORS["held_back"], ids=lambda vector: f"{vector['model']}-{vector['unit']}")
def test_units_are_held_back_as_they_were_when_this_was_pinned(vector: dict[str, object]) -> None:
    chosen = choose(deployment(0.5, model=str(vector["model"])), Split(holdback=0.1), str(vector["unit"]), "")
    assert (chosen.logged == HOLDBACK) is vector["held_back"]


def test_another_process_assigns_the_same_units_to_the_same_arms_and_a_ramp_only_adds() -> None:
    units = [f"kunde-{number}·{number % 7}" for number in range(500)]
    before: set[str] = set()
    for number, share in enumerate((0.01, 0.05, 0.2, 0.5, 1.0)):
        env = {**os.environ, "PYTHONHASHSEED": str(number)}
        said = subprocess.run(
            [sys.executable, "-c", _ELSEWHERE],
            input=json.dumps([units, "ramp", share]),
            capture_output=True,
            text=True,
            check=True,
            env=env,
        )
        there = json.loads(said.stdout)
        assert there == [variant_of(deployment(share, "ramp"), unit, "") for unit in units]
        challenged = {unit for unit, variant in zip(units, there, strict=True) if variant == "challenger"}
        assert before <= challenged
        before = challenged
    assert before == set(units)


@given(unit=st.text(max_size=20), shares=st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_a_share_that_shrinks_and_grows_again_takes_the_same_units(unit: str, shares: list[float]) -> None:
    found = [(share, variant_of(deployment(share), unit, "r") == "challenger") for share in shares]
    assert all(theirs for share, theirs in found for least, there in found if there and share >= least)


def test_units_that_testers_pinned_go_to_their_arm_and_are_part_of_nothing() -> None:
    split = Split(overrides={"tester": "challenger", "other": "champion"}, holdback=1.0)
    assert choose(deployment(0.5), split, "tester", "r") == ("challenger", OVERRIDE, None)
    assert choose(deployment(0.5), split, "other", "r") == ("champion", OVERRIDE, None)
    assert choose(deployment(0.5), split, None, "tester") == ("champion", HOLDBACK, None), "a request id is no unit"
    assert answer_propensity(OVERRIDE, None, split, acts=True) is None


def test_being_held_back_tells_nothing_about_the_arm() -> None:
    """Of two shares that have nothing to do with each other, the part that is in both is their product."""
    units = [f"u{number}" for number in range(20_000)]
    held = [in_share(unit, holdback_seed("m"), 0.2) for unit in units]
    arms = [variant_of(deployment(0.5, "rollout"), unit, "") == "challenger" for unit in units]
    both = sum(one and other for one, other in zip(held, arms, strict=True)) / len(units)
    assert abs(both - 0.1) < 0.01 and abs(sum(held) / len(units) - 0.2) < 0.01


def test_who_is_held_back_stays_so_in_every_rollout() -> None:
    split = Split(holdback=0.3)
    first, second = ([choose(deployment(0.5, seed), split, f"u{n}", "").logged == HOLDBACK for n in range(500)] for seed in ("a", "b"))
    assert first == second and 100 < sum(first) < 200


def test_a_propensity_is_how_likely_the_answer_was() -> None:
    split, nobody = Split(holdback=0.02), Split()
    assert [answer_propensity(HOLDBACK, None, split, acts=one) for one in (True, False)] == [0.02, 1.0]
    assert [answer_propensity("champion", None, split, acts=one) for one in (True, False)] == [0.98, 1.0]
    assert [answer_propensity("champion", None, nobody, acts=one) for one in (True, False)] == [None, None]
    for share in (0.1, 1.0):
        chosen = {choose(deployment(share), split, f"u{number}", "") for number in range(300)}
        known = {one.logged: answer_propensity(one.logged, one.propensity, split, acts=True) for one in chosen}
        assert known["challenger"] == share and known.get("champion", 1.0 - share) == 1.0 - share


def test_weighted_by_propensity_the_labels_of_a_model_that_acts_are_those_of_everybody() -> None:
    """Where the model acts nothing is learned; what is held back stands for it."""
    split, model = Split(holdback=0.1), deployment(0.0)
    weight = total = 0.0
    for number in range(40_000):
        score = (number * 7919 % 1000) / 1000
        acts, label = score >= 0.7, score  # what would happen if nothing was done
        chosen = choose(model, split, f"u{number}", "")
        chance = answer_propensity(chosen.logged, chosen.propensity, split, acts=acts)
        assert chance is not None
        if chosen.logged == HOLDBACK or not acts:
            weight, total = weight + 1 / chance, total + label / chance
    assert abs(weight / 40_000 - 1.0) < 0.02 and abs(total / weight - 0.4995) < 0.01
