"""What people look up: the list of versions, and the state of the loop in lines."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.window import format_duration, format_minute
from flyball.journal.known import Running, State
from flyball.loop.fleet import Fleet, leader_line, swap_line, worker_lines
from flyball.loop.rollout import rollout_line
from flyball.registry.records import EngineName
from flyball.spec.records import Spec


@record
class Listed:
    """A version as `flyball models` shows it."""

    version: int
    aliases: tuple[str, ...]
    gate: str
    metrics: Mapping[str, float]
    created_at: datetime
    run_id: str
    snapshot: str
    engine: EngineName
    cause: str


@record
class StatusLine:
    """One line of `flyball status`; `value` is JSON-ready."""

    name: str
    value: object


def list_versions(state: State) -> list[Listed]:
    """All versions, the oldest first."""
    names = (("champion", state.champion), ("challenger", state.challenger), ("previous", state.previous))
    return [
        Listed(
            version=version,
            aliases=tuple(alias for alias, holder in names if holder == version),
            gate=known.registered.gate.verdict.value,
            metrics=known.registered.metrics,
            created_at=known.at,
            run_id=known.registered.run_id,
            snapshot=known.registered.snapshot,
            engine=known.registered.engine,
            cause=known.registered.cause,
        )
        for version, known in sorted(state.versions.items())
    ]


def describe(
    state: State,
    spec: Spec,
    fleet: Fleet,
    *,
    now: datetime,
    sentence: Callable[[Reason], str],
    untold: Sequence[Reason] = (),
) -> list[StatusLine]:
    """The state of the loop, line by line. `untold`: who could not be told of alerts yet."""
    watch, running = state.watch, state.running
    return [
        StatusLine(name="champion", value=_since(state.champion, state.champion_since)),
        StatusLine(name="previous", value=state.previous),
        StatusLine(name="challenger", value=state.challenger),
        StatusLine(name="rollout", value=rollout_line(state, now=now)),
        StatusLine(name="waits for approval", value=_waiting(state, sentence)),
        StatusLine(
            name="watch",
            value=f"version {watch.version} against {watch.previous}, until {format_minute(watch.until)}" if watch else None,
        ),
        StatusLine(name="training", value=_training(running, sentence) if running else None),
        StatusLine(name="next training", value=_next(state, spec, sentence)),
        StatusLine(name="frozen", value=_frozen(state, now)),
        StatusLine(name="alerts", value=[_alert(state, key, sentence, now) for key in sorted(state.firing)]),
        StatusLine(
            name="silenced",
            value=[
                f"{pattern} until {format_minute(one.until)} by {one.actor}: {one.reason}"
                for pattern, one in sorted(state.silences.items())
                if now < one.until
            ],
        ),
        StatusLine(name="not told", value=[sentence(reason) for reason in untold]),
        StatusLine(name="workers", value=worker_lines(fleet)),
        StatusLine(name="swap", value=swap_line(fleet.swap)),
        StatusLine(name="leader", value=leader_line(fleet.leader)),
        StatusLine(name="versions", value=len(state.versions)),
        StatusLine(name="journal", value=state.seq),
    ]


def _frozen(state: State, now: datetime) -> str | None:
    freeze = state.frozen(now)
    if freeze is None:
        return None
    return freeze.reason + (f" (until {format_minute(freeze.until)})" if freeze.until else "")


def _alert(state: State, key: str, sentence: Callable[[Reason], str], now: datetime) -> str:
    silence = state.silenced(key, now)
    return f"{key}: {sentence(state.firing[key])}" + ("" if silence is None else f" (silenced until {format_minute(silence.until)})")


def _next(state: State, spec: Spec, sentence: Callable[[Reason], str]) -> str | None:
    if state.champion is None:
        return "none before there is a champion: `flyball train`"
    waits = [f"{cause} asks for one and waits: {sentence(reason)}" for cause, reason in state.suppressed.items()]
    since = state.last_retrain_at or state.first_at
    if "schedule" in spec.retrain.on and spec.retrain.every is not None and since is not None:
        waits.append(f"by schedule on {format_minute(since + spec.retrain.every)} (every {format_duration(spec.retrain.every)})")
    return "; ".join(waits) or f"when {' or '.join(spec.retrain.on) or 'a person'} asks for it"


def _waiting(state: State, sentence: Callable[[Reason], str]) -> str | None:
    waiting = state.waiting
    if waiting is None:
        return None
    return f"version {waiting.version} since {format_minute(waiting.at)}, asked for by {waiting.actor}: {sentence(waiting.reason)}"


def _training(running: Running, sentence: Callable[[Reason], str]) -> str:
    return f"{running.started.cause} since {format_minute(running.at)}: {sentence(running.started.reason)}"


def _since(version: int | None, since: datetime | None) -> str | None:
    return None if version is None else f"{version}" + (f" since {format_minute(since)}" if since else "")
