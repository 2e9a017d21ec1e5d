"""A small town's history as a project that a backtest can replay, and a backtest of it, trainings included, in this process."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pandas as pd

from flyball.adapters.replay.benches import ReplayBenches
from flyball.loop.backtest.records import BacktestReport, Plan, Request
from flyball.loop.backtest.run import backtest
from flyball.ports.mapping import Item, Result, Say
from flyball.spec.load import load_spec
from flyball.spec.records import Spec
from quarter import DAY, FIRST, PIPELINE, SPEC, InProcess, people

BEFORE, DAYS, CHANGE = 30, 60, 20


def history(*, before: int = BEFORE, days: int = DAYS, changes_on: int = CHANGE) -> pd.DataFrame:
    """Everybody who came from `before` days before the quarter until `days` into it."""
    return pd.concat([people(day, 1, changed=day >= changes_on) for day in range(-before, days)], ignore_index=True)


def town(folder: Path, rows: pd.DataFrame | None = None, *, text: str = SPEC) -> Spec:
    """Write the project; its source is the whole history."""
    (folder / "data").mkdir(parents=True)
    (folder / "quarter_pipeline.py").write_text(PIPELINE)
    (folder / "flyball.toml").write_text(text)
    (history() if rows is None else rows).to_parquet(folder / "data" / "history.parquet", index=False)
    return load_spec(folder)


def replayed(folder: Path, scratch: Path, request: Request) -> BacktestReport:
    """A backtest of the project, one policy after another."""
    text = (folder / "flyball.toml").read_text()
    with benches(folder, scratch) as opened:
        return backtest(text, load_spec(folder), request, benches=opened, mapper=InTurn(), say=lambda _: None)


@contextmanager
def benches(folder: Path, scratch: Path) -> Iterator[ReplayBenches]:
    """Worlds whose trainings need no process of their own."""
    scratch.mkdir(exist_ok=True)
    sys.modules.pop("quarter_pipeline", None)  # another town's
    sys.path.append(str(folder))
    try:
        yield ReplayBenches(project=folder, scratch=scratch, trainer=lambda: InProcess(folder))
    finally:
        sys.path.remove(str(folder))


class InTurn:
    """The port `Mapper` in this process, one item after the other."""

    slots = 1

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """The results in the order of the items."""
        return list(self.each(work, items, say=say))

    def each(self, work: Callable[[Item, Say], Result], items: Iterable[Item], *, say: Say) -> Iterator[Result]:
        """The results in the order of the items."""
        for item in items:
            yield work(item, say)


def plan(days: int = DAYS, step: timedelta = DAY) -> Plan:
    """The quarter from its first day on."""
    return Plan(start=FIRST, end=FIRST + days * DAY, step=step, train_until=FIRST, seed=0, metric="brier", metrics=("brier", "roc_auc"))
