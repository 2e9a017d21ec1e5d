"""Reads `[evaluate]`: what is computed on held-out rows, and what a version has to pass."""

from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.spec.reader import Section, a_metric
from flyball.spec.records import DataSpec, EvaluateSpec, Floor, GateCheck, ReplaySpec, SplitSpec, Task

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
_MOST_REPLAYED = 1_000_000


def read_evaluate(section: Section, task: Task, data: DataSpec, floor: Floor | None) -> EvaluateSpec:
    """`[evaluate]`. Metrics that the gate and the floor ask about, and columns that the gate slices by, are added to those named."""
    metrics = section.names("metrics", example="roc_auc") or _DEFAULT_METRICS[task]
    for name in metrics:
        a_metric(section, "metrics", name, task)
    slices = section.names("slices", example="plan")
    gate = _gate(section, task, slices) if section.has("gate") else _DEFAULT_GATE[task]
    asked = [check.metric for check in gate] + ([floor.metric] if floor is not None else [])
    record = EvaluateSpec(
        metrics=tuple(dict.fromkeys([*metrics, *asked])),
        split=_split(section, data),
        slices=tuple(dict.fromkeys([*slices, *(check.slice for check in gate if check.slice is not None)])),
        gate=gate,
        replay=_replay(section, task),
        untouched=section.number("untouched", EvaluateSpec.__dataclass_fields__["untouched"].default, least=0.0, most=0.5),
    )
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


def _gate(section: Section, task: Task, slices: tuple[str, ...]) -> tuple[GateCheck, ...]:
    lines = section.raw("gate")
    if not isinstance(lines, list) or not lines:
        raise section.refuse("gate", lines, 'a list such as [ { metric = "roc_auc", at_least = 0.6 } ]')
    return tuple(_line(Section(FILE, f"evaluate.gate[{number}]", line), task, slices) for number, line in enumerate(lines))


def _line(part: Section, task: Task, slices: tuple[str, ...]) -> GateCheck:
    metric = a_metric(part, "metric", part.text("metric", example="roc_auc"), task)
    kinds = [kind for kind in ("at_least", "at_most", "better", "not_worse") if part.has(kind)]
    if len(kinds) != 1:
        raise SpecError(
            f"{FILE}: {part.path} has {len(kinds)} of at_least, at_most, better, not_worse", hint="write exactly one of them per line"
        )
    kind = kinds[0]
    if kind in ("at_least", "at_most"):
        for key in ("slice", "slices"):
            if part.has(key):
                raise SpecError(
                    f"{FILE}: {part.path}.{key} goes with better and not_worse, this line has {kind}",
                    hint=f"remove {key}: in slices a version is compared with the champion",
                )
        check = GateCheck(metric=metric, **{kind: part.number(kind)})  # type: ignore[arg-type]  # kind is one of two fields
    else:
        alias = part.choice(kind, ("champion",))
        margin, column, every = part.number("margin", 0.0, least=0.0), part.maybe_text("slice"), part.flag("slices", default=False)
        if column is not None and every:
            raise SpecError(f"{FILE}: {part.path} has both slice and slices", hint="slices = true means all columns of evaluate.slices")
        if every and not slices:
            raise SpecError(f"{FILE}: {part.path}.slices = true, but evaluate.slices names no column", hint='add slices = ["plan"]')
        check = GateCheck(metric=metric, margin=margin, slice=column, slices=every, **{kind: alias})  # type: ignore[arg-type]  # as above
    part.done()
    return check


def _replay(section: Section, task: Task) -> ReplaySpec:
    """A number of rows, `false`, or a table with limits."""
    value = section.raw("replay")
    if value is None or value is True:
        return ReplaySpec()
    if value is False:
        return ReplaySpec(rows=0)
    if not isinstance(value, dict):
        return ReplaySpec(rows=_rows(section, "replay"))
    part = Section(FILE, "evaluate.replay", value)
    record = ReplaySpec(
        rows=_rows(part, "rows") if part.has("rows") else ReplaySpec().rows,
        disagree=part.number("disagree", least=0.0, most=1.0) if part.has("disagree") else None,
        latency=part.number("latency", least=1.0) if part.has("latency") else None,
    )
    if record.disagree is not None and task == "regression":
        raise SpecError(f"{FILE}: evaluate.replay.disagree goes with labels, the task is regression", hint="remove it")
    part.done()
    return record


def _rows(section: Section, key: str) -> int:
    value = section.raw(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_REPLAYED:
        raise section.refuse(key, value, f"a whole number from 1 to {_MOST_REPLAYED}, or false for no replay")
    return value
