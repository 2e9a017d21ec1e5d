"""Reads `[rollout]`: how a version becomes champion."""

from collections.abc import Mapping
from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.core.window import format_duration
from flyball.spec.reader import Section, a_metric, is_plain, listed
from flyball.spec.records import VALUE, Arm, DataSpec, Guardrails, ModelSpec, RolloutSpec, Strategy, Task
from flyball.stats.scores import loss_for

FILE = "flyball.toml"
_STRATEGIES: tuple[Strategy, ...] = ("immediate", "shadow", "canary", "experiment", "bandit")
_ARMS: tuple[Arm, ...] = ("champion", "challenger")
_DEFAULT_METRIC: dict[Task, str] = {"binary": "brier", "multiclass": "brier", "regression": "squared_error"}
_DEFAULTS = RolloutSpec()
_SLOT = 0.0001


def read_rollout(section: Section, model: ModelSpec, data: DataSpec) -> RolloutSpec:
    """`[rollout]`."""
    natural: Strategy = "experiment" if model.influences_outcome else "shadow"
    strategy = section.choice("strategy", _STRATEGIES, natural)
    days = section.integer("min_days", 7)
    needed = timedelta(days=days) + data.matures
    hold = section.duration("hold", _DEFAULTS.hold, least=timedelta(seconds=1))
    share = section.number("share", _DEFAULTS.share, least=0.001, most=0.999)
    floor = section.number("floor", _DEFAULTS.floor, least=0.001, most=0.5)
    steps = _steps(section, strategy, share, floor)
    climb = hold * len(steps) if strategy == "canary" else timedelta(0)
    record = RolloutSpec(
        strategy=strategy,
        metric=_metric(section, model.task, strategy),
        deadline=section.duration(
            "deadline", max(timedelta(days=14), max(needed, climb + data.matures) + timedelta(days=7)), least=timedelta(minutes=1)
        ),
        alpha=section.number("alpha", _DEFAULTS.alpha, least=1e-6, most=0.5),
        margin=section.number("margin", 0.0, least=0.0),
        min_days=days,
        watch=section.duration("watch", _DEFAULTS.watch),
        share=share,
        steps=steps,
        hold=hold,
        floor=floor,
        block=section.choice("block", ("day", "unit"), "day"),
        guardrails=_guardrails(section),
        approve=section.choice("approve", ("auto", "manual"), "auto"),
        four_eyes=section.flag("four_eyes", default=False),
        overrides=_overrides(section),
        holdback=_holdback(section),
    )
    section.done()
    _sense(record, model, data, needed)
    return record


def _sense(record: RolloutSpec, model: ModelSpec, data: DataSpec, needed: timedelta) -> None:
    """Refuse what cannot decide, or must not."""
    if record.strategy == "shadow" and model.influences_outcome:
        raise SpecError(
            f'{FILE}: rollout.strategy = "shadow" cannot judge a model with model.influences_outcome = true',
            hint="its answers change what happens, so both models cannot be scored on the same outcome: "
            'write strategy = "experiment", or "immediate" to let the gate decide alone',
        )
    if record.strategy in ("shadow", "immediate") and record.metric == VALUE:
        raise SpecError(
            f'{FILE}: rollout.metric = "value" needs a version that answers, and rollout.strategy = "{record.strategy}" has none',
            hint='write strategy = "experiment"',
        )
    if record.holdback and (model.task != "binary" or not model.influences_outcome):
        raise SpecError(
            f'{FILE}: rollout.holdback belongs to task = "binary" with model.influences_outcome = true',
            hint="it answers a share of the units as if nothing was to be done; where answers change nothing, no label is hidden",
        )
    if record.four_eyes and record.approve != "manual":
        raise SpecError(f"{FILE}: rollout.four_eyes needs somebody who approves", hint='add approve = "manual"')
    if record.block == "unit" and data.unit is None:
        raise SpecError(f'{FILE}: rollout.block = "unit" needs data.unit', hint="name the column of the unit under [data]")
    if record.strategy != "immediate" and record.deadline < needed:
        days = record.min_days
        raise SpecError(
            f'{FILE}: rollout.deadline = "{format_duration(record.deadline)}" comes before anything can be decided: {days} live days '
            f"(rollout.min_days) have matured after {format_duration(needed)} (data.matures = {format_duration(data.matures)})",
            hint=f'write deadline = "{format_duration(needed + timedelta(days=7))}" or more, or leave it out',
        )
    climb = record.hold * len(record.steps)
    if record.strategy == "canary" and record.deadline < climb:
        raise SpecError(
            f'{FILE}: rollout.deadline = "{format_duration(record.deadline)}" comes before the last step: {len(record.steps)} steps of '
            f"{format_duration(record.hold)} (rollout.hold) take {format_duration(climb)}",
            hint=f'write deadline = "{format_duration(climb + needed)}" or more, fewer steps, or a shorter hold',
        )


def _holdback(section: Section) -> float:
    """A share in whole slots, of which there are ten thousand: a smaller one would hold back more than it says."""
    share = section.number("holdback", 0.0, least=0.0, most=0.5)
    if 0 < share < _SLOT:
        raise section.refuse("holdback", share, f"0, or a share from {_SLOT:g} to 0.5: units stand in ten thousand slots")
    return round(share, 4)


def _metric(section: Section, task: Task, strategy: Strategy) -> str:
    name = section.text("metric", _DEFAULT_METRIC[task])
    if name == VALUE:
        return name
    a_metric(section, "metric", name, task)
    try:
        loss_for(name, task)
    except SpecError as error:
        raise SpecError(f"{FILE}: rollout.metric: {error.message}", hint=error.hint) from None
    return name


def _steps(section: Section, strategy: Strategy, share: float, floor: float) -> tuple[float, ...]:
    """The shares of a canary, the last of which is at most `share`; of a bandit, its start."""
    if not section.has("steps"):
        if strategy == "bandit":
            return (max(0.1, floor),)
        below = tuple(step for step in _DEFAULTS.steps if step < share)
        return (*below, share) if strategy == "canary" else _DEFAULTS.steps
    given = section.raw("steps")
    items = given if isinstance(given, list) else [given]
    shares = [float(item) for item in items if is_plain(item) and not isinstance(item, str | bool)]
    if not shares or len(shares) != len(items) or sorted(set(shares)) != shares or not shares[0] >= _SLOT or not shares[-1] < 1:
        raise section.refuse("steps", given, "growing shares from 0.0001 to below 1, such as [0.01, 0.05, 0.2, 0.5]")
    if strategy == "canary" and shares[-1] > share:
        raise section.refuse("steps", given, f"steps up to rollout.share = {share:g}, or a larger share")
    if strategy == "bandit" and not floor <= shares[0] <= 1 - floor:
        raise section.refuse("steps", given, f"a first share from rollout.floor = {floor:g} to {1 - floor:g}: each arm keeps so much")
    return tuple(shares)


def _guardrails(section: Section) -> Guardrails:
    if not section.has("guardrails"):
        return Guardrails()
    part, natural = Section(FILE, f"{section.path}.guardrails", section.raw("guardrails")), Guardrails()

    def limit(key: str, default: float | None, *, least: float, most: float) -> float | None:
        """A number, or `false` for no guard."""
        if part.raw(key) is False:
            return None
        if default is None and not part.has(key):
            return None
        return part.number(key, default, least=least, most=most)

    record = Guardrails(
        errors=limit("errors", natural.errors, least=0.0, most=1.0),
        nan=limit("nan", natural.nan, least=0.0, most=1.0),
        latency=limit("latency", natural.latency, least=1.0, most=1e6),
        score_drift=limit("score_drift", natural.score_drift, least=0.0, most=1.0),
        alpha=part.number("alpha", natural.alpha, least=1e-9, most=0.1),
        min_requests=part.integer("min_requests", natural.min_requests, least=1),
    )
    part.done()
    return record


def _overrides(section: Section) -> Mapping[str, Arm]:
    if not section.has("overrides"):
        return {}
    given = section.raw("overrides")
    if not isinstance(given, dict) or not all(value in _ARMS for value in given.values()):
        raise section.refuse("overrides", given, f'units and their arm, such as {{ "tester-1" = "challenger" }}; arms are {listed(_ARMS)}')
    return {str(unit): arm for unit, arm in given.items()}
