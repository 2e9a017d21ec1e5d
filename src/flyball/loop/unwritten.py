"""What guardrails did in servers and no tick has written down yet: whoever steers meanwhile must not walk past it."""

from flyball.core.errors import FlyballError
from flyball.journal.events import Event
from flyball.journal.known import State
from flyball.journal.moves import GuardrailTripped
from flyball.loop.world import World
from flyball.serving.records import Trip


def of_challenger(world: World, state: State) -> list[Trip]:
    """Trips of the challenger since it began to answer. A FlyballError if they cannot be read."""
    if state.challenger is None or not state.phases:
        return []
    return [trip for trip in world.guards.trips(state.model, since=state.phases[0].since) if trip.version == state.challenger]


def of_champion(world: World, state: State) -> list[Trip]:
    """Trips of the champion since it took over. A FlyballError if they cannot be read."""
    if state.champion is None or state.champion_since is None:
        return []
    return [trip for trip in world.guards.trips(state.model, since=state.champion_since) if trip.version == state.champion]


def spoken_against(world: World, state: State, version: int) -> list[str]:
    """What guardrails say against a version now, though the journal does not yet; also that nobody can tell."""
    if version != state.challenger:
        return []
    try:
        trips = of_challenger(world, state)
    except FlyballError as error:
        return [f"what guardrails did cannot be read ({error.message})"]
    return [f"guardrail {trip.guardrail} took it out of traffic at {trip.at:%Y-%m-%d %H:%M} UTC" for trip in trips[:1]]


def leftovers(world: World, state: State, *, champion: bool = False) -> list[Event]:
    """The events of trips that a move of a person would leave behind, of the challenger or of the champion.

    Where they cannot be read there are none: what a person may always do is not kept from them.
    """
    try:
        return [tripped(trip) for trip in (of_champion if champion else of_challenger)(world, state)]
    except FlyballError:
        return []


def tripped(trip: Trip) -> GuardrailTripped:
    """A trip as the journal has it."""
    return GuardrailTripped(
        version=trip.version, guardrail=trip.guardrail, worker=trip.worker, tripped_at=trip.at, reason=trip.reason, evidence=trip.evidence
    )
