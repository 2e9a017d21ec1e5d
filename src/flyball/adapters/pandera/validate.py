"""A user's pandera schema held against rows: what it does not accept becomes findings; the rows stay as they are."""

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from flyball.adapters.child.user_code import explain, imported
from flyball.core.errors import UnsupportedError, UserCodeError
from flyball.core.reason import Reason, Value
from flyball.core.schema import did_you_mean
from flyball.data.findings import EXAMPLES, Finding, Severity, shown

# A schema of ten thousand columns may complain of each: this many complaints are listed, the rest counted.
MOST = 100


def complaints(name: str, frame: pd.DataFrame, ids: "pd.Series[Any]", project: Path, *, partly: bool) -> list[Finding]:
    """What the schema `module:Name` finds in the rows, everything at once. `ids` name the rows in examples.

    Coercion shows whether it could be done, and changes nothing; a schema that would drop invalid rows reports them. `partly`: the rows
    need not have all columns, and keep only the kinds of values that a log keeps: what is not there, and types, are not asked about.
    """
    try:
        from pandera.config import ValidationDepth, config_context
        from pandera.errors import SchemaErrors, SchemaWarning
    except ImportError as error:
        raise UnsupportedError("[quality] schema needs pandera", hint="pip install 'flyball[pandera]'") from error
    schema = _schema(name, project)
    schema.drop_invalid_rows = False
    if partly:
        _without_absent(schema, frame)
    failures: pd.DataFrame | None = None
    with warnings.catch_warnings(record=True) as heard, config_context(True, ValidationDepth.SCHEMA_AND_DATA):
        warnings.simplefilter("always")
        try:
            schema.validate(frame.copy(deep=False), lazy=True)
        except SchemaErrors as error:
            failures = error.failure_cases
        except BaseException as error:
            raise UserCodeError(f"{name} raised {type(error).__name__}: {shown(error)}", hint=explain(error, project)) from error
    found = [] if failures is None else list(_findings(name, failures, ids, partly=partly))
    for told in heard:
        if issubclass(told.category, SchemaWarning):
            values: dict[str, Value] = {"schema": name, "found": " ".join(str(told.message).split())[:300]}
            found.append(_finding("warning", "", "data.schema_warning", values))
    if len(found) > MOST:
        more = _finding("error", "", "data.schema_more", {"schema": name, "more": len(found) - MOST})
        found = [*sorted(found, key=lambda one: one.severity != "error")[:MOST], more]
    return found


def _schema(name: str, project: Path) -> Any:
    """A copy of the schema that the project calls by this name, which may be changed."""
    import pandera.pandas as pa

    module_name, _, wanted = name.partition(":")
    try:
        module = imported(name, project)
    except UserCodeError as error:
        raise UserCodeError(f"[quality] schema = {name!r}: {error.message}", hint=error.hint) from error
    there = [key for key, value in vars(module).items() if _is_schema(value, pa) and value is not pa.DataFrameModel]
    if not hasattr(module, wanted):
        raise UserCodeError(
            f"[quality] schema = {name!r}: {module_name} has no {wanted!r}{did_you_mean(wanted, there)}",
            hint=f"schemas there: {', '.join(sorted(there)) or 'none'}",
        )
    given: Any = getattr(module, wanted)
    if not _is_schema(given, pa):
        kind = f"the class {given.__name__}" if isinstance(given, type) else f"of type {type(given).__name__}"
        raise UserCodeError(
            f"[quality] schema = {name!r} is {kind}, not a pandera schema for pandas",
            hint="write class Rows(pandera.pandas.DataFrameModel), or a pandera.pandas.DataFrameSchema; schemas there: "
            f"{', '.join(sorted(there)) or 'none'}",
        )
    try:
        return copy.deepcopy(given if isinstance(given, pa.DataFrameSchema) else given.to_schema())
    except BaseException as error:
        raise UserCodeError(f"[quality] schema = {name!r} makes no schema: {shown(error)}", hint=explain(error, project)) from error


def _is_schema(value: object, pa: Any) -> bool:
    return isinstance(value, pa.DataFrameSchema) or (isinstance(value, type) and issubclass(value, pa.DataFrameModel))


def _without_absent(schema: Any, frame: pd.DataFrame) -> None:
    """Ask only about the columns that are there, in whatever order."""
    absent = [name for name, column in schema.columns.items() if name not in frame.columns and not column.regex]
    for name in absent:
        del schema.columns[name]
    schema.strict, schema.ordered, schema.add_missing_columns, schema.index = False, False, False, None
    unique = schema.unique or []
    if set([unique] if isinstance(unique, str) else unique) & set(absent):
        schema.unique = None


def _findings(name: str, failures: pd.DataFrame, ids: "pd.Series[Any]", *, partly: bool) -> Iterator[Finding]:
    """One finding per column and check, with the rows that failed it."""
    whole = failures["schema_context"] == "DataFrameSchema"
    keys = [whole, failures["column"].map(str), failures["check"].map(str)]
    for key, cases in failures.groupby(keys, sort=False, dropna=False):
        of_rows, column, check = bool(key[0]), str(key[1]), str(key[2])
        found = shown(cases["failure_case"].iloc[0])
        values: dict[str, Value] = {"schema": name, "column": column, "check": shown(check), "found": found}
        if check in ("column_in_dataframe", "column_in_schema"):
            if not partly:
                code = "data.schema_absent" if check == "column_in_dataframe" else "data.schema_extra"
                for one in cases["failure_case"].map(str):
                    yield _finding("error", one, code, {**values, "column": one})
            continue
        if partly and (check.startswith(("dtype(", "coerce_dtype(")) or "KeyError" in found):
            continue
        where = pd.unique(cases["index"].dropna())
        part = "table_" if of_rows else ""
        if not len(where):
            yield _finding("error", "" if of_rows else column, f"data.schema_{part}whole", values)
            continue
        examples = tuple(shown(ids.loc[row]) if row in ids.index else shown(row) for row in where[:EXAMPLES])
        told = {**values, "rows": len(where), "of": len(ids), "examples": ", ".join(examples)}
        reason = Reason(code=f"data.schema_{part}rows", values=told)
        yield Finding(severity="error", column="" if of_rows else column, reason=reason, rows=len(where), examples=examples)


def _finding(severity: Severity, column: str, code: str, values: dict[str, Value]) -> Finding:
    return Finding(severity=severity, column=column, reason=Reason(code=code, values=values), rows=0, examples=())
