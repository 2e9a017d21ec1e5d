"""The rules of a spec in one line each, for `check` and `status`."""

from flyball.core.window import format_duration
from flyball.spec.records import Spec


def describe_rollout(spec: Spec) -> str:
    """How a version becomes champion."""
    if spec.rollout.strategy == "immediate":
        return "a version that passes its gate is promoted at once"
    deadline = format_duration(spec.rollout.deadline)
    return f"a version that its gate did not refuse is compared in shadow by {spec.rollout.metric} for up to {deadline}"
