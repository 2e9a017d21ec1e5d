"""What every side does alike: read the two samples, make a frame of each, prepare outside the clock, compare, say what it took.

It imports nothing of the project: the peers' own interpreters run it. `python SIDE.py compare FOLDER` times comparisons; `python SIDE.py
looks FOLDER` says for each window of FOLDER/looks.npy which columns a monitor of the reference calls drifted. JSON on stdout.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# A first call to warm up: code is loaded, memory is there. It is made on this many rows.
_FEW = 2_000
# The same comparison again and again, until so many seconds are over: a side that takes milliseconds is timed more than once.
_SECONDS = 1.0
_MOST = 25


def main(
    what: str,
    prepare: Callable[[pd.DataFrame, bool], Any],
    compare: Callable[[Any, pd.DataFrame], Any],
    drifted: Callable[[pd.DataFrame, list[pd.DataFrame]], list[list[str]]] | None = None,
) -> None:
    """Run a side. `prepare` gets the reference, and whether its rows are days of a thousand; `compare` what that made, and a frame."""
    verb, folder = sys.argv[1], Path(sys.argv[2])
    reference = frame(folder / "reference.npy")
    if verb == "compare":
        current = frame(folder / "current.npy")
        prepared = prepare(reference, False)
        compare(prepare(reference.head(_FEW), False), current.head(_FEW))
        found = {"what": what, **timed(lambda: compare(prepared, current))}
    else:
        assert drifted is not None
        windows = [frame_of(values) for values in np.load(folder / "looks.npy")]
        found = {"what": what, "drifted": drifted(reference, windows)}
    print(json.dumps(found))


def frame(path: Path) -> pd.DataFrame:
    """A sample as a frame whose columns lie one after the other, each in one piece."""
    return frame_of(np.load(path))


def frame_of(values: Any) -> pd.DataFrame:
    """Rows and columns as a frame."""
    return pd.DataFrame(np.asfortranarray(values), columns=[f"f{number}" for number in range(values.shape[1])], copy=False)


def timed(call: Callable[[], Any]) -> dict[str, float]:
    """The median seconds of some calls, and the most memory the first took beyond what was there, in megabytes."""
    gc.collect()
    before, peak = _reset_peak(), -1.0
    spent: list[float] = []
    while not spent or (sum(spent) < _SECONDS and len(spent) < _MOST):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
        if len(spent) == 1 and before:
            peak = max(0.0, (_status("VmHWM") - before) / 1024)
    return {"seconds": statistics.median(spent), "repeats": len(spent), "peak_mb": peak}


def _reset_peak() -> float:
    """Let Linux forget the highest memory so far; the memory now, in kilobytes. 0 where it cannot be asked."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0.0
    return _status("VmRSS")


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return float(line.split()[1])
    return 0.0
