"""From the columns of a file to a first `flyball.toml` and `pipeline.py`: every guess stands in a comment with its reason. Pure."""

import re
from collections.abc import Sequence
from typing import Literal

from flyball.core.record import record
from flyball.spec.records import Task

Kind = Literal["text", "number", "integer", "boolean", "time"]


@record
class ColumnSeen:
    """One column of the file. `distinct` counts values without missing; `never_before` names the time columns it is never earlier than."""

    name: str
    kind: Kind
    rows: int
    distinct: int
    missing: int
    never_before: tuple[str, ...] = ()


@record
class Proposal:
    """Texts of the two files. `notes` says in one line each what was guessed, for the terminal."""

    toml: str
    pipeline: str
    notes: tuple[str, ...]


@record
class _Guess:
    """A column chosen for a role, and why."""

    name: str
    why: str


# Names that columns people want to predict have, the surest first.
_TARGET_NAMES = (
    *("target", "label", "y", "outcome", "class"),
    *("churn", "churned", "exited", "attrition", "default", "defaulted", "fraud", "is_fraud", "late", "delayed"),
    *("converted", "conversion", "clicked", "subscribed", "response", "bought", "purchased", "returned", "cancelled", "deposit"),
    *("survived", "failure", "failed", "demand", "sales", "price", "amount"),
)
_ID = re.compile(r"(^|_)(id|uuid|guid|key|number|no|nr)$|[a-z]Id$|[a-z]ID$|^ID$")
_TIME_NAMES = ("observed_at", "scheduled_at", "event_time", "timestamp", "created_at", "time", "datetime", "date", "ts")
_KNOWN_NAMES = re.compile(r"known|outcome|label|land|resol|close|settle|churned_at|finish|end(ed)?(_|$)|return|deliver|paid", re.IGNORECASE)
_MANY_CATEGORIES = 200


def propose(name: str, source: str, columns: Sequence[ColumnSeen], *, others: Sequence[str] = ()) -> Proposal:
    """A first project over the file `source`; `others` are data files beside it that were not chosen."""
    target = _target(columns)
    seen = {column.name: column for column in columns}
    task, task_why = _task(seen[target.name])
    rest = [column for column in columns if column.name != target.name]
    time, known = _times(rest)
    identity = _identity(rest)
    unit = _unit(rest, identity)
    chosen = {guess.name for guess in (target, time, known, identity, unit) if guess is not None}
    features, left_out = _features([column for column in rest if column.name not in chosen])
    roles = {"id": identity, "unit": unit, "time": time, "outcome_time": known}
    toml = "\n".join(
        [
            *_head(name, source, others),
            *_model(name, task, task_why),
            *_data(source, target, roles, features, left_out),
            *_rest(task, time=time is not None),
        ]
    )
    notes = [f"target {target.name!r}: {target.why}", f"task {task!r}: {task_why}"]
    notes += [f"{role} {guess.name!r}: {guess.why}" for role, guess in roles.items() if guess is not None]
    notes += [f"left out {column!r}: {why}" for column, why in left_out.items()]
    return Proposal(toml=toml, pipeline=_pipeline(task, [seen[feature] for feature in features]), notes=tuple(notes))


def _target(columns: Sequence[ColumnSeen]) -> _Guess:
    usable = [column for column in columns if column.distinct > 1 and column.kind != "time"]
    for wanted in _TARGET_NAMES:
        for column in usable:
            if column.name.lower() == wanted:
                return _Guess(name=column.name, why="its name says so")
    for column in usable:
        if column.name.lower().startswith(("target", "label", "is_", "has_")) and column.distinct == 2:
            return _Guess(name=column.name, why="its name and its two values say so")
    answers = [column for column in usable if not _looks_like_id(column)]
    if answers:
        return _Guess(name=answers[-1].name, why="it is the last column that could be one; correct it if another is what you want to know")
    return _Guess(name=columns[-1].name, why="it is the last column; no column looks like an answer, so please correct this")


def _task(target: ColumnSeen) -> tuple[Task, str]:
    if target.distinct == 2:
        return "binary", f"{target.name!r} has two values"
    if target.kind in ("text", "boolean") or (target.kind == "integer" and target.distinct <= 20):
        return "multiclass", f"{target.name!r} has {target.distinct} different values"
    return "regression", f"{target.name!r} is a number with {target.distinct} different values"


def _looks_like_id(column: ColumnSeen) -> bool:
    return bool(_ID.search(column.name))


def _identity(columns: Sequence[ColumnSeen]) -> _Guess | None:
    whole = [column for column in columns if column.kind in ("text", "integer") and column.missing == 0 and column.distinct == column.rows]
    for column in whole:
        if _looks_like_id(column):
            return _Guess(name=column.name, why="its name says so and no value repeats")
    for column in whole:
        if column.kind == "text":
            return _Guess(name=column.name, why="it is text and no value repeats")
    return None


def _unit(columns: Sequence[ColumnSeen], identity: _Guess | None) -> _Guess | None:
    for column in columns:
        taken = identity is not None and column.name == identity.name
        if not taken and column.kind in ("text", "integer") and _looks_like_id(column) and 1 < column.distinct < column.rows:
            return _Guess(name=column.name, why="its name says what a row belongs to, and values repeat: rows of one unit stay together")
    return None


def _times(columns: Sequence[ColumnSeen]) -> tuple[_Guess | None, _Guess | None]:
    times = [column for column in columns if column.kind == "time" and column.distinct > 1]
    if not times:
        return None, None

    def rank(column: ColumnSeen) -> tuple[bool, int, int]:
        name = column.name.lower()
        named = _TIME_NAMES.index(name) if name in _TIME_NAMES else len(_TIME_NAMES)
        return bool(_KNOWN_NAMES.search(name)) or bool(column.never_before), named, times.index(column)

    first = min(times, key=rank)
    time = _Guess(name=first.name, why="it says when a row was observed; the newest rows are the test")
    for column in times:
        if column is not first and _KNOWN_NAMES.search(column.name) and first.name in column.never_before:
            return time, _Guess(name=column.name, why=f"it is never earlier than {first.name!r}, and its name sounds like an outcome")
    return time, None


def _features(columns: Sequence[ColumnSeen]) -> tuple[list[str], dict[str, str]]:
    kept, left_out = [], {}
    for column in columns:
        if column.distinct <= 1:
            left_out[column.name] = "it has one value only" if column.distinct else "it is empty"
        elif column.kind == "time":
            left_out[column.name] = "a time; make numbers of it in prepare (hour, weekday, age) if it matters"
        elif column.kind == "text" and column.distinct > _MANY_CATEGORIES:
            left_out[column.name] = f"text with {column.distinct} different values"
        else:
            kept.append(column.name)
    return kept, left_out


def _head(name: str, source: str, others: Sequence[str]) -> list[str]:
    lines = [
        f"# {one_line(name)}: proposed from the columns of {one_line(source)}. Correct what was guessed wrongly; `flyball check` helps."
    ]
    if others:
        lines.append(f"# Data files that were not looked at: {one_line(', '.join(others))}.")
    return lines


def _model(name: str, task: Task, why: str) -> list[str]:
    return [
        "",
        "[model]",
        f"name = {quoted(_legal_name(name))}",
        f"task = {quoted(task)}  # {one_line(why)}",
        "influences_outcome = false  # true if people act on the answer, so that it changes what happens (offers, blocks)",
    ]


def _data(source: str, target: _Guess, roles: dict[str, _Guess | None], features: Sequence[str], left_out: dict[str, str]) -> list[str]:
    lines = ["", "[data]", f"source = {quoted(source)}", f"target = {quoted(target.name)}  # {one_line(target.why)}"]
    lines += ["features = [", *(f"  {quoted(feature)}," for feature in features)]
    lines += [f"  # {quoted(column)} was left out: {one_line(why)}" for column, why in left_out.items()]
    lines.append("]")
    hints = {
        "id": '# id = "…"            # no column names each row; outcomes can then be joined by prediction id only',
        "unit": '# unit = "…"          # no repeating id was found: say what is randomised and kept together, if anything',
        "time": '# time = "…"          # no time was found: rows are split at random, and the newest cannot be the test',
        "outcome_time": '# outcome_time = "…"  # when the label became known, if a column says so',
    }
    for role, guess in roles.items():
        if guess is not None:
            lines.append(f"{role} = {quoted(guess.name)}  # {one_line(guess.why)}")
        elif role != "outcome_time" or roles["time"] is not None:
            lines.append(hints[role])
    if roles["time"] is not None:
        lines.append('# matures = "24h"       # the age at which the outcome of a prediction is known, or will never be')
    return lines


_METRICS: dict[Task, str] = {
    "binary": '["roc_auc", "brier", "accuracy", "f1"]',
    "multiclass": '["accuracy", "log_loss", "f1"]',
    "regression": '["rmse", "mae", "r2"]',
}
_GATES: dict[Task, str] = {
    "binary": '[ { metric = "roc_auc", at_least = 0.6 }, { metric = "brier", not_worse = "champion", margin = 0.002 } ]',
    "multiclass": '[ { metric = "accuracy", at_least = 0.5 }, { metric = "accuracy", not_worse = "champion", margin = 0.01 } ]',
    "regression": '[ { metric = "r2", at_least = 0.1 }, { metric = "r2", not_worse = "champion", margin = 0.02 } ]',
}


def _rest(task: Task, *, time: bool) -> list[str]:
    by = '{ by = "time", test = 0.2 }  # the newest fifth' if time else '{ by = "rows", test = 0.2 }'
    return [
        "",
        "[train]",
        'run = "pipeline:train"',
        "params = { random_state = 0 }",
        "",
        "[evaluate]",
        f"metrics = {_METRICS[task]}",
        f"split = {by}",
        "# good enough to serve? Set the bound to what the model must reach at least.",
        f"gate = {_GATES[task]}",
        "",
        "[retrain]",
        'on = ["performance", "drift"]',
        "",
    ]


def _pipeline(task: Task, features: Sequence[ColumnSeen]) -> str:
    forest = "RandomForestRegressor" if task == "regression" else "RandomForestClassifier"
    groups = {
        "CATEGORIES": [column for column in features if column.kind == "text"],
        "NUMBERS": [column for column in features if column.kind in ("number", "integer")],
        "FLAGS": [column for column in features if column.kind == "boolean"],
    }
    gaps = any(column.missing for column in groups["NUMBERS"])
    steps = {
        "CATEGORIES": 'OneHotEncoder(handle_unknown="ignore", sparse_output=False)',
        "NUMBERS": 'SimpleImputer(strategy="median")' if gaps else '"passthrough"',
        "FLAGS": '"passthrough"',
    }
    used = [group for group, columns in groups.items() if columns]
    lines = ["from sklearn.compose import make_column_transformer", f"from sklearn.ensemble import {forest}"]
    lines += ["from sklearn.impute import SimpleImputer"] if gaps else []
    lines += ["from sklearn.pipeline import make_pipeline"]
    lines += ["from sklearn.preprocessing import OneHotEncoder"] if groups["CATEGORIES"] else []
    return "\n".join(
        [
            '"""How the model is trained. Plain pandas and scikit-learn; change it as you like."""',
            "",
            "import pandas as pd",
            *lines,
            "",
            *(f"{group} = {_python_list([column.name for column in groups[group]])}" for group in used),
            "",
            "",
            "def train(frame: pd.DataFrame, target: pd.Series, random_state: int = 0, sample_weight=None):",
            '    """Fit and return the model; `frame` has the features of flyball.toml in that order.',
            "",
            "    `sample_weight`: one number a row, given where rows stand for different numbers of others (rollout.holdback).",
            '    """',
            "    model = make_pipeline(",
            "        make_column_transformer(",
            *(f"            ({steps[group]}, {group})," for group in used),
            "        ),",
            f"        {forest}(100, max_depth=10, random_state=random_state, n_jobs=-1),",
            "    )",
            f"    return model.fit(frame, target, {forest.lower()}__sample_weight=sample_weight)",
            "",
        ]
    )


def _legal_name(name: str) -> str:
    """A name MLflow takes."""
    return re.sub(r"[/:\x00-\x1f\x7f]+", "-", name).strip(" -")[:200] or "model"


def _python_list(names: Sequence[str]) -> str:
    return "[" + ", ".join(quoted(name) for name in names) + "]"


def quoted(text: str) -> str:
    """A basic TOML string, which is a Python string too."""
    escaped = "".join(_escape(character) for character in text)
    return f'"{escaped}"'


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else character


def one_line(text: str) -> str:
    """Text that cannot end a comment."""
    return "".join(character if ord(character) >= 32 and ord(character) != 127 else " " for character in text)
