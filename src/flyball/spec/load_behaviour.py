"""Reads `tests.toml`, the model's own tests, refusing whatever it does not understand."""

import tomllib
from pathlib import Path

from flyball.core.errors import SpecError
from flyball.spec.behaviour import Behaviour, Behaviours, BuiltIn, Change, Directional, Invariance, Latency, Minimum, SliceBound
from flyball.spec.reader import Section, a_metric, is_plain
from flyball.spec.records import Param, Task

FILE = "tests.toml"
PYTHON = "model_tests.py"
KINDS = ("invariance", "directional", "minimum", "slice", "latency")
_MOST_ROWS = 1_000_000


def load_behaviours(folder: Path, task: Task) -> Behaviours:
    """The tests of the project in a folder; only what is built in where it declares none. SpecError says what to write instead."""
    path = folder / FILE
    python = (folder / PYTHON).is_file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Behaviours(python=python)
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}", hint="it must be a UTF-8 text file that you may read") from error
    return parse_behaviours(text, task, python=python)


def parse_behaviours(text: str, task: Task, *, python: bool = False) -> Behaviours:
    """The tests that a text of `tests.toml` says."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{FILE} is not TOML: {error}", hint="texts need quotes, lists need brackets, each key stands once") from error
    whole = Section(FILE, "", document)
    built_in = _built_in(Section(FILE, "built_in", whole.raw("built_in") or {}))
    lines = whole.raw("test") or []
    whole.done()
    if not isinstance(lines, list):
        raise SpecError(f"{FILE}: [test] is one table", hint="write [[test]] with two brackets: each test begins so")
    tests = tuple(_test(Section(FILE, f"test[{number}]", line), task) for number, line in enumerate(lines))
    names = [test.name for test in tests]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise SpecError(f'{FILE}: two tests are called "{name[:60]}"', hint='give each a name of its own: name = "..."')
    return Behaviours(built_in=built_in, tests=tests, python=python)


def _built_in(section: Section) -> BuiltIn:
    default = BuiltIn()
    found = BuiltIn(
        round_trip=section.flag("round_trip", default.round_trip),
        repeatable=section.flag("repeatable", default.repeatable),
        missing=section.flag("missing", default.missing),
        unseen=section.flag("unseen", default.unseen),
        latency=section.flag("latency", default.latency),
        rows=section.integer("rows", default.rows, least=1),
        round_trip_rows=section.integer("round_trip_rows", default.round_trip_rows, least=1),
    )
    section.done()
    for key, value in (("rows", found.rows), ("round_trip_rows", found.round_trip_rows)):
        if value > _MOST_ROWS:
            raise section.refuse(key, value, f"a whole number of at most {_MOST_ROWS}")
    return found


def _test(section: Section, task: Task) -> Behaviour:
    kind = section.choice("kind", KINDS)
    found: Behaviour
    if kind == "invariance":
        found = _invariance(section, task)
    elif kind == "directional":
        found = _directional(section, task)
    elif kind == "minimum":
        found = _minimum(section, task)
    elif kind == "slice":
        found = _slice(section, task)
    else:
        found = _latency(section)
    section.done()
    return found


def _invariance(section: Section, task: Task) -> Invariance:
    change = _change(section)
    same = section.flag("same_label", default=False)
    most = section.number("most", least=0.0) if section.has("most") else None
    if most is None and not same:
        raise SpecError(f"{FILE}: {section.path} says neither most nor same_label", hint="add most = 0.05: how far the score may move")
    if same and task == "regression":
        raise section.refuse("same_label", True, "most = 0.05: a regression has no labels")
    name = _name(section, f"{' and '.join(change.columns)} {'do' if len(change.columns) > 1 else 'does'} not matter")
    return Invariance(name=name, change=change, most=most, same_label=same, share=_share(section))


def _directional(section: Section, task: Task) -> Directional:
    change = _change(section)
    if not (change.add or change.times or change.to or change.missing):
        raise SpecError(f"{FILE}: {section.path} changes nothing", hint="add = 1, times = 1.1, or to = [ ... ]: what is done to the column")
    expect = section.choice("expect", ("not_lower", "not_higher"))
    name = _name(section, f"{' and '.join(change.columns)}: {expect.replace('_', ' ')}")
    return Directional(
        name=name,
        change=change,
        raises=expect == "not_lower",
        of=_of(section, task),
        tolerance=section.number("tolerance", 0.0, least=0.0),
        share=_share(section),
        mean=section.choice("by", ("row", "mean"), "row") == "mean",
    )


def _minimum(section: Section, task: Task) -> Minimum:
    given = section.raw("rows")
    if not isinstance(given, list) or not given or not all(isinstance(row, dict) for row in given):
        raise section.refuse("rows", given, 'a list of rows, such as rows = [ { age = 40, plan = "basic" } ]')
    for number, row in enumerate(given):
        for column, value in row.items():
            if not is_plain(value):
                raise SpecError(f"{FILE}: {section.path}.rows[{number}].{column} is no text, number, true or false", hint="write one value")
    answer = _value(section, "answer")
    least, most = _bounds(section, needed=answer is None)
    name = _name(section, f"{len(given)} given row{'s' * (len(given) > 1)}")
    of = _of(section, task, needed=least is not None or most is not None)
    missing = section.names("missing", example="age")
    return Minimum(name=name, rows=tuple(given), missing=missing, answer=answer, of=of, at_least=least, at_most=most)


def _slice(section: Section, task: Task) -> SliceBound:
    metric = a_metric(section, "metric", section.text("metric", example="accuracy"), task)
    column, value = section.text("column", example="plan"), _value(section, "value")
    least, most = _bounds(section, needed=True)
    name = _name(section, f"{metric} by {column}" if value is None else f"{metric} where {column} is {value}")
    rows = section.integer("rows", 100, least=1)
    return SliceBound(name=name, metric=metric, column=column, value=value, at_least=least, at_most=most, rows=rows)


def _latency(section: Section) -> Latency:
    median, p99 = (section.number(key, least=0.0) if section.has(key) else None for key in ("median_ms", "p99_ms"))
    if median is None and p99 is None:
        raise SpecError(f"{FILE}: {section.path} sets no budget", hint="add median_ms = 1.0 or p99_ms = 5.0")
    return Latency(name=_name(section, "latency budget"), median=median, p99=p99)


def _change(section: Section) -> Change:
    columns = section.names("column", example="plan")
    if not columns:
        raise SpecError(f"{FILE}: [{section.path}] column is missing", hint=f'add column = "plan" under [{section.path}]')
    ways = [key for key in ("add", "times", "to", "missing") if section.has(key)]
    if len(ways) > 1:
        raise SpecError(f"{FILE}: {section.path} has {' and '.join(ways)}", hint="write one of add, times, to and missing")
    raw = section.raw("to")
    values = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if (section.has("to") and not values) or not all(is_plain(value) for value in values):
        raise section.refuse("to", raw, 'a value or a list of values, such as to = ["monthly", "yearly"]')
    return Change(
        columns=columns,
        add=section.number("add") if section.has("add") else None,
        times=section.number("times") if section.has("times") else None,
        to=tuple(value for value in values if is_plain(value)),
        missing=section.flag("missing", default=False),
    )


def _bounds(section: Section, *, needed: bool) -> tuple[float | None, float | None]:
    least, most = (section.number(key) if section.has(key) else None for key in ("at_least", "at_most"))
    if needed and least is None and most is None:
        raise SpecError(f"{FILE}: {section.path} says neither at_least nor at_most", hint="add at_least = 0.6, or at_most")
    if least is not None and most is not None and least > most:
        raise section.refuse("at_least", least, f"a number of at most {most:g}, which at_most says")
    return least, most


def _of(section: Section, task: Task, *, needed: bool = True) -> Param:
    of = _value(section, "of")
    if of is None and needed and task == "multiclass":
        raise SpecError(f"{FILE}: {section.path}.of is missing", hint='say which class the score is of: of = "cat"')
    return of


def _value(section: Section, key: str) -> Param:
    value = section.raw(key)
    if value is not None and not is_plain(value):
        raise section.refuse(key, value, "a text, a number, true or false")
    return value


def _share(section: Section) -> float:
    return section.number("share", 0.0, least=0.0, most=1.0)


def _name(section: Section, default: str) -> str:
    return section.text("name", default, example="what it promises")
