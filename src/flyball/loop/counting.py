"""Counting: what was predicted is read from the log in order of arrival, and each row counted once, in the slot of its event time.

The counts and the place they reach to are committed together, so it does not matter how often, by whom, and in how many pieces it is done.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.table import Array
from flyball.data.profile import score_columns
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.counts import Counter
from flyball.monitoring.scales import coarser, slots_of
from flyball.monitoring.slots import CountKey, Slot, Step
from flyball.registry.records import Manifest
from flyball.serving.records import Arrived, Place
from flyball.spec.records import Spec

# What is in memory at once: so many values of features, in not fewer and not more rows than these.
_VALUES = 500_000
_FEWEST, _MOST = 50, 10_000


@record
class Ruler:
    """What a version's rows are counted with: the reference of one version, on the columns both have."""

    ledger: CountKey
    counter: Counter


def count_rows(
    world: World, state: State, memory: Memory, *, now: datetime, version: int | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Count what arrived of the versions that answer or score now, and of `version`. Say how many rows that were.

    A version without a reference is left uncounted. What hinders the counting of `version` (default: the champion) is raised; what hinders
    that of the others is not.
    """
    asked = state.champion if version is None else version
    kept = world.counts.places(state.model)
    _drop_outdated(world, state, kept)
    wanted = {*live(state), *(() if asked is None else (asked,))}
    return _count(world, state, memory, wanted, now=now, asked=asked, progress=progress)


def rebuild(world: World, spec: Spec, state: State, memory: Memory, *, now: datetime, progress: Callable[[int], None] | None = None) -> int:
    """Drop all counts of a model and count again from the prediction log. Say how many rows; `progress` hears it as it goes.

    A process that dies in the middle leaves what it counted; the next tick goes on from there.
    """
    world.predictions.ingest()
    kept = world.counts.places(spec.model.name)
    world.counts.forget(spec.model.name, tuple(kept))
    wanted = {ledger.version for ledger in kept} & state.versions.keys() | set(live(state))
    return _count(world, state, memory, wanted, now=now, asked=state.champion, progress=progress)


def live(state: State) -> tuple[int, ...]:
    """The versions whose rows keep coming or may come again: champion, challenger, the one before, and the shadows."""
    named = (state.champion, state.challenger, state.previous, *state.shadow)
    return tuple(sorted({one for one in named if one is not None and one in state.versions}))


def rulers(world: World, state: State, memory: Memory, version: int) -> list[Ruler]:
    """The references a version's rows are counted on: its own first; for the champion also that of the first version ever promoted and
    of the champion before. None if it has no reference of its own. A bundle of the others that is not here any more is left out.
    """
    others = (state.first_champion, state.previous) if version == state.champion else ()
    own = _ruler(world, state, memory, version, version)
    if not own.counter.columns:
        return []
    found = [own]
    for against in dict.fromkeys(one for one in others if one is not None and one != version and one in state.versions):
        try:
            ruler = _ruler(world, state, memory, version, against)
        except FlyballError:
            continue
        if ruler.counter.columns:
            found.append(ruler)
    return found


def score_arrays(arrived: Arrived, manifest: Manifest) -> dict[str, Array]:
    """The scores of rows under the names they are monitored by. A row whose score has another form than its version gives has none."""
    names = manifest.outputs or (manifest.classes if manifest.task == "multiclass" else ())
    score, width = arrived.score, max(1, len(names))
    if width == 1 and score.ndim == 2:
        score = np.where(np.isnan(score[:, 1:]).all(axis=1), score[:, 0], np.nan) if score.shape[1] else np.full(len(score), np.nan)
    elif width > 1:
        held = np.full((len(score), width), np.nan)
        if score.ndim == 2 and score.shape[1] >= width:
            whole = ~np.isnan(score[:, :width]).any(axis=1) & np.isnan(score[:, width:]).all(axis=1)
            held[whole] = score[whole, :width]
        score = held
    answers = arrived.label if manifest.classes else None
    return score_columns(score, manifest.outputs or manifest.classes, manifest.schema, answers)


def tallied(arrived: Arrived, manifest: Manifest, counters: Sequence[Counter], now: datetime) -> list[tuple[Slot, ...]]:
    """The rows in their slots as seen from `now`, once for each counter. A row whose features were not logged only has scores to count."""
    starts, lengths = slots_of(arrived.at, now)
    variants, variant = np.unique(arrived.variant.astype(str), return_inverse=True)
    _, first, groups = np.unique(starts * len(variants) + variant, return_index=True, return_inverse=True)
    scores = score_arrays(arrived, manifest)
    found = []
    for counter in counters:
        places = counter.places(arrived.features, scores, len(arrived.at))
        tallies = counter.tallies(places, _said(arrived, counter, scores), groups, arrived.at)
        slots = [
            Slot(start=int(starts[row]), length=int(lengths[row]), variant=str(variants[variant[row]]), tally=tally)
            for row, tally in zip(first.tolist(), tallies, strict=True)
        ]
        found.append(tuple(slots))
    return found


def most_rows(manifest: Manifest) -> int:
    """How many rows of a version are read at once."""
    return max(_FEWEST, min(_MOST, _VALUES // max(1, len(manifest.schema.columns))))


def _count(
    world: World,
    state: State,
    memory: Memory,
    versions: Collection[int],
    *,
    now: datetime,
    asked: int | None,
    progress: Callable[[int], None] | None,
) -> int:
    rows = 0
    for one in sorted(versions):
        try:
            rows += _count_version(world, state, memory, one, now, progress, rows)
        except FlyballError:
            if one == asked:
                raise
    world.counts.compact(state.model, coarser(now))
    return rows


def _ruler(world: World, state: State, memory: Memory, version: int, against: int) -> Ruler:
    bundles = [state.versions[one].registered.bundle for one in (version, against)]
    counter = memory.counter(world.bundles, bundles[0], bundles[1])
    return Ruler(ledger=CountKey(version=version, against=against, reference=counter.reference), counter=counter)


def _said(arrived: Arrived, counter: Counter, scores: Mapping[str, Array]) -> NDArray[np.bool_] | None:
    if arrived.known.all():
        return None
    feature = np.array([name not in scores for name in counter.columns])
    return ~np.outer(~arrived.known, feature)


def _count_version(
    world: World, state: State, memory: Memory, version: int, now: datetime, progress: Callable[[int], None] | None, before: int
) -> int:
    """Count what arrived of one version on every reference, until there is no more."""
    found = {ruler.ledger: ruler.counter for ruler in rulers(world, state, memory, version)}
    if not found:
        return 0
    _drop_replaced(world, state, version, found)
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    own, rows = next(iter(found)), 0
    waiting = dict(found)
    while waiting:
        kept = world.counts.places(state.model)
        places = {ledger: kept.get(ledger) for ledger in waiting}
        after = min(places.values(), key=_order)
        together = [ledger for ledger in waiting if places[ledger] == after]
        arrived = world.predictions.arrived(state.model, version, after or Place(), limit=most_rows(manifest))
        if len(arrived.at):
            slots = tallied(arrived, manifest, [found[ledger] for ledger in together], now)
            steps = [
                Step(ledger=ledger, after=after, place=arrived.place, slots=each) for ledger, each in zip(together, slots, strict=True)
            ]
            if not world.counts.add(state.model, steps):
                continue  # somebody else counts too: see how far they are
            if own in together:
                rows += len(arrived.at)
                if progress is not None:
                    progress(before + rows)
        if not arrived.more:
            for ledger in together:
                del waiting[ledger]
    return rows


def _order(place: Place | None) -> tuple[int, int]:
    return (-1, -1) if place is None else (place.answered, place.shadows)


def _drop_outdated(world: World, state: State, kept: Mapping[CountKey, Place]) -> None:
    """Forget what versions that are no longer live were compared with; their own counts stay."""
    alive = live(state)
    world.counts.forget(state.model, [ledger for ledger in kept if ledger.version not in alive and ledger.against != ledger.version])


def _drop_replaced(world: World, state: State, version: int, found: Mapping[CountKey, Counter]) -> None:
    """Forget counts on a reference that its version no longer has: the new one is counted from the beginning."""
    now = {ledger.against: ledger for ledger in found}
    kept = world.counts.places(state.model)
    world.counts.forget(state.model, [one for one in kept if one.version == version and one.against in now and one != now[one.against]])
