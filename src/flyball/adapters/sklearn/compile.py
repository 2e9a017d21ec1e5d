"""From a fitted estimator to the fastest engine that answers as it does: flat trees or weights, else ONNX, else its own code.

Every candidate scores the evaluation rows, and rows made for finding differences, beside the estimator itself. ONNX is made even where a
flat model serves: it answers on machines where the kernel was not built.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.convert import convert, native_scores
from flyball.adapters.sklearn.edges import edge_rows
from flyball.adapters.sklearn.parity import acceptable, parity, why_not
from flyball.adapters.sklearn.tail import PLAN, TREES, TailEngine, find_tail, tail_engine
from flyball.adapters.trees import engine as trees_engine
from flyball.adapters.trees import linear as linear_engine
from flyball.adapters.trees.engine import FlatEngine
from flyball.adapters.trees.features import last_step
from flyball.adapters.trees.flat import CATEGORICAL, SLOT_MASK, FlatTrees, to_bytes
from flyball.adapters.trees.flatten import flatten
from flyball.adapters.trees.flatten_linear import flatten_linear
from flyball.adapters.trees.to_onnx import to_onnx
from flyball.core.codec import to_json
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Table, concat
from flyball.registry.records import EngineName, Parity
from flyball.serving.engine import Engine, settle
from flyball.spec.records import Task

Scores = NDArray[np.float64]

ONNX_FILE = "model.onnx"
_FLAT: tuple[tuple[EngineName, str, Callable[[Any, Schema, Task], FlatTrees]], ...] = (
    ("trees", trees_engine.FILE, flatten),
    ("linear", linear_engine.FILE, flatten_linear),
)
_OTHER_TREES = {"xgboost", "lightgbm", "catboost"}
_THRESHOLDS: Mapping[EngineName, str] = {
    "trees": "numbers stay float64; every cut is the largest float64 that the trained model sends the same way",
    "linear": "numbers stay float64",
    "native": "numbers stay float64 in the part that is compiled",
    "onnx": "numbers are rounded to the width of the model's inputs, float32 unless steps calculate before a tree model",
}


@record
class Compiled:
    """What will serve. `files`: name in the bundle → content; empty for the engine native. `scores` are the engine's, settled."""

    engine: EngineName
    reason: str
    files: Mapping[str, bytes]
    scores: Scores
    parity: Parity | None


@record
class Case:
    """A fitted estimator and the rows it is judged on: as it reads them (`frame`) and as engines do (`table`); `native`: its scores."""

    estimator: Any
    schema: Schema
    task: Task
    threshold: float
    classes: int
    frame: pd.DataFrame
    table: Table
    native: Scores


@record
class _Candidate:
    engine: Engine | TailEngine
    files: Mapping[str, bytes]
    scores: Scores
    parity: Parity
    edges: list[tuple[Table, Scores]]
    trees: FlatTrees | None = None


def compile_model(case: Case) -> Compiled:
    """The fastest engine whose answers agree, or native with the step that prevented another and what that costs."""
    flat, not_flat = _flat(case)
    onnx, not_onnx = _attempt(partial(_onnx, case, flat))
    files: dict[str, bytes] = {}
    for found, why in ((flat, not_flat), (onnx, not_onnx)):
        if found is not None and not why:
            files |= found.files
    for found, why in ((flat, not_flat), (onnx, not_onnx)):
        if found is not None and not why:
            return Compiled(engine=found.engine.name, reason="", files=files, scores=found.scores, parity=found.parity)
    why = not_onnx
    if not_flat and flat is not None:  # it is a forest or linear, and something else is wrong with it
        why = f"{not_flat}; {not_onnx}"
    tried = next((found for found in (flat, onnx) if found is not None), None)
    tail, no_tail = _attempt(partial(_with_tail, case))
    if tail is not None and not no_tail:
        fast = _seconds(lambda: tail.engine.score(case.table.take(slice(0, 1))), 5)
        told = f"{why}. {_cost(case, tried)}; with the steps behind it compiled, as it serves, it takes {_spell(fast)}"
        return Compiled(engine="native", reason=told, files=tail.files, scores=tail.scores, parity=tail.parity)
    return Compiled(
        engine="native",
        reason=f"{why}. {_cost(case, tried)}",
        files={},
        scores=settle(case.native, task=case.task, threshold=case.threshold),
        parity=None if tried is None else tried.parity,
    )


def _flat(case: Case) -> tuple[_Candidate | None, str]:
    why = ""
    for name, file, make in _FLAT:
        found, why = _attempt(partial(_flat_one, case, name, file, make))
        if found is not None:
            return found, why
    return None, why


def _attempt(make: Callable[[], _Candidate]) -> tuple[_Candidate | None, str]:
    """A candidate, and why it cannot serve (empty: it can)."""
    try:
        found = make()
    except FlyballError as error:
        return None, error.message
    except Exception as error:  # noqa: BLE001 - any converter or runtime may fail in its own way; the trained model still serves natively
        return None, f"the compiled model does not run: {type(error).__name__}: {error}"
    if not acceptable(found.parity):
        return found, why_not(found.parity)
    judged = found.parity
    if found.engine.name != "onnx" and (judged.edge_differing or judged.edge_largest > judged.tolerance):
        return found, (
            f"the compiled model agrees on the evaluation rows, but of {judged.edge_rows} rows made to find differences it answers"
            f" {judged.edge_differing} differently, by up to {judged.edge_largest:.2g}"
        )
    return found, ""


def _flat_one(case: Case, name: EngineName, file: str, make: Callable[[Any, Schema, Task], FlatTrees]) -> _Candidate:
    trees = make(case.estimator, case.schema, case.task)
    outputs = case.native.shape[1] if case.task == "regression" and case.native.ndim == 2 else 1
    engine = FlatEngine(
        trees, schema=case.schema, task=case.task, classes=case.classes, threshold=case.threshold, outputs=outputs, name=name
    )
    return _judged(case, engine, {file: to_bytes(trees)}, _edges(case, _cuts_of(trees, case.schema)), trees)


def _onnx(case: Case, flat: _Candidate | None) -> _Candidate:
    """scikit-learn's models by its converters, other libraries' trees from their flat form, networks by PyTorch's exporter."""
    last = last_step(case.estimator)
    library = {base.__module__.partition(".")[0] for base in type(last).__mro__}
    if flat is not None and flat.trees is not None and library & _OTHER_TREES:
        content = to_onnx(flat.trees, case.schema, case.task)
    elif "torch" in sys.modules and _holds_module(last):
        from flyball.adapters.torch.export import convert_torch

        some = min(200, case.table.rows)
        sample = case.table.select(case.schema.names).take(slice(0, some))
        content = convert_torch(case.estimator, case.schema, case.task, case.classes, sample, case.native[:some])
    else:
        content = convert(case.estimator, case.schema, case.task, case.frame.head(20))
    engine = OnnxEngine(content, schema=case.schema, task=case.task, classes=case.classes, threshold=case.threshold)
    return _judged(case, engine, {ONNX_FILE: content}, _edges(case, {}) if flat is None else flat.edges)


def _holds_module(estimator: Any) -> bool:
    from flyball.adapters.torch.export import module_of

    return module_of(estimator) is not None


def _with_tail(case: Case) -> _Candidate:
    """A pipeline whose first steps run in their own code and whose last ones are compiled."""
    plan, trees = find_tail(case.estimator, case.frame.head(200), case.task)
    outputs = case.native.shape[1] if case.task == "regression" and case.native.ndim == 2 else 1
    flat = tail_engine(trees, plan, task=case.task, classes=case.classes, threshold=case.threshold, outputs=outputs)
    engine = TailEngine(case.estimator, plan, flat, case.schema.names)
    return _judged(case, engine, {PLAN: to_json(plan).encode(), TREES: to_bytes(trees)}, _edges(case, {}), trees)


def _judged(
    case: Case, engine: Engine | TailEngine, files: Mapping[str, bytes], edges: list[tuple[Table, Scores]], trees: FlatTrees | None = None
) -> _Candidate:
    scores = engine.score(case.table.select(case.schema.names))
    found = parity(scores, case.native, task=case.task, threshold=case.threshold)
    rows, differing, largest = 0, 0, 0.0
    for table, native in edges:
        edge = parity(engine.score(table), native, task=case.task, threshold=case.threshold, tolerance=found.tolerance)
        rows, differing, largest = rows + edge.rows, differing + edge.differing_labels, max(largest, edge.largest_difference)
    judged = Parity(
        rows=found.rows,
        differing_labels=found.differing_labels,
        largest_difference=found.largest_difference,
        tolerance=found.tolerance,
        edge_rows=rows,
        edge_differing=differing,
        edge_largest=largest,
        thresholds=_THRESHOLDS[engine.name],
    )
    return _Candidate(engine=engine, files=files, scores=scores, parity=judged, edges=edges, trees=trees)


def _edges(case: Case, cuts: Mapping[str, Scores]) -> list[tuple[Table, Scores]]:
    """The rows made for it that the trained model answers, with its answers; asked in one call if it answers all but infinite values."""
    if not case.table.rows:
        return []
    kinds = edge_rows(case.schema, case.table, cuts)
    infinite = [kinds.pop(kind) for kind in ("infinite",) if kind in kinds]
    found: list[tuple[Table, Scores]] = []
    together = [concat(list(kinds.values()))] if kinds else []
    for tables in (together, infinite):
        for table in tables:
            native = _answers(case, table)
            if native is not None:
                found.append((table, native))
    if together and not (found and found[0][0] is together[0]):
        each = [(table, _answers(case, table)) for table in kinds.values()]
        found += [(table, native) for table, native in each if native is not None]
    return found


def _answers(case: Case, table: Table) -> Scores | None:
    """What the trained model says of rows made for it; None if it refuses them (infinite values, missing ones it never saw)."""
    try:
        found = native_scores(case.estimator, to_frame(table, case.schema.names), case.task)
    except Exception:  # noqa: BLE001 - a refusal, of whatever kind, is an answer: there is nothing to compare with
        return None
    return found if np.isfinite(found).all() else None


def _cuts_of(trees: FlatTrees, schema: Schema) -> dict[str, Scores]:
    """The values at which the nodes of a forest decide, by column."""
    inner = (trees.slot != 0) & ((trees.slot & CATEGORICAL) == 0)
    column = trees.slot_column[trees.slot[inner] & SLOT_MASK]
    cuts = trees.threshold[inner]
    return {name: np.unique(cuts[column == at]) for at, name in enumerate(schema.names) if at not in trees.texts}


def _cost(case: Case, tried: _Candidate | None) -> str:
    """What a row costs natively, and what it would cost compiled: measured where there is something compiled, or its last step alone."""
    row = case.frame.head(1)
    own = _seconds(lambda: native_scores(case.estimator, row, case.task), 5)
    if tried is not None:
        engine = tried.engine
        assert not isinstance(engine, TailEngine), "what was tried is a whole model"
        values = [[None if value != value else value for value in line] for line in row.astype(object).to_numpy().tolist()]
        fast, what = _seconds(lambda: engine.score_rows(values), 200), "compiled it would take"
    else:
        fast, what = _tail(case)
    return f"A row takes {_spell(own)} in its own code; {what} {_spell(fast)}"


def _tail(case: Case) -> tuple[float, str]:
    """The last step alone, reading numbers; where that cannot be compiled either, what compiled models usually take."""
    last = last_step(case.estimator)
    width = getattr(last, "n_features_in_", 0)
    schema = Schema(columns=tuple(Column(name=f"x{at}", kind="number", nullable=True) for at in range(width)))
    for name, _, make in _FLAT:
        try:
            engine = FlatEngine(
                make(last, schema, case.task), schema=schema, task=case.task, classes=case.classes, threshold=case.threshold, name=name
            )
            line = [0.5] * width
            fast = _seconds(partial(engine.score_rows, [line]), 200)
            return fast, f"its last step ({type(last).__name__}) compiled takes"
        except (FlyballError, AttributeError, ValueError, TypeError):
            continue
    return 20e-6, "compiled models usually take about"


def _seconds(call: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def _spell(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"
