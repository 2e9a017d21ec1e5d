"""Reads `[train]` and `[retrain]`: how a model is trained, and when again."""

import shlex
from datetime import timedelta
from urllib.parse import urlsplit

from flyball.core.errors import SpecError
from flyball.core.schema import did_you_mean
from flyball.spec.reader import Section, a_function, is_plain, listed, shown
from flyball.spec.records import DataSpec, External, ModelSpec, Param, RetrainSpec, RolloutSpec, TrainSpec, Trigger

FILE = "flyball.toml"
_TRIGGERS: tuple[Trigger, ...] = ("performance", "drift", "schedule", "alert")
_WAYS = ("run", "command", "external")


def read_train(section: Section) -> TrainSpec:
    """`[train]`."""
    params: dict[str, Param] = {}
    if section.has("params"):
        given = section.raw("params")
        if not isinstance(given, dict):
            raise section.refuse("params", given, "{ n_estimators = 100 }")
        for key, value in given.items():
            if not is_plain(value):
                raise SpecError(
                    f"{FILE}: train.params.{key} = {shown(value)} cannot be used",
                    hint="write a text, a number that is finite and, if whole, below 2^53, true or false",
                )
            params[key] = value
    ways = [way for way in _WAYS if section.has(way)]
    if len(ways) > 1:
        raise SpecError(
            f"{FILE}: [train] names {' and '.join(ways)}, and a model is trained in one way",
            hint="keep one of them: run (a function of yours), command (a command of yours) or external (another system)",
        )
    python = section.text("python", example=".venv/bin/python") if section.has("python") else ""
    if python and ways not in ([], ["run"]):
        raise SpecError(
            f"{FILE}: train.python says which interpreter calls train.run, and there is no train.run",
            hint="name the interpreter in the command itself" if ways == ["command"] else "leave it out: the other system trains",
        )
    record = TrainSpec(
        run="" if ways in (["command"], ["external"]) else a_function(section, "run", section.text("run", example="pipeline:train")),
        params=params,
        timeout=section.duration("timeout", timedelta(hours=6), least=timedelta(seconds=1)),
        command=_command(section) if ways == ["command"] else (),
        python=python,
        external=_external(section) if ways == ["external"] else None,
    )
    section.done()
    return record


def read_retrain(section: Section, model: ModelSpec, data: DataSpec, rollout: RolloutSpec) -> RetrainSpec:
    """`[retrain]`."""
    shaped = model.influences_outcome and not rollout.holdback
    on: tuple[Trigger, ...] = () if shaped else ("performance", "drift")
    if section.has("on"):
        named = section.names("on", example="performance")
        for name in named:
            if name not in _TRIGGERS:
                raise section.refuse("on", name, f"a list of {listed(_TRIGGERS)}{did_you_mean(name, _TRIGGERS)}")
        on = tuple(trigger for trigger in _TRIGGERS if trigger in named)
    if on and shaped:
        raise SpecError(
            f"{FILE}: retrain.on asks for trainings of a model whose answers change their own labels (model.influences_outcome)",
            hint="such a model learns what it did itself: keep a share of the units out of its hands with rollout.holdback = 0.02, "
            "or write retrain.on = [] and train by hand",
        )
    window, since_change = None, section.raw("window") == "since_change"
    if section.has("window") and section.raw("window") not in ("all", "since_change"):
        window = section.duration("window", timedelta(0), least=timedelta(minutes=1))
    record = RetrainSpec(
        on=on,
        source=section.choice("from", ("source", "log", "source+log"), "source"),
        window=window,
        since_change=since_change,
        every=section.duration("every", timedelta(0), least=timedelta(minutes=1)) if section.has("every") else None,
        cooldown=section.duration("cooldown", timedelta(days=7)),
        min_outcomes=section.integer("min_outcomes", 1000, least=1),
        budget=section.integer("budget", RetrainSpec.__dataclass_fields__["budget"].default, least=1),
    )
    section.done()
    if "schedule" in on and record.every is None:
        raise SpecError(f'{FILE}: retrain.on names "schedule", but retrain.every is missing', hint='add every = "30d"')
    if (window is not None or since_change) and data.time is None:
        raise SpecError(f"{FILE}: retrain.window needs data.time", hint='add time = "the column of the event time" under [data]')
    return record


def _command(section: Section) -> tuple[str, ...]:
    """The words of a command: a list of them, or one text as a shell would take it apart."""
    value, example = section.raw("command"), 'a command such as "docker run trainer {exchange}", or the list of its words'
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise SpecError(
                f"{FILE}: train.command = {shown(value)} cannot be taken apart: {error}", hint="close the quotes, or write a list of words"
            ) from None
    elif isinstance(value, list) and all(isinstance(word, str) for word in value):
        words = list(value)
    else:
        raise section.refuse("command", value, example)
    if not words or not words[0].strip() or any("\0" in word for word in words):
        raise section.refuse("command", value, example)
    return tuple(words)


def _external(section: Section) -> External:
    value = section.raw("external")
    if not isinstance(value, dict):
        raise section.refuse("external", value, '{ kind = "webhook", url = "https://..." } (or kind = "repository_dispatch")')
    inner = Section(FILE, "train.external", value)
    record = External(
        kind=inner.choice("kind", ("webhook", "repository_dispatch")),
        url=inner.text("url", example="https://ci.example.com/hooks/train"),
        token=inner.text("token", example="env:TRAIN_TOKEN") if inner.has("token") else "",
    )
    inner.done()
    if not record.url.startswith("env:"):
        parts = urlsplit(record.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise inner.refuse("url", record.url, 'an address such as "https://ci.example.com/hooks/train", or "env:NAME"')
    if record.token and not record.token.startswith("env:"):
        raise SpecError(
            f"{FILE}: train.external.token holds the token itself, which everybody who reads the file could use",
            hint='put it into a variable where the loop runs and write token = "env:TRAIN_TOKEN"',
        )
    return record
