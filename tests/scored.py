"""A deployed model of known answers with a spec, files of rows for it, and a batch job in a process that may be killed."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flyball.cli.predict_order import Given, Wishes, champion_and_others, order_elsewhere, order_for
from flyball.core.schema import Column, Schema
from flyball.loop.batch.batch import run_batch
from flyball.loop.batch.part import BatchOrder
from flyball.loop.batch.report import BatchReport
from flyball.loop.batch.spread import Spread
from flyball.ports.mapping import Mapper
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from served import MODEL, Site, linear, mixed

SPEC = f"""
[model]
name = "{MODEL}"
task = "binary"
[data]
source = "data.csv"
target = "late"
id = "flight"
unit = "plane"
time = "leaves"
matures = "1d"
[train]
run = "pipeline:train"
[evaluate]
metrics = ["brier"]
[serve]
unseen = "count"
"""
WITH_CARRIER = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="carrier", kind="category", nullable=True, categories=("AA", "UA")),
        Column(name="temp", kind="number", nullable=True),
    )
)


def airport(folder: Path, *, carriers: bool = False) -> Site:
    """A site with a spec: three versions of numbers only, or of a category beside them."""
    (folder / ".flyball").mkdir(parents=True)
    made = Site(folder)
    (folder / "flyball.toml").write_text(SPEC)
    for version in (1, 2, 3):
        if carriers:
            made.add(version, mixed(0.1 * version, {"AA": 1.0, "UA": -2.0}), schema=WITH_CARRIER)
        else:
            made.add(version, linear([0.01, 0.5 * version, 1.0], -1.0))
    return made


def flights(rows: int, *, seed: int = 0) -> pd.DataFrame:
    """Rows as `/predict` takes them, with id, unit and time."""
    chance = np.random.default_rng(seed)
    leaves = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows) * 60, unit="s")
    return pd.DataFrame(
        {
            "flight": [f"f{number}" for number in range(rows)],
            "plane": [f"p{number}" for number in chance.integers(0, 50, rows)],
            "leaves": leaves.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hour": chance.integers(0, 24, rows),
            "temp": np.where(chance.uniform(size=rows) < 0.1, np.nan, chance.normal(size=rows).round(3)),
            "rain": chance.uniform(size=rows) < 0.3,
        }
    )


def order(folder: Path, source: Path, out: Path, **changes: Any) -> BatchOrder:
    """A job of small parts."""
    settings, spec, wishes = read_settings(folder, {}), load_spec(folder), wishes_of(**changes)
    given = Given(source=source, out=out, known_as="")
    return order_for(settings, spec, given, wishes, champion_and_others(settings, spec, trusted=wishes.trusted))


def wishes_of(**changes: Any) -> Wishes:
    """What the options say of a job of small parts."""
    usual = {"keep": None, "scores": False, "skip": False, "logged": True, "threads": 2, "started_at": None, "trusted": False}
    return Wishes(**{**usual, "size": 4_000, "rows": 100, **changes})


def spread(mapper: Mapper, folder: Path, source: Path, out: Path, **changes: Any) -> Spread:
    """A job of small parts that others do; one clock for all, so that two runs write the same."""
    settings, spec, wishes = read_settings(folder, {}), load_spec(folder), wishes_of(**changes)
    given = Given(source=source, out=out, known_as="")
    live = champion_and_others(settings, spec, trusted=wishes.trusted)
    return Spread(
        mapper=mapper,
        opened=partial(order_elsewhere, settings, spec, given, wishes, live.deployment),
        clock=no_clock,
        say=lambda _: None,
        parts=2,
    )


def no_clock() -> int:
    """One time."""
    return 1_800_000_000_000_000


def score(folder: Path, source: Path, out: Path, *, overwrite: bool = False, **changes: Any) -> BatchReport:
    """Run a job."""
    return run_batch(order(folder, source, out, **changes), overwrite=overwrite, clock=no_clock, progress=lambda _: None)


def main(words: Sequence[str]) -> None:
    """`python scored.py FOLDER IN OUT PARTS DELAY`: kill this very process DELAY microseconds after PARTS parts are done."""
    folder, source, out = map(Path, words[:3])
    parts, delay = int(words[3]), int(words[4])

    def die() -> None:
        while len(list(out.with_name(out.name + ".parts").glob("*[0-9].json"))) < parts:
            time.sleep(0.0005)
        time.sleep(delay / 1e6)
        os.kill(os.getpid(), signal.SIGKILL)

    if parts:
        threading.Thread(target=die, daemon=True).start()
    report = score(folder, source, out, size=int(words[5]) if len(words) > 5 else 4_000)
    assert report.rows


if __name__ == "__main__":
    main(sys.argv[1:])
