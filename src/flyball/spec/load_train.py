"""Reads `[train]` and `[retrain]`: how a model is trained, and when again."""

from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.core.schema import did_you_mean
from flyball.spec.reader import Section, a_function, is_plain, listed, shown
from flyball.spec.records import DataSpec, ModelSpec, Param, RetrainSpec, RolloutSpec, TrainSpec, Trigger

FILE = "flyball.toml"
_TRIGGERS: tuple[Trigger, ...] = ("performance", "drift", "schedule", "alert")
LATER_TRAIN = {
    "command": 'train with run = "module:function"',
    "python": 'train with run = "module:function" in this environment',
    "external": 'train with run = "module:function"',
    "resources": "the machine at hand is used",
}


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
    record = TrainSpec(
        run=a_function(section, "run", section.text("run", example="pipeline:train")),
        params=params,
        timeout=section.duration("timeout", timedelta(hours=6), least=timedelta(seconds=1)),
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
