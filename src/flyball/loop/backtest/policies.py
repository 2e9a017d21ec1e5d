"""From what a person writes (`spec`, `every:30d`, `spec,retrain.window=60d`) to the spec that the loop goes by under that policy."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flyball.core.errors import SpecError, UsageError
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.core.window import parse_duration
from flyball.loop.backtest.records import Plan, Policy
from flyball.spec.load import parse_spec
from flyball.spec.records import GateCheck, RetrainSpec, Spec
from flyball.stats.scores import metric_for

DEFAULT = ("never", "evenly", "drift", "performance", "spec")
NAMES = ("spec", "never", "evenly", "every:30d", "drift", "performance")
# What may be written for a key of the spec.
SHORT = {
    "window": "retrain.window",
    "cooldown": "retrain.cooldown",
    "min_outcomes": "retrain.min_outcomes",
    "every": "retrain.every",
    "margin": "monitor.margin",
    "floor": "monitor.floor.drop",
    "strategy": "rollout.strategy",
    "deadline": "rollout.deadline",
    "alpha": "rollout.alpha",
    "min_days": "rollout.min_days",
    "watch": "rollout.watch",
}
_FIXED = ("retrain.on", "retrain.every", "retrain.cooldown", "retrain.min_outcomes", "rollout.strategy", "evaluate.gate")
# The keys that a kind of policy sets itself.
_SETS = {"every": _FIXED, "evenly": _FIXED, "never": ("retrain.on",), "drift": ("retrain.on",), "performance": ("retrain.on",), "spec": ()}
_SECTIONS = ("model", "data", "quality", "train", "evaluate", "serve", "rollout", "monitor", "alerts", "retrain")
# What a policy may change, for whoever asks: an admin over HTTP may. Nothing here names code, a command, a path or an address.
MAY_SET = ("retrain", "monitor", "rollout", "evaluate", "train.params")
_DOTTED = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ALWAYS = 1e300


@record
class Asked:
    """A policy as it was asked for. `every` is the span of `every:30d`, `times` the number of `evenly:4` (None: as the spec's)."""

    name: str
    kind: str
    every: timedelta | None
    times: int | None
    changes: Mapping[str, Any]


def read_policies(texts: Sequence[str]) -> tuple[Asked, ...]:
    """The policies of these texts; UsageError for what is none, with what was perhaps meant, and for one that is asked for twice."""
    found = tuple(_asked(text) for text in texts)
    doubled = {one.name for one in found if sum(other.name == one.name for other in found) > 1}
    if doubled:
        raise UsageError(f"policy {sorted(doubled)[0]!r} is asked for twice")
    return found


def with_changes(text: str, changes: Mapping[str, Any]) -> str:
    """The text of a flyball.toml with keys set: dotted key → value as TOML knows it, None to leave the key out."""
    document = tomllib.loads(text)
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = document
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{key}: {section} is no section of the spec but {inner!r}")
            place = inner
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return "".join(
        f"[{_key(section)}]\n" + "".join(f"{_key(name)} = {_toml(value)}\n" for name, value in keys.items())
        for section, keys in document.items()
    )


def seeded(spec: Spec, seed: int) -> dict[str, Any]:
    """The change that gives trainings a seed; UsageError if the training function has no parameter for one."""
    names = [name for name in spec.train.params if name in ("random_state", "seed", "random_seed")]
    if not names:
        raise UsageError(
            "--seed: [train] params has none of random_state, seed, random_seed", hint="give the train function such a parameter"
        )
    return {f"train.params.{name}": seed for name in names}


def policy_of(asked: Asked, text: str, base: Spec, plan: Plan, *, times: int | None = None) -> Policy:
    """The policy over the project whose flyball.toml is `text`. `times`: how often `evenly` trains where it does not say itself."""
    try:
        spec = parse_spec(with_changes(text, asked.changes), folder=base.folder)
    except SpecError as error:
        raise UsageError(f"policy {asked.name!r}: {error.message}", hint=error.hint) from error
    spec = replace(spec, rollout=replace(spec.rollout, approve="auto"))  # nobody is there to approve
    if asked.kind == "spec":
        return Policy(name=asked.name, spec=spec)
    if asked.kind in ("every", "evenly"):
        return _fixed(asked, spec, plan, times)
    if asked.kind == "performance" and spec.monitor.floor is None:
        raise UsageError(
            f"policy {asked.name!r} retrains when the model falls below its floor, and the spec has none",
            hint='add it: [monitor] floor = { metric = "brier", drop = 0.02 }',
        )
    on: Any = () if asked.kind == "never" else (asked.kind,)
    return Policy(name=asked.name, spec=replace(spec, retrain=replace(spec.retrain, on=on)))


def spaced(start: datetime, end: datetime, times: int) -> tuple[datetime, ...]:
    """`times` moments that cut a span into equal parts."""
    return tuple(start + (end - start) * number / (times + 1) for number in range(1, times + 1))


def spec_at(policy: Policy, now: datetime, *, trained: int, last: datetime) -> Spec:
    """The spec a look goes by. At fixed times only a look after the next of them asks for a training; `last`: when the last began."""
    if not policy.fixed:
        return policy.spec
    due = sum(at <= now for at in policy.at) > trained
    retrain: RetrainSpec = policy.spec.retrain
    if not due or retrain.every is None:
        return replace(policy.spec, retrain=replace(retrain, on=(), every=None))
    # looks fall between the times, so two trainings may be a little nearer than the times are
    return replace(policy.spec, retrain=replace(retrain, every=min(retrain.every, now - last)))


def _fixed(asked: Asked, spec: Spec, plan: Plan, times: int | None) -> Policy:
    """Trainings at fixed times, each promoted as soon as it is there: no gate, no comparison, no watch."""
    if asked.kind == "every":
        assert asked.every is not None
        count = max(0, -((plan.start - plan.end) // asked.every) - 1)
        at = tuple(plan.start + asked.every * number for number in range(1, count + 1))
        every = asked.every
    else:
        at = spaced(plan.start, plan.end, asked.times if asked.times is not None else times or 0)
        every = (plan.end - plan.start) / (len(at) + 1)
    metric = metric_for(spec.evaluate.metrics[0], spec.model.task)
    check = (
        GateCheck(metric=metric.name, at_least=-_ALWAYS) if metric.direction == "higher" else GateCheck(metric=metric.name, at_most=_ALWAYS)
    )
    return Policy(
        name=asked.name,
        at=at,
        fixed=True,
        spec=replace(
            spec,
            evaluate=replace(spec.evaluate, gate=(check,)),
            rollout=replace(spec.rollout, strategy="immediate", watch=timedelta(0)),
            retrain=replace(
                spec.retrain,
                on=("schedule",),
                every=every,
                cooldown=timedelta(0),
                min_outcomes=0,
                budget=1_000_000,
            ),
        ),
    )


def _asked(text: str) -> Asked:
    first, *rest = _parts(text)
    kind, colon, given = first.partition(":")
    if kind not in _SETS:
        raise UsageError(f"there is no policy {kind!r}{did_you_mean(kind, _SETS)}", hint=f"policies: {', '.join(NAMES)}")
    every, times = None, None
    if kind == "every":
        try:
            every = parse_duration(given)
        except ValueError as error:
            raise UsageError(f"policy {first!r}: {error}", hint="write for example every:30d") from None
        if not every:
            raise UsageError(f"policy {first!r} never stops training", hint="write for example every:30d")
    elif kind == "evenly" and colon:
        if not given.isdecimal():
            raise UsageError(
                f"policy {first!r}: {given!r} is no number of trainings", hint="write evenly:4, or evenly for the spec's number"
            )
        times = int(given)
    elif colon:
        raise UsageError(f"policy {kind!r} takes nothing after a colon, found {given!r}", hint=f"write {kind}")
    return Asked(name=text.strip(), kind=kind, every=every, times=times, changes=dict(_changes(rest, kind, text)))


def _changes(parts: Iterable[str], kind: str, text: str) -> Iterable[tuple[str, Any]]:
    for part in parts:
        name, equals, value = (side.strip() for side in part.partition("="))
        if not equals:
            raise UsageError(f"policy {text!r}: {part!r} sets nothing", hint="write key=value, such as retrain.window=60d")
        if "." not in name:
            if name not in SHORT:
                hint = f"short keys: {', '.join(SHORT)}; every other is written as in flyball.toml, such as monitor.margin"
                raise UsageError(f"policy {text!r}: there is no short key {name!r}{did_you_mean(name, SHORT)}", hint=hint)
            name = SHORT[name]
        _refuse_others(name, text)
        if name in _SETS[kind]:
            raise UsageError(f"policy {text!r}: {kind} sets {name} itself", hint=f"leave it out, or begin with another policy than {kind}")
        yield name, _value(value)


def _refuse_others(name: str, text: str) -> None:
    """UsageError for a key that no policy may change."""
    section = name.partition(".")[0]
    if section not in _SECTIONS:
        raise UsageError(f"policy {text!r}: there is no section [{section}]{did_you_mean(section, _SECTIONS)}")
    if _DOTTED.fullmatch(name) and any(name.startswith(f"{one}.") for one in MAY_SET):
        return
    why = "which all policies must share: they are compared on the same rows" if section in ("model", "data") else "which no policy may"
    raise UsageError(
        f"policy {text!r} changes {name}, {why}",
        hint=f"a policy may set {', '.join(f'{one}.*' for one in MAY_SET)}; what runs, and where data lies, stands in flyball.toml alone",
    )


def _parts(text: str) -> list[str]:
    """What stands between commas that are inside no brackets and no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and not depth:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts]


def _value(text: str) -> Any:
    """A value as TOML has it; what is none is a text, so that `60d` needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value) if isinstance(value, int | float) else json.dumps(str(value))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
