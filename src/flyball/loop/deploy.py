"""From what is known to what serves: the deployment servers watch, and the aliases the registry shows."""

from collections.abc import Mapping

from flyball.core.errors import StoreError
from flyball.journal.events import ExternalMove
from flyball.journal.state import State
from flyball.loop.world import World
from flyball.serving.records import Deployment


def deployment_of(state: State) -> Deployment:
    """What servers should answer with, as a pure function of the state."""
    named = {version for version in (state.champion, state.challenger, state.previous, *state.shadow) if version is not None}
    return Deployment(
        model=state.model,
        seq=state.seq,
        champion=state.champion,
        challenger=state.challenger,
        challenger_share=state.challenger_share,
        seed=state.model,
        shadow=state.shadow,
        previous=state.previous,
        bundles={version: state.versions[version].registered.bundle for version in named if version in state.versions},
    )


def publish(world: World, state: State) -> None:
    """Bring the deployments table up to the journal, if what serves has changed."""
    if state.champion is None:
        return
    wanted, found = deployment_of(state), world.deployments.current(state.model)
    if found is not None and _meaning(found) == _meaning(wanted):
        return
    world.deployments.publish(wanted)


def aliases_of(state: State) -> Mapping[str, int]:
    """The registry's aliases as the journal has them."""
    found = {"champion": state.champion, "challenger": state.challenger, "previous": state.previous}
    return {alias: version for alias, version in found.items() if version is not None}


def project_aliases(world: World, state: State) -> tuple[list[ExternalMove], str]:
    """Make the registry show the journal's aliases; say which champion move was not ours, and why it could not be done if it could not.

    A champion alias that points at neither the present nor the previous champion was moved by somebody else.
    """
    if not state.versions:
        return [], ""
    moves = []
    try:
        found, wanted = world.registry.aliases(state.model), aliases_of(state)
        champion = found.get("champion")
        if champion is not None and champion not in {state.champion, state.previous}:
            moves.append(ExternalMove(alias="champion", found=champion, restored=state.champion))
        for alias in ("champion", "challenger", "previous"):
            if found.get(alias) != wanted.get(alias):
                world.registry.set_alias(state.model, alias, wanted.get(alias))
    except StoreError as error:
        return [], error.message
    return moves, ""


def _meaning(deployment: Deployment) -> tuple[object, ...]:
    return (
        deployment.champion,
        deployment.challenger,
        deployment.challenger_share,
        deployment.seed,
        deployment.shadow,
        deployment.previous,
        tuple(sorted(deployment.bundles.items())),
    )
