"""In the child: read the source and run the prepare steps that are not in the cache."""

import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from flyball.adapters.child.user_code import call
from flyball.adapters.pandas.frames import frame_to_arrow, read_source
from flyball.core.errors import UserCodeError


def run_steps(command: dict[str, Any], project: Path) -> dict[str, object]:
    """Start from the newest cached output (or the source), run what is left, write each output; seconds per step.

    `steps` is a list of `{name, path}`, in order; the first is the reading of the source (its name is empty).
    """
    steps = command["steps"]
    first = max((number for number, step in enumerate(steps) if Path(step["path"]).is_file()), default=-1)
    frame = pd.read_parquet(steps[first]["path"]) if first >= 0 else None
    seconds = [0.0] * len(steps)
    for number, step in enumerate(steps):
        if number <= first:
            continue
        began = time.perf_counter()
        frame = _run(step["name"], frame, Path(command["source"]), project)
        _write(frame, Path(step["path"]), step["name"] or "the source")
        seconds[number] = time.perf_counter() - began
    return {"seconds": seconds, "first": first}


def _run(name: str, frame: pd.DataFrame | None, source: Path, project: Path) -> pd.DataFrame:
    if frame is None:
        return read_source(source)
    given = call(name, project, frame.copy(deep=False))
    if not isinstance(given, pd.DataFrame):
        raise UserCodeError(
            f"{name} returned {type(given).__name__}, not a DataFrame", hint="a prepare step takes a frame and returns a frame"
        )
    if isinstance(given.index, pd.RangeIndex) or all(label is None for label in given.index.names):
        given = given.reset_index(drop=True)
    else:
        given = given.reset_index()
    if not len(given):
        raise UserCodeError(f"{name} returned a frame without rows", hint=f"it was given {len(frame)} rows")
    return given


def _write(frame: pd.DataFrame, path: Path, what: str) -> None:
    """All or nothing: a cached output that exists is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    frame.columns = pd.Index([str(name) for name in frame.columns])
    try:
        frame.to_parquet(draft, index=False)
    except (pa.ArrowException, TypeError, ValueError):
        frame_to_arrow(frame, f"the output of {what}")  # says which column it is
        raise
    draft.replace(path)
