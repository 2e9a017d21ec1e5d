"""Somebody who counts what a server logs, every second: the work of the loop, sixty times as often as once a minute, beside the server.

`python -m bench.monitoring.sides.counting FOLDER` reads what came into the project's log since it last looked, and counts it on a
reference; a line on stdout says how often and how many rows so far. It ends when it is told to.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.data.profile import build_reference
from flyball.monitoring.counts import Counter
from flyball.wiring import server_ports

FEATURES = 20


def counter(names: list[str]) -> Counter:
    """What counts rows of these numbers."""
    generator = np.random.default_rng(0)
    table = Table({name: generator.normal(size=10_000) for name in names})
    return Counter(build_reference(table, Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in names)), {}))


def main() -> None:
    """Count until the process is ended."""
    os.nice(19)  # beside the server, not before it
    predictions = server_ports(Path(sys.argv[1])).predictions
    counts: Counter | None = None
    rounds = rows = 0
    since = datetime.now(UTC) - timedelta(seconds=1)
    while True:
        time.sleep(1.0)
        # The newest second may still be on its way into the database: look a little behind.
        until = datetime.now(UTC) - timedelta(seconds=1)
        found = predictions.rows("bench", 1, Window(start=since, end=until), features=True)
        since = until
        if found.features is not None and len(found.at):
            counts = counts or counter(list(found.features.columns))
            rows += counts.count(found.features, {}).rows
        rounds += 1
        print(json.dumps({"rounds": rounds, "rows": rows}), flush=True)


if __name__ == "__main__":
    main()
