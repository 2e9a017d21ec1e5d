"""Brings the rows of a query into the project's folder: `warehouse/<query>/<day>.parquet`."""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from flyball.adapters.mlflow.setup_lock import alone
from flyball.adapters.warehouse.connect import asked
from flyball.adapters.warehouse.days import Days, Stored
from flyball.core.errors import DataError, SpecError
from flyball.spec.load import FILE
from flyball.spec.records import Spec

_TOLD_EVERY = 1_000_000  # rows
_ASKS = re.compile(r"(?:[\s(]|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*(?:SELECT|WITH)\b", re.IGNORECASE)
"""How a query begins, after comments."""


def fetch(spec: Spec, *, secret: Callable[[str], str], say: Callable[[str], None]) -> Stored:
    """Ask the query of `[data] source` and put its rows where `spec.data.place` says; only days that changed are written.

    All of the rows are there before the first file changes, so that a warehouse that breaks off in the middle changes nothing.
    """
    data, query = spec.data, read_query(spec)
    called = data.connection.removeprefix("env:")
    try:
        address = secret(data.connection)
    except SpecError as error:
        raise SpecError(f"{FILE}: data.source.connection: {error.message}", hint=error.hint) from None
    state = spec.folder / ".flyball"
    state.mkdir(parents=True, exist_ok=True)
    drafts = Path(tempfile.mkdtemp(prefix="warehouse-", dir=state))
    try:
        with asked(query, address=address, called=called, file=data.source) as answer:
            days, told = Days(answer.columns, data.time, drafts, file=data.source), 0
            for rows in answer.batches:
                days.add(rows)
                if days.rows - told >= _TOLD_EVERY:
                    told = days.rows
                    say(f"warehouse: {told} rows so far")
        with alone(state / "warehouse.lock"):
            stored = days.write(spec.folder / data.place)
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
    what = f"{stored.files} days" if data.time is not None else "one file"
    say(f"warehouse: {stored.rows} rows, {what}; {stored.changed} changed, {stored.gone} gone")
    return stored


def read_query(spec: Spec) -> str:
    """The text of the query; DataError if there is none."""
    path = spec.folder / spec.data.source
    try:
        text = path.read_text(encoding="utf-8").strip().rstrip(";").strip()
    except FileNotFoundError:
        there = ", ".join(sorted(one.name for one in spec.folder.glob("*.sql"))[:10]) or "none"
        raise DataError(f"data.source.query names {spec.data.source}, which does not exist", hint=f".sql files there: {there}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{spec.data.source} cannot be read: {error}", hint="it must be a UTF-8 text file that you may read") from None
    if not text:
        raise DataError(f"{spec.data.source} is empty", hint="write one SELECT into it")
    if not _ASKS.match(text):
        raise DataError(f"{spec.data.source} is no query: it begins with neither SELECT nor WITH", hint="write one SELECT into it")
    return text
