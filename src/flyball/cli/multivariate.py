"""What `flyball monitor --multivariate` adds: all columns together, for people and for programs."""

from collections.abc import Mapping
from datetime import datetime

from flyball.cli.frame import say, show_table, told
from flyball.core.errors import NotFoundError
from flyball.journal.state import fold
from flyball.loop.memory import Memory
from flyball.loop.multivariate import multivariate
from flyball.monitoring.multivariate import MultivariateFound
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_world


def look(settings: Settings, spec: Spec, *, now: datetime) -> MultivariateFound:
    """One look at the champion's recent rows, all columns together. It restores the snapshot and fits a classifier: some seconds."""
    from flyball.adapters.dvc.snapshots import DvcSnapshots
    from flyball.adapters.sklearn.apart import tell_apart

    world = open_world(settings)
    world.predictions.ingest()
    state = fold(spec.model.name, world.journal.read(spec.model.name))
    if state.champion is None:
        raise NotFoundError(f"{spec.model.name} has no champion to watch", hint="`flyball train` makes the first")
    return multivariate(world, DvcSnapshots(settings.folder), tell_apart, spec, state, state.champion, Memory(), now=now)


def plain(found: MultivariateFound, settings: Settings) -> Mapping[str, object]:
    """As `--json` prints it."""
    domain = found.domain
    return {
        "window": [found.window.start, found.window.end],
        "domain": {
            "state": domain.state,
            "auc": domain.auc,
            "lower": domain.lower,
            "upper": domain.upper,
            "rows": list(domain.rows),
            "days": list(domain.days),
            "columns": dict(domain.columns),
            "reason": told(domain.reason, settings),
        },
        "vectors": {
            name: {
                "state": one.state,
                "distance": one.distance,
                "threshold": one.threshold,
                "p_value": one.p_value,
                "columns": list(one.columns),
                "reason": told(one.reason, settings),
            }
            for name, one in found.vectors.items()
        },
    }


def show(found: MultivariateFound, settings: Settings) -> None:
    """A line for all columns together, one for each vector; then what recent rows are told by."""
    say(f"all columns, {found.window.start:%Y-%m-%d} to {found.window.end:%Y-%m-%d}: {told(found.domain.reason, settings)}")
    for one in found.vectors.values():
        say(told(one.reason, settings))
    telling = [(name, f"{lost:.3f}") for name, lost in found.domain.columns.items() if lost > 0.0][:10]
    if telling and found.domain.state != "ok":
        show_table(("column", "what it counts for"), telling)
