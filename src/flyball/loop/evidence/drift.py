"""Drift of one version: the counts of its last windows held against its reference."""

from collections.abc import Mapping
from datetime import timedelta

from flyball.core.window import Window
from flyball.journal.state import State
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.drift import SCALES, drift_over
from flyball.monitoring.records import ColumnDrift
from flyball.spec.records import Spec


def window_drift(world: World, spec: Spec, state: State, version: int, memory: Memory, *, window: Window) -> Mapping[str, ColumnDrift]:
    """How far each column is from the version's reference; empty if nothing was predicted."""
    bundle = state.versions[version].registered.bundle
    _, reference = memory.bundle(world.bundles, bundle)
    counts = memory.counts(world.predictions, spec.model.name, version, bundle, window, windows=max(SCALES))
    if not counts:
        return {}
    return drift_over(
        reference,
        counts,
        window_days=spec.monitor.window / timedelta(days=1),
        margin=spec.monitor.margin,
        share_margin=spec.monitor.share_margin,
    )
