"""From what is known to what serves: the deployment servers watch, and the aliases the registry shows."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from flyball.core.errors import NotFoundError, StoreError
from flyball.journal.events import ExternalMove
from flyball.journal.known import State
from flyball.loop.world import World
from flyball.ports.serving import Deployments
from flyball.serving.records import Deployment
from flyball.spec.records import Guardrails, Spec

READY_WITHIN = timedelta(seconds=30)
"""How long servers have to load and try a version before those that are ready go on without the others."""


def deployment_of(state: State, *, guardrails: Guardrails | None = None, watched: bool = False) -> Deployment:
    """What servers should answer with, as a pure function of the state.

    `guardrails` are those that hold where no rollout has its own; `watched`: guard the champion too, though no watch by pairs runs.
    """
    named = {version for version in (state.champion, state.challenger, state.previous, *state.shadow) if version is not None}
    guarded = state.previous is not None and (watched or state.watch is not None)
    pinned = state.rollout.guardrails if state.rollout is not None else None
    return Deployment(
        model=state.model,
        seq=state.seq,
        champion=state.champion,
        challenger=state.challenger,
        challenger_share=state.challenger_share,
        seed=state.rollout.seed or state.model if state.rollout is not None else state.model,
        shadow=state.shadow,
        previous=state.previous,
        bundles={version: state.versions[version].registered.bundle for version in named if version in state.versions},
        guardrails=pinned or guardrails or Guardrails() if guarded or state.challenger is not None or state.shadow else None,
        watched=guarded,
        champion_since=state.champion_since,
    )


def publish(world: World, state: State, *, spec: Spec | None = None, now: datetime | None = None) -> None:
    """Bring the deployments table up to the journal, if what serves, or is about to serve, is something else.

    With spec and time, a champion is guarded for `rollout.watch` after it took over; without them that stays as it was published.
    """
    if state.champion is None:
        return
    swap = world.deployments.pending(state.model)
    found = world.deployments.current(state.model) if swap is None else swap.deployment
    if spec is not None and now is not None:
        wanted = deployment_of(state, guardrails=spec.rollout.guardrails, watched=young(state, spec, now))
    elif found is not None:
        wanted = deployment_of(state, guardrails=found.guardrails, watched=found.watched and found.champion == state.champion)
    else:
        wanted = deployment_of(state)
    if found is None or _meaning(found) != _meaning(wanted):
        bring_up(world.deployments, wanted)
    elif swap is not None and swap.due:  # the servers that should have seen to it are gone
        world.deployments.commit(state.model, found.seq)


def bring_up(deployments: Deployments, wanted: Deployment) -> None:
    """Let it serve: at once if it names no version that has to be loaded first, as a rollback; else when servers are ready for it."""
    current = deployments.current(wanted.model)
    if current is None or _loaded(wanted) <= _loaded(current) | _warm(current):
        deployments.publish(wanted)
    else:
        deployments.prepare(wanted, within=READY_WITHIN)


def young(state: State, spec: Spec, now: datetime) -> bool:
    """Whether the champion took over so lately that it is still watched."""
    return state.champion_since is not None and now < state.champion_since + spec.rollout.watch


def aliases_of(state: State) -> Mapping[str, int]:
    """The registry's aliases as the journal has them."""
    found = {"champion": state.champion, "challenger": state.challenger, "previous": state.previous}
    return {alias: version for alias, version in found.items() if version is not None}


def external_moves(world: World, state: State) -> list[ExternalMove]:
    """Moves of the champion alias that were not ours: it points at a version that never was champion."""
    if not state.versions or _borrowed(state):
        return []
    try:
        champion = world.registry.aliases(state.model).get("champion")
    except (StoreError, NotFoundError):
        return []  # `project_aliases` tells
    if champion is None or champion == state.champion or champion in state.champions:
        return []
    return [ExternalMove(alias="champion", found=champion, restored=state.champion)]


def project_aliases(world: World, state: State) -> str:
    """Make the registry show the journal's aliases; say why if that could not be done."""
    if not state.versions or _borrowed(state):
        return ""
    try:
        found, wanted = world.registry.aliases(state.model), aliases_of(state)
        for alias in ("champion", "challenger", "previous"):
            if found.get(alias) != wanted.get(alias):
                world.registry.set_alias(state.model, alias, wanted.get(alias))
    except (StoreError, NotFoundError) as error:
        return f"the registry's aliases are not up to date: {error.message}"
    return ""


def _loaded(deployment: Deployment) -> set[tuple[int, str | None]]:
    """The versions that servers need for a deployment, with their bundles."""
    named = {deployment.champion, *deployment.shadow}
    if deployment.challenger_share > 0.0:
        named.add(deployment.challenger)
    if deployment.watched:
        named.add(deployment.previous)
    return {(version, deployment.bundles.get(version)) for version in named if version is not None}


def _warm(deployment: Deployment) -> set[tuple[int, str | None]]:
    """The version before the champion: whoever goes back to it waits for nobody."""
    previous = deployment.previous
    return set() if previous is None else {(previous, deployment.bundles.get(previous))}


def _borrowed(state: State) -> bool:
    """Whether the model only is served here and belongs to somebody else's registry: what stands there is theirs."""
    return any(known.registered.borrowed for known in state.versions.values())


def _meaning(deployment: Deployment) -> tuple[object, ...]:
    return (
        deployment.champion,
        deployment.challenger,
        deployment.challenger_share,
        deployment.seed,
        deployment.shadow,
        deployment.previous,
        tuple(sorted(deployment.bundles.items())),
        deployment.guardrails,
        deployment.watched,
        deployment.local,
        deployment.champion_since,
    )
