"""What a person may do to a model in its present state, and why the rest is not possible: what `steer` would answer, before it is asked.

What guardrails of servers say is not asked here: the order itself is refused then, and says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import format_minute
from flyball.journal.known import State
from flyball.loop.deciding.due import by_hand, waits
from flyball.spec.records import Spec

Act = Literal["rollback", "pause", "resume", "abort", "approve", "decline", "unstage", "train", "promote", "stage", "share"]
ROUTES: Mapping[Act, str] = {
    "rollback": "rollback",
    "pause": "rollout/pause",
    "resume": "rollout/resume",
    "abort": "rollout/abort",
    "approve": "approve",
    "decline": "decline",
    "unstage": "promote",
    "train": "jobs/train",
    "promote": "promote",
    "stage": "promote",
    "share": "promote",
}
_NEED_REASON = frozenset({"pause", "resume", "abort", "approve", "decline"})
_NO_REASON = frozenset({"train"})


@record
class Option:
    """Something a person may order. `about`: what it would do. `missing`: why it is not possible now, None if it is.

    `against`: what speaks against it and is overridden by `force`; then it needs a reason. `body`: the order, but for the reason.
    """

    act: Act
    about: Reason
    body: Mapping[str, object]
    missing: Reason | None = None
    against: tuple[Reason, ...] = ()

    @property
    def route(self) -> str:
        """The admin route that does it."""
        return ROUTES[self.act]

    @property
    def reason(self) -> Literal["required", "optional", "none"]:
        """Whether the order says why."""
        if self.act in _NO_REASON:
            return "none"
        return "required" if self.act in _NEED_REASON or self.against else "optional"


def of_model(state: State, *, now: datetime) -> list[Option]:
    """What may be done to the model, whatever version is looked at."""
    rollout, waiting = state.rollout, state.waiting
    no_rollout = None if rollout is not None else because("option.no_rollout")
    about = {"version": 0 if rollout is None else rollout.version, "champion": state.champion or 0}
    paused = None if state.paused is None else because("option.paused", since=format_minute(state.paused.at))
    running = None if state.paused is not None else because("option.not_paused")
    found = [
        _rollback(state),
        _option("pause", no_rollout or paused, about),
        _option("resume", no_rollout or running or _frozen(state, now), about),
        _option("abort", no_rollout, about),
        _option("train", _trains(state), {}),
    ]
    asked = 0 if waiting is None else waiting.version
    body = {"version": asked}
    found.append(_option("approve", _not_approved(state, now), body, body))
    found.append(_option("decline", None if waiting is not None else because("option.nothing_waits"), body, body))
    staged = state.challenger if rollout is None else None
    missing = None if staged is not None else because("option.not_staged")
    found.append(_option("unstage", missing, {"version": staged or 0}, {"version": staged or 0, "to": "none"}))
    return found


def of_version(state: State, spec: Spec, version: int, *, now: datetime) -> list[Option]:
    """What may be done to one version. A version that is not known may not be anything."""
    if version not in state.versions:
        return []
    shares = dict.fromkeys((0.0, spec.rollout.share))
    return [_promote(state, spec, version, now), *(_stage(state, spec, version, now, share) for share in shares)]


def _promote(state: State, spec: Spec, version: int, now: datetime) -> Option:
    asks = by_hand(state, spec)
    against = (*_spoken(state, version), *_in_the_way(state, now))
    missing = because("option.is_champion") if version == state.champion else None
    if missing is None and asks and not against and waits(state, version):
        missing = because("option.waits_already")
    if against and asks:  # force does not ask, it promotes
        against = (*against, because("option.past_approval"))
    code = "promote" if not asks or against else "ask"
    body = {"version": version, "to": "production", **({"force": True} if against else {})}
    return Option(act="promote", about=because(f"option.{code}_about", version=version), body=body, missing=missing, against=against)


def _stage(state: State, spec: Spec, version: int, now: datetime, share: float) -> Option:
    missing = None
    if state.champion is None or version == state.champion:
        missing = because("option.no_champion" if state.champion is None else "option.is_champion")
    elif state.rollout is not None:
        until = format_minute(state.rollout.deadline_at)
        missing = because("option.rollout_runs", version=state.rollout.version, until=until)
    elif state.challenger == version and state.challenger_share == share:
        missing = because("option.is_challenger")
    elif share >= 1.0 and spec.rollout.approve == "manual":
        missing = because("option.all_of_them")
    against = (*(_spoken(state, version) if share > 0 else ()), *_in_the_way(state, now))
    body = {"version": version, "to": "staging", "share": share, **({"force": True} if against else {})}
    about = because("option.share_about" if share else "option.stage_about", version=version, share=share)
    return Option(act="share" if share else "stage", about=about, body=body, missing=missing, against=against)


def _option(act: Act, missing: Reason | None, values: Mapping[str, int], body: Mapping[str, object] | None = None) -> Option:
    return Option(act=act, about=because(f"option.{act}_about", **values), body=body or {}, missing=missing)


def _rollback(state: State) -> Option:
    """The way back is always open; that what lies there was refused once is said beforehand."""
    values = {"version": state.champion or 0, "to": state.previous or 0}
    option = _option("rollback", _no_way_back(state), values)
    known = state.versions.get(state.previous or 0)
    if option.missing is None and known is not None and known.refused:
        return replace(option, about=because("option.rollback_refused_about", **values))
    return option


def _no_way_back(state: State) -> Reason | None:
    if state.champion is None:
        return because("option.no_champion")
    return because("option.no_previous") if state.previous is None else None


def _trains(state: State) -> Reason | None:
    return None if state.running is None else because("option.trains", since=format_minute(state.running.at))


def _frozen(state: State, now: datetime) -> Reason | None:
    freeze = state.frozen(now)
    return None if freeze is None else because("option.frozen", reason=freeze.reason)


def _not_approved(state: State, now: datetime) -> Reason | None:
    if state.waiting is None:
        return because("option.nothing_waits")
    if (frozen := _frozen(state, now)) is not None:
        return frozen
    if state.paused is not None:
        return because("option.paused", since=format_minute(state.paused.at))
    rollout = state.rollout
    if rollout is not None and rollout.version != state.waiting.version:
        return because("option.rollout_runs", version=rollout.version, until=format_minute(rollout.deadline_at))
    if rollout is not None and rollout.champion != state.champion:
        return because("option.other_champion", before=rollout.champion, champion=state.champion)
    known = state.versions.get(state.waiting.version)
    return because("option.refused") if known is not None and known.refused else None


def _spoken(state: State, version: int) -> tuple[Reason, ...]:
    known = state.versions[version]
    verdict = known.registered.gate.verdict
    found = () if verdict is Verdict.PASS else (because("option.gate_failed" if verdict is Verdict.FAIL else "option.gate_undecided"),)
    return (*found, because("option.refused")) if known.refused else found


def _in_the_way(state: State, now: datetime) -> tuple[Reason, ...]:
    frozen, rollout = _frozen(state, now), state.rollout
    found = () if frozen is None else (frozen,)
    if rollout is None:
        return found
    return (*found, because("option.rollout_runs", version=rollout.version, until=format_minute(rollout.deadline_at)))
