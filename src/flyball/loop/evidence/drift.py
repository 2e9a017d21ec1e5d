"""Drift of one version: the counts of its last windows held against its reference."""

from collections.abc import Mapping

from flyball.core.window import Window
from flyball.journal.state import State
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.counts import Span, merge
from flyball.monitoring.drift import drift_over
from flyball.monitoring.records import ColumnDrift
from flyball.spec.records import Spec

# How many windows are taken together.
_SCALES = (1, 4, 7, 14, 28)


def window_drift(world: World, spec: Spec, state: State, version: int, memory: Memory, *, window: Window) -> Mapping[str, ColumnDrift]:
    """How far each column is from the version's reference; empty if nothing was predicted."""
    bundle = state.versions[version].registered.bundle
    _, reference = memory.bundle(world.bundles, bundle)
    counts = memory.counts(world.predictions, spec.model.name, version, bundle, window, windows=max(_SCALES))
    if not counts:
        return {}
    spans = [
        Span(window=Window(start=window.end - window.length * scale, end=window.end), counts=merge(counts[-scale:]), hours={})
        for scale in _SCALES
        if scale <= len(counts)
    ]
    found = drift_over(
        reference,
        spans,
        latest=counts[-1] if counts[-1].rows >= 500 else merge(counts[-2:]),
        margin=spec.monitor.margin,
        share_margin=spec.monitor.share_margin,
        ignore=spec.monitor.ignore,
    )
    return found.columns
