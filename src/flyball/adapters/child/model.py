"""In the child: what a model of MLflow answers, found out by trying it, and the engine it can be served with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort

from flyball.adapters.child.rows import GENERATED, known_categories, rows_like
from flyball.adapters.mlflow.data_flavors import estimator_of_data
from flyball.adapters.mlflow.described import Described, numbered, with_categories
from flyball.adapters.mlflow.estimator import as_called, call, columns_of, estimator_in, labels_of, one_hot, open_model, values_of
from flyball.adapters.mlflow.native import CALL, Calling
from flyball.adapters.onnx.engine import MODEL, VECTOR, OnnxEngine
from flyball.adapters.onnx.flavor import adapt
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.compile import Case, compile_model
from flyball.core.codec import to_json
from flyball.core.errors import UnsupportedError
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.registry.records import EngineName, Parity
from flyball.serving.engine import Scores, settle
from flyball.serving.records import Label
from flyball.spec.records import Task

_FEW = 100  # rows that are made up for a model of which each call may be slow
_MOST_CLASSES = 1000


@record
class Tried:
    """What was found out: what the model answers, the engine, and the bundle's files but the reference. `native`: its own folder too.

    `score` says what will be served for some rows, and `example` are the model's own.
    """

    task: Task
    schema: Schema
    classes: tuple[Label, ...]
    outputs: tuple[str, ...]
    probabilities: bool
    engine: EngineName
    engine_reason: str
    parity: Parity | None
    files: Mapping[str, bytes]
    native: bool
    notes: tuple[str, ...]
    score: Callable[[Table], Scores]
    example: Table | None


@record
class _Opened:
    """A model in this process; `asks` is the method that is called, `rows` were tried and `said` is what it answered."""

    model: Any
    asks: str
    calling: Calling
    schema: Schema
    example: Table | None
    rows: Table
    said: Any

    def call(self, table: Table) -> Any:
        return call(self.model, self.asks, as_called(table.select(self.schema.names), self.calling))


@record
class _Answers:
    """What the answers of a model mean. `why_native`: why it is not compiled, empty if that is to be tried."""

    task: Task
    classes: tuple[Label, ...] = ()
    outputs: tuple[str, ...] = ()
    probabilities: bool = True
    why_native: str = ""
    notes: tuple[str, ...] = ()

    def scores(self, said: Any) -> Scores:
        """The scores in an answer, as engines give them, not settled."""
        if not self.probabilities:
            scores = one_hot(labels_of(said), self.classes)
        elif self.task == "regression":
            values = values_of(said)
            return values if self.outputs else values[:, 0]
        else:
            scores = np.asarray(said, dtype=np.float64)
        return scores[:, 1] if self.task == "binary" else scores


@record
class _Engine:
    """What the model is served with."""

    name: EngineName
    reason: str
    parity: Parity | None
    files: Mapping[str, bytes]


def tried_onnx(found: Described, data: Table | None, classes: Sequence[Label]) -> Tried:
    """An ONNX model as it is, with our inputs and outputs around it. Nothing in it can run code."""
    content = _onnx_bytes(found)
    adapted = adapt(content, found.schema)
    named = tuple(classes) or adapted.classes
    if adapted.classes and len(named) != len(adapted.classes):
        raise UnsupportedError(f"the model knows {len(adapted.classes)} classes, and {len(named)} were named")
    task, schema = adapted.task, adapted.schema
    engine = OnnxEngine(adapted.content, schema=schema, task=task, classes=len(named), threshold=0.5)
    rows = rows_like(schema, found.example if data is None else data)
    scores = engine.score(rows)
    if scores.shape[:1] != (rows.rows,) or (adapted.outputs and scores.ndim != 2):
        raise UnsupportedError(f"the ONNX model gives {scores.size} numbers for {rows.rows} rows")
    if adapted.label and not classes:
        _check_labels(adapted.content, adapted.classes, schema, rows)
    outputs = found.outputs if len(found.outputs) == len(adapted.outputs) else adapted.outputs
    return Tried(
        task=task,
        schema=schema,
        classes=named,
        outputs=outputs,
        probabilities=True,
        engine="onnx",
        engine_reason="",
        parity=None,
        files={MODEL: adapted.content},
        native=False,
        notes=("engine onnx: the model is ONNX already and is run as it is",),
        score=engine.score,
        example=found.example,
    )


def tried_data(found: Described, data: Table | None, classes: Sequence[Label]) -> Tried | None:
    """A model of a library that wrote it as data: read without running code, and compiled. None for a model that needs more."""
    estimator = estimator_of_data(found)
    return None if estimator is None else _tried(estimator, found, data, classes, "")


def tried_trusted(found: Described, data: Table | None, classes: Sequence[Label], reason: str) -> Tried:
    """Open the model (which runs its code), see what it answers, and compile it if that comes to the same answers.

    `reason`: why it is no engine as it is, empty if nobody tried.
    """
    return _tried(estimator_in(open_model(found.folder)), found, data, classes, reason)


def _tried(model: Any, found: Described, data: Table | None, classes: Sequence[Label], reason: str) -> Tried:
    opened = _opened(model, found, found.example if data is None else data)
    answers = _answers(opened, classes, found.outputs)
    native = answers.scores(opened.said)
    engine = _compiled(opened, answers, native) if not reason else _Engine(name="native", reason=reason, parity=None, files={})
    if engine.name == "native":
        engine = replace(engine, files={CALL: to_json(replace(opened.calling, labels=not answers.probabilities)).encode()})

    def by_itself(table: Table) -> Scores:
        return settle(answers.scores(opened.call(table)), task=answers.task, threshold=0.5)

    return Tried(
        task=answers.task,
        schema=opened.schema,
        classes=answers.classes,
        outputs=answers.outputs,
        probabilities=answers.probabilities,
        engine=engine.name,
        engine_reason=engine.reason,
        parity=engine.parity,
        files=engine.files,
        native=engine.name == "native",
        notes=(*answers.notes, _told(engine, opened)),
        score=by_itself,
        example=found.example,
    )


def _opened(model: Any, found: Described, example: Table | None) -> _Opened:
    """Try a model: with rows that lack numbers if it bears them, without if not, else with its example alone."""
    mlflows = type(model).__name__ == "PyFuncModel"
    asks = "predict_proba" if hasattr(model, "predict_proba") and hasattr(model, "classes_") else "predict"
    schema = found.schema or _schema_of(model, found.folder.name)
    schema = with_categories(schema, known_categories(model, schema.names))
    opened = _Opened(
        model=model,
        asks=asks,
        calling=replace(found.calling, estimator=not mlflows),
        schema=schema,
        example=example,
        rows=Table({}),
        said=None,
    )
    count = _FEW if mlflows else GENERATED
    tries = [(rows_like(schema, example, rows=count, missing=missing), missing) for missing in (True, False)]
    if example is not None and example.rows:
        tries.append((example, False))
    trouble: Exception | None = None
    for rows, missing in tries:
        try:
            said = opened.call(rows)
            if _finite(said):
                return replace(opened, rows=rows, said=said, schema=_nullable(schema) if missing else schema)
        except Exception as error:  # noqa: BLE001 - a model may say in any way that it takes no such rows
            trouble = error
    why = f"{type(trouble).__name__}: {str(trouble)[:300]}" if trouble is not None else "its answers are not finite numbers"
    raise UnsupportedError(
        f"the model ({type(model).__name__}) cannot answer rows of its own columns: {why}",
        hint="log it with an input example: log_model(..., input_example=frame.head(5))",
    )


def _schema_of(model: Any, what: str) -> Schema:
    """The columns of an estimator that was logged without signature and example."""
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return Schema(columns=tuple(Column(name=str(name), kind="number", nullable=False) for name in names))
    width = getattr(model, "n_features_in_", 0)
    if not width:
        raise UnsupportedError(
            f"the model in {what} does not say which columns it reads: it has neither a signature nor an input example",
            hint="log it again with one: log_model(..., input_example=frame.head(5))",
        )
    return numbered(int(width))


def _nullable(schema: Schema) -> Schema:
    return Schema(columns=tuple(replace(column, nullable=column.nullable or column.kind == "number") for column in schema.columns))


def _finite(said: Any) -> bool:
    try:
        return bool(np.isfinite(values_of(said)).all())
    except (TypeError, ValueError):  # texts
        return True


def _answers(opened: _Opened, classes: Sequence[Label], names: Sequence[str]) -> _Answers:
    """What the model's answers to the tried rows say of its task."""
    own = getattr(opened.model, "classes_", None)
    own = own if own is not None and len(own) else None  # some regressors have an empty one
    if opened.asks == "predict_proba":
        if isinstance(opened.said, list) or isinstance(own, list):
            raise UnsupportedError("the model answers several questions at once with probabilities for each, which cannot be served")
        known = tuple(np.asarray(own).tolist())
        if len(known) < 2:
            raise UnsupportedError(f"the model knows {len(known)} class only, so there is nothing to predict")
        return _Answers(task="binary" if len(known) == 2 else "multiclass", classes=known)
    columns = columns_of(opened.said)
    if columns is not None and len(columns) > 1:
        texts = [name for name, values in columns.items() if _texts(values)]
        if texts:
            raise UnsupportedError(
                f"the model answers with {len(columns)} columns and not all are numbers ({', '.join(texts)[:200]}), which cannot be served",
                hint="answer with one column of labels, or with numbers only",
            )
        return _Answers(task="regression", outputs=tuple(columns), why_native="it answers with a frame")
    said = next(iter(columns.values())) if columns else np.asarray(opened.said)
    if classes or own is not None or _texts(said):
        return _labelled(labels_of(said), tuple(classes) or (None if own is None else tuple(np.asarray(own).tolist())))
    called = "" if opened.calling.estimator else "MLflow's pyfunc flavour can only be called"
    wide = 1 if said.ndim < 2 else int(np.prod(said.shape[1:]))
    if wide > 1:
        named = tuple(names) if len(names) == wide else tuple(f"output_{at}" for at in range(wide))
        return _Answers(task="regression", outputs=named, why_native=called)
    return _Answers(task="regression", why_native=called)


def _labelled(said: Sequence[Label], known: tuple[Label, ...] | None) -> _Answers:
    """A model that names classes and gives no probabilities."""
    found = known or tuple(sorted(set(said), key=lambda label: (str(type(label)), label)))
    if len(found) < 2:
        raise UnsupportedError(
            f"the model answered {len(said)} rows with one label, {found[0] if found else ''!r}: its other classes are not known",
            hint="name them all: --classes no,yes",
        )
    if len(found) > _MOST_CLASSES:
        raise UnsupportedError(f"the model answers with text, {len(found)} different ones for {len(said)} rows: that is not a class")
    if strange := set(said) - set(found):
        told = ", ".join(sorted(map(str, strange))[:5])
        raise UnsupportedError(f"the model answers {told}, which is not among its classes", hint="name them all: --classes no,yes")
    shown = ", ".join(map(str, found[:20]))
    guessed = () if known else (f"classes: {shown}, as found in its answers to {len(said)} rows; --classes names them all",)
    return _Answers(
        task="binary" if len(found) == 2 else "multiclass",
        classes=found,
        probabilities=False,
        why_native="it names classes and gives no probabilities",
        notes=("it gives no probabilities, so answers have no confidence", *guessed),
    )


def _texts(values: Any) -> bool:
    array = np.asarray(values)
    return array.dtype.kind in "USb" or (array.dtype.kind == "O" and any(isinstance(one, str | bool) for one in array.reshape(-1).tolist()))


def _compiled(opened: _Opened, answers: _Answers, native: Scores) -> _Engine:
    """The fastest engine that gives the same answers to the tried rows."""
    if answers.why_native:
        return _Engine(name="native", reason=answers.why_native, parity=None, files={})
    case = Case(
        estimator=opened.model,
        schema=opened.schema,
        task=answers.task,
        threshold=0.5,
        classes=len(answers.classes),
        frame=to_frame(opened.rows, opened.schema.names),
        table=opened.rows,
        native=native,
    )
    try:
        found = compile_model(case)
    except Exception as error:  # noqa: BLE001 - a model is served by itself, whatever keeps it from being compiled
        return _Engine(name="native", reason=f"it cannot be compiled: {type(error).__name__}: {error}", parity=None, files={})
    return _Engine(name=found.engine, reason=found.reason, parity=found.parity, files=found.files)


def _told(engine: _Engine, opened: _Opened) -> str:
    """In a sentence: what it is served with and why."""
    if engine.name == "native":
        return f"engine native: {engine.reason}; the model itself runs, in a process of its own"
    assert engine.parity is not None
    of_example = 0 if opened.example is None else opened.example.rows
    return (
        f"engine {engine.name}: compiled, and compared with the model itself on {engine.parity.rows} rows ({of_example} of its own example,"
        f" the others made up like them): every label agrees, the largest difference is {engine.parity.largest_difference:.1g}"
    )


def _onnx_bytes(found: Described) -> bytes:
    """The file of the flavour ONNX."""
    name = str(found.flavors["onnx"].get("data", "model.onnx"))
    path = (found.folder / name).resolve()
    if not path.is_relative_to(found.folder.resolve()):
        raise UnsupportedError("the model names a file outside its folder")
    files = [path] if path.is_file() else sorted(path.glob("*.onnx")) if path.is_dir() else []
    if len(files) != 1:
        raise UnsupportedError(f"the flavour onnx names {name!r}, where {len(files)} ONNX files are")
    return files[0].read_bytes()


def _check_labels(content: bytes, classes: Sequence[Label], schema: Schema, rows: Table) -> None:
    """UnsupportedError unless the class that the model names itself is the most probable one, as we take its classes to be."""
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    kinds = {given.name: np.float64 if given.type == "tensor(double)" else np.float32 for given in session.get_inputs()}
    feed: dict[str, Any] = {}
    if schema.numeric:
        feed[VECTOR] = np.column_stack([rows[name].astype(kinds[VECTOR]) for name in schema.names])
    for column in () if schema.numeric else schema.columns:
        values = rows[column.name]
        text = column.kind == "category"
        feed[column.name] = (values if text else values.astype(kinds[column.name])).reshape(-1, 1)
    probabilities, said = session.run(["probabilities", "label"], feed)
    ordered = np.sort(probabilities, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > 1e-5
    named = [classes[at] for at in probabilities.argmax(axis=1)]
    labels = np.asarray(said).reshape(-1).tolist()
    wrong = sum(clear and one != other for one, other, clear in zip(labels, named, sure.tolist(), strict=True))
    if wrong:
        raise UnsupportedError(
            f"the ONNX model names another class than its most probable one for {wrong} of {rows.rows} rows",
            hint="name its classes in the order of its probabilities: --classes no,yes",
        )
