"""What guardrails did in servers, and what follows: it is written down, and the server's own move is made the loop's."""

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.known import State
from flyball.loop.deciding.due import waits
from flyball.loop.records import Action, EndRollout, Evidence, RollBack, Unstage, Withdraw, WriteTrip
from flyball.serving.records import Trip


def tripped(state: State, evidence: Evidence) -> list[Action]:
    """End the rollout of a challenger that a guardrail took out, and roll back a champion that one took out.

    A pause or a freeze does not put this off: the server has acted already, and the journal has to say so.
    """
    return _challenger(state, evidence) or _champion(state, evidence)


def _challenger(state: State, evidence: Evidence) -> list[Action]:
    version = state.challenger if state.rollout is None else state.rollout.version
    if version is None or version == state.champion or not state.phases:
        return []
    trips = [trip for trip in evidence.trips or () if trip.version == version and trip.at >= state.phases[0].since]
    if not trips:
        return []
    actions: list[Action] = [WriteTrip(trip=trip) for trip in trips]
    reason = because("rollout.tripped", **_told(trips[0]))
    if waits(state, version):
        actions.append(Withdraw(version=version, reason=reason))
    if state.rollout is None:
        actions.append(Unstage(version=version, reason=reason))
    else:
        actions.append(EndRollout(version=version, verdict=Verdict.FAIL, reason=reason, evidence=trips[0].evidence))
    return actions


def _champion(state: State, evidence: Evidence) -> list[Action]:
    if state.champion is None or state.previous is None or state.champion_since is None:
        return []
    trips = [trip for trip in evidence.trips or () if trip.version == state.champion and trip.at >= state.champion_since]
    if not trips:
        return []
    reason = because("rollback.tripped", **_told(trips[0]), to=state.previous)
    back = RollBack(version=state.champion, to=state.previous, reason=reason, evidence=trips[0].evidence)
    return [*(WriteTrip(trip=trip) for trip in trips), back]


def _told(trip: Trip) -> dict[str, str | int]:
    return {"version": trip.version, "guardrail": trip.guardrail, "worker": trip.worker}
