"""Backtests that are kept: each report in a file of its own in the project's state folder, the newest fifty."""

import contextlib
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path

from flyball.core.codec import from_json, to_json
from flyball.core.errors import DataError, NotFoundError, StoreError
from flyball.core.record import record
from flyball.core.window import from_micros, to_micros
from flyball.loop.backtest.records import BacktestReport

FOLDER = "backtests"
MOST = 50
"""Reports that are kept; the oldest go first."""
_NAME = re.compile(r"[0-9]{16}")


@record
class KeptBacktest:
    """A report and what was asked: when it was made, in whose name, and whether it replayed the prediction log."""

    at: datetime
    actor: str
    report: BacktestReport
    from_log: bool = False


def keep(state: Path, found: KeptBacktest) -> str:
    """Write a report below the state folder, whole or not at all, and forget what is too old; the name it has from now on."""
    folder = state / FOLDER
    name = f"{to_micros(found.at):016d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(prefix=".fresh-", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(to_json(found))
        Path(fresh).replace(folder / f"{name}.json")
    except OSError as error:
        raise StoreError(f"the report could not be kept in {folder}: {error.strerror}", hint="see to its permissions and space") from error
    for old in names(state)[MOST:]:
        with contextlib.suppress(OSError):  # another one forgets too
            (folder / f"{old}.json").unlink()
    return name


def names(state: Path) -> list[str]:
    """The names of all kept reports, the newest first."""
    try:
        found = [path.stem for path in (state / FOLDER).iterdir() if path.suffix == ".json" and _NAME.fullmatch(path.stem)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"the kept reports could not be listed: {error}", hint="see to the permissions of the folder") from error
    return sorted(found, reverse=True)


def made_at(name: str) -> datetime:
    """When the report of a name was made."""
    return from_micros(int(name))


def read(state: Path, name: str) -> KeptBacktest:
    """One report. NotFoundError without it, DataError if it cannot be read back."""
    path = state / FOLDER / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFoundError("there is no such backtest here", hint=f"the newest {MOST} are kept; `flyball backtest` makes another")
    try:
        return from_json(path.read_bytes(), KeptBacktest)
    except OSError as error:
        raise StoreError(f"the report {name} could not be read: {error}", hint="see to the permissions of the file") from error
    except DataError as error:
        raise DataError(f"the report {name} cannot be read back: {error.message}", hint="run `flyball backtest` again") from error
