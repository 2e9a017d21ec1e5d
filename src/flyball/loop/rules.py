"""The rules of a spec in one line each, for `check` and `status`."""

from flyball.core.window import format_duration
from flyball.spec.records import Spec


def describe_rollout(spec: Spec) -> str:
    """How a version becomes champion."""
    return _strategy(spec) + _approval(spec)


def _strategy(spec: Spec) -> str:
    rules = spec.rollout
    if rules.strategy == "immediate":
        return "a version that passes its gate is promoted at once"
    limit = f"by {rules.metric} for up to {format_duration(rules.deadline)}"
    if rules.strategy == "shadow":
        return f"a version that its gate did not refuse is compared in shadow {limit}"
    if rules.strategy == "experiment":
        return f"a version that passes its gate answers {rules.share:.1%} of the units, chosen at random, and is compared {limit}"
    hold = format_duration(rules.hold)
    if rules.strategy == "canary":
        steps = ", ".join(f"{step:.1%}" for step in rules.steps)
        return f"a version that passes its gate answers {steps} of the units, {hold} each, and is compared {limit}"
    return (
        f"a version that passes its gate answers {rules.steps[0]:.1%} of the units at first, then, weighed anew every {hold}, as many as "
        f"it is likely to be better (neither it nor the champion less than {rules.floor:.1%}), and is compared {limit}"
    )


def _approval(spec: Spec) -> str:
    if spec.rollout.approve == "auto":
        return ""
    return "; a person approves every promotion" + (", another one than asked for it" if spec.rollout.four_eyes else "")
