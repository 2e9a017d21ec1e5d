"""Whether what is to serve can be loaded at all: asked before a person's move is written down, not found out by servers afterwards."""

from flyball.core.errors import FlyballError
from flyball.journal.known import State
from flyball.loop.world import World


def unloadable(world: World, state: State, version: int) -> list[str]:
    """What keeps servers from loading a version: its bundle is gone, or is not what was signed. With what helps against that."""
    try:
        world.bundles.path(state.versions[version].registered.bundle)
    except FlyballError as error:
        helps = f" ({error.hint})" if error.hint else ""
        return [f"no server can load it: {error.message}{helps}"]
    return []
