"""Reads `flyball.toml` into a Spec, refusing whatever it does not understand."""

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import SpecError
from flyball.core.schema import did_you_mean
from flyball.core.window import format_duration
from flyball.spec.load_alerts import read_alerts
from flyball.spec.load_monitor import read_monitor
from flyball.spec.load_quality import read_quality
from flyball.spec.reader import Section, a_function, a_metric, is_plain, listed, shown
from flyball.spec.records import (
    Costs,
    DataSpec,
    EvaluateSpec,
    Floor,
    GateCheck,
    ModelSpec,
    Param,
    RetrainSpec,
    RolloutSpec,
    ServeSpec,
    Spec,
    SplitSpec,
    Task,
    TrainSpec,
    Trigger,
)
from flyball.stats.scores import loss_for

FILE = "flyball.toml"

_DEFAULT_METRICS: dict[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "brier", "accuracy", "f1"),
    "multiclass": ("accuracy", "log_loss", "f1"),
    "regression": ("rmse", "mae", "r2"),
}
# A project that names no gate still needs one that a guess cannot pass.
_DEFAULT_GATE: dict[Task, tuple[GateCheck, ...]] = {
    "binary": (GateCheck(metric="roc_auc", at_least=0.5), GateCheck(metric="brier", not_worse="champion", margin=0.002)),
    "multiclass": (GateCheck(metric="accuracy", at_least=0.5), GateCheck(metric="accuracy", not_worse="champion", margin=0.01)),
    "regression": (GateCheck(metric="r2", at_least=0.0), GateCheck(metric="r2", not_worse="champion", margin=0.02)),
}
_DEFAULT_LIVE_METRIC: dict[Task, str] = {"binary": "brier", "multiclass": "brier", "regression": "squared_error"}
_TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
_TRIGGERS: tuple[Trigger, ...] = ("performance", "drift", "schedule", "alert")
_SECTIONS = ("model", "data", "quality", "train", "evaluate", "serve", "rollout", "monitor", "alerts", "retrain")


def load_spec(folder: Path) -> Spec:
    """The spec of the project in `folder`; SpecError names the file, the place, what was found and what to write instead."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            f"there is no {FILE} in {folder}",
            hint="go to the project's folder or name it with -C DIR; `flyball init` begins a project",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}", hint="it must be a UTF-8 text file that you may read") from error
    return parse_spec(text, folder=folder)


def parse_spec(text: str, *, folder: Path) -> Spec:
    """The spec that a text says, as if it were the `flyball.toml` of `folder`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{FILE} is not TOML: {error}", hint="texts need quotes, lists need brackets, each key stands once") from error
    for name in document:
        if name not in _SECTIONS:
            guess = did_you_mean(name, _SECTIONS)
            raise SpecError(f"{FILE}: unknown section [{name}]{guess}", hint=f"known sections: {', '.join(_SECTIONS)}")
    model = _model(_section(document, "model"))
    data = _data(_section(document, "data", later={"connection": "read the query into a Parquet file first"}), model.task)
    monitor = read_monitor(_section(document, "monitor"), model.task, data)
    evaluate = _evaluate(_section(document, "evaluate"), model.task, data, monitor.floor)
    parts = {
        "model": model,
        "data": data,
        "train": _train(_section(document, "train", later=_LATER_TRAIN)),
        "evaluate": evaluate,
        "serve": _serve(_section(document, "serve")),
        "rollout": _rollout(_section(document, "rollout", later=_LATER_ROLLOUT), model, data),
        "monitor": monitor,
        "quality": read_quality(_section(document, "quality"), data),
        "alerts": read_alerts(_section(document, "alerts")),
        "retrain": _retrain(_section(document, "retrain"), data),
    }
    digest = sha256_json(to_plain({name: to_plain(part) for name, part in parts.items()}))
    return Spec(**parts, folder=folder, digest=digest)  # type: ignore[arg-type]  # the dict holds exactly the sections


_LATER_TRAIN = {
    "command": 'train with run = "module:function"',
    "python": 'train with run = "module:function" in this environment',
    "external": 'train with run = "module:function"',
    "resources": "the machine at hand is used",
}
_LATER_ROLLOUT = {
    key: 'this version knows strategy = "immediate" and "shadow"' for key in ("share", "steps", "hold", "guardrails", "approve", "holdback")
}


def _section(document: Mapping[str, object], name: str, *, later: Mapping[str, str] | None = None) -> Section:
    if name in ("model", "data", "train") and name not in document:
        raise SpecError(f"{FILE}: section [{name}] is missing", hint="a spec needs [model], [data] and [train]; see `flyball init`")
    return Section(FILE, name, document.get(name, {}), later=later)


def _model(section: Section) -> ModelSpec:
    name = section.text("name", example="churn")
    if len(name) > 200 or any(ord(c) < 32 or c in "/:" for c in name):
        raise section.refuse("name", name, "a name of at most 200 characters without /, : and control characters (MLflow's rule)")
    task = section.choice("task", _TASKS)
    costs = None
    if section.has("costs"):
        if section.has("threshold"):
            raise SpecError(f"{FILE}: model.threshold and model.costs exclude each other", hint="the threshold follows from the costs")
        prices = Section(FILE, "model.costs", section.raw("costs"))
        costs = Costs(
            false_positive=prices.number("false_positive", least=1e-12), false_negative=prices.number("false_negative", least=1e-12)
        )
        prices.done()
    if task != "binary" and (section.has("threshold") or costs is not None):
        raise SpecError(f'{FILE}: model.threshold and model.costs belong to task = "binary"', hint="remove them")
    record = ModelSpec(
        name=name,
        task=task,
        threshold=section.number("threshold", 0.5, least=0.0, most=1.0),
        costs=costs,
        influences_outcome=section.flag("influences_outcome", default=False),
    )
    section.done()
    return record


def _data(section: Section, task: Task) -> DataSpec:
    source = section.raw("source")
    if isinstance(source, dict):
        raise SpecError(
            f"{FILE}: data.source = {{ query, connection }} is not yet supported",
            hint="write the rows to a CSV or Parquet file and name it",
        )
    features = section.names("features", example="age") if section.has("features") else None
    record = DataSpec(
        source=section.text("source", example="data/customers.csv"),
        target=section.text("target", example="churned"),
        prepare=tuple(a_function(section, "prepare", name) for name in section.names("prepare", example="pipeline:prepare")),
        features=features,
        id=section.maybe_text("id"),
        unit=section.maybe_text("unit"),
        time=section.maybe_text("time"),
        outcome_time=section.maybe_text("outcome_time"),
        matures=section.duration("matures", timedelta(0)),
        no_outcome=section.choice("no_outcome", ("exclude", "negative", "unknown"), "exclude"),
    )
    section.done()
    if features is not None:
        if not features:
            raise section.refuse("features", [], "at least one column, or leave the key out to use every column")
        for column in features:
            if column in record.roles:
                raise SpecError(f"{FILE}: data.features lists {column!r}, which is the target, id, unit or a time", hint="remove it there")
    if record.time is None and record.outcome_time is not None:
        raise SpecError(f"{FILE}: data.outcome_time needs data.time", hint='add time = "the column of the event time"')
    if record.no_outcome == "negative" and task != "binary":
        raise SpecError(
            f'{FILE}: data.no_outcome = "negative" belongs to task = "binary", this is {shown(task)}',
            hint='write no_outcome = "exclude": of several classes or a number, none means that nothing happened',
        )
    if record.no_outcome == "negative" and not record.matures:
        raise SpecError(
            f'{FILE}: data.no_outcome = "negative" needs data.matures',
            hint='add matures = "30d": the age from which a prediction without outcome means that it did not happen',
        )
    return record


def _train(section: Section) -> TrainSpec:
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


def _evaluate(section: Section, task: Task, data: DataSpec, floor: Floor | None) -> EvaluateSpec:
    metrics = section.names("metrics", example="roc_auc") or _DEFAULT_METRICS[task]
    for name in metrics:
        a_metric(section, "metrics", name, task)
    gate = _gate(section, task) if section.has("gate") else _DEFAULT_GATE[task]
    # what the gate and the floor ask about is always evaluated
    asked = [check.metric for check in gate] + ([floor.metric] if floor is not None else [])
    metrics = tuple(dict.fromkeys([*metrics, *asked]))
    record = EvaluateSpec(metrics=metrics, split=_split(section, data), slices=section.names("slices", example="plan"), gate=gate)
    section.done()
    return record


def _split(section: Section, data: DataSpec) -> SplitSpec:
    natural = "time" if data.time else "unit" if data.unit else "rows"
    part = Section(FILE, "evaluate.split", section.raw("split") if section.has("split") else {})
    spanned = isinstance(part.raw("test"), str)
    record = SplitSpec(
        by=part.choice("by", ("time", "unit", "rows"), natural),  # type: ignore[arg-type]  # natural is one of them
        test=0.2 if spanned else part.number("test", 0.2, least=0.01, most=0.9),
        test_span=part.duration("test", timedelta(0), least=timedelta(minutes=1)) if spanned else None,
        seed=part.integer("seed", 0),
    )
    part.done()
    if record.by == "time" and data.time is None:
        raise part.refuse("by", "time", "data.time first, or split by unit or rows")
    if record.test_span is not None and record.by != "time":
        raise part.refuse("test", part.raw("test"), 'a share such as 0.2; a span needs by = "time"')
    if record.by == "unit" and data.unit is None:
        raise part.refuse("by", "unit", "data.unit first, or split by time or rows")
    return record


def _gate(section: Section, task: Task) -> tuple[GateCheck, ...]:
    lines = section.raw("gate")
    if not isinstance(lines, list) or not lines:
        raise section.refuse("gate", lines, 'a list such as [ { metric = "roc_auc", at_least = 0.6 } ]')
    checks = []
    for number, line in enumerate(lines):
        part = Section(FILE, f"evaluate.gate[{number}]", line)
        metric = a_metric(part, "metric", part.text("metric", example="roc_auc"), task)
        kinds = [kind for kind in ("at_least", "at_most", "better", "not_worse") if part.has(kind)]
        if len(kinds) != 1:
            raise SpecError(
                f"{FILE}: {part.path} has {len(kinds)} of at_least, at_most, better, not_worse", hint="write exactly one of them per line"
            )
        kind = kinds[0]
        if kind in ("better", "not_worse"):
            alias = part.choice(kind, ("champion",))
            checks.append(
                GateCheck(metric=metric, margin=part.number("margin", 0.0, least=0.0), **{kind: alias})  # type: ignore[arg-type]  # kind is one of two fields
            )
        else:
            checks.append(GateCheck(metric=metric, **{kind: part.number(kind)}))  # type: ignore[arg-type]  # kind is one of two fields
        part.done()
    return tuple(checks)


def _serve(section: Section) -> ServeSpec:
    address = section.text("address", "127.0.0.1:8000")
    match = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})", address)
    if match is None or int(match[2]) > 65535:
        raise section.refuse("address", address, '"127.0.0.1:8000"')
    record = ServeSpec(
        host=match[1].strip("[]"),
        port=int(match[2]),
        workers=section.integer("workers", 1, least=1),
        log=section.choice("log", ("available", "required"), "available"),
        unseen=section.choice("unseen", ("count", "refuse"), "count"),
    )
    section.done()
    return record


def _rollout(section: Section, model: ModelSpec, data: DataSpec) -> RolloutSpec:
    natural = "immediate" if model.influences_outcome else "shadow"
    metric = a_metric(section, "metric", section.text("metric", _DEFAULT_LIVE_METRIC[model.task]), model.task)
    try:
        loss_for(metric, model.task)
    except SpecError as error:
        raise SpecError(f"{FILE}: rollout.metric: {error.message}", hint=error.hint) from None
    days = section.integer("min_days", 7)
    needed = timedelta(days=days) + data.matures
    record = RolloutSpec(
        strategy=section.choice("strategy", ("immediate", "shadow"), natural, later=("canary", "experiment", "bandit")),  # type: ignore[arg-type]
        metric=metric,
        deadline=section.duration("deadline", max(timedelta(days=14), needed + timedelta(days=7)), least=timedelta(minutes=1)),
        alpha=section.number("alpha", RolloutSpec.__dataclass_fields__["alpha"].default, least=1e-6, most=0.5),
        margin=section.number("margin", 0.0, least=0.0),
        min_days=days,
        watch=section.duration("watch", RolloutSpec.__dataclass_fields__["watch"].default),
    )
    section.done()
    if record.strategy == "shadow" and model.influences_outcome:
        raise SpecError(
            f'{FILE}: rollout.strategy = "shadow" cannot judge a model with model.influences_outcome = true',
            hint="its answers change what happens, so both models cannot be scored on the same outcome; "
            'a randomised experiment is needed and not yet supported: use strategy = "immediate", decided by the gate',
        )
    if record.strategy == "shadow" and record.deadline < needed:
        raise SpecError(
            f'{FILE}: rollout.deadline = "{format_duration(record.deadline)}" comes before anything can be decided: {days} live days '
            f"(rollout.min_days) have matured after {format_duration(needed)} (data.matures = {format_duration(data.matures)})",
            hint=f'write deadline = "{format_duration(needed + timedelta(days=7))}" or more, or leave it out',
        )
    return record


def _retrain(section: Section, data: DataSpec) -> RetrainSpec:
    on: tuple[Trigger, ...] = ("performance", "drift")
    if section.has("on"):
        named = section.names("on", example="performance")
        for name in named:
            if name not in _TRIGGERS:
                raise section.refuse("on", name, f"a list of {listed(_TRIGGERS)}{did_you_mean(name, _TRIGGERS)}")
        on = tuple(trigger for trigger in _TRIGGERS if trigger in named)
    window = None
    if section.has("window") and section.raw("window") != "all":
        if section.raw("window") == "since_change":
            raise SpecError(f'{FILE}: retrain.window = "since_change" is not yet supported', hint='write "all" or a span such as "90d"')
        window = section.duration("window", timedelta(0), least=timedelta(minutes=1))
    record = RetrainSpec(
        on=on,
        source=section.choice("from", ("source", "log", "source+log"), "source"),
        window=window,
        every=section.duration("every", timedelta(0), least=timedelta(minutes=1)) if section.has("every") else None,
        cooldown=section.duration("cooldown", timedelta(days=7)),
        min_outcomes=section.integer("min_outcomes", 1000, least=1),
    )
    section.done()
    if "schedule" in on and record.every is None:
        raise SpecError(f'{FILE}: retrain.on names "schedule", but retrain.every is missing', hint='add every = "30d"')
    if window is not None and data.time is None:
        raise SpecError(f"{FILE}: retrain.window needs data.time", hint='add time = "the column of the event time" under [data]')
    return record
