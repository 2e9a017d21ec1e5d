"""How long one row takes each of two versions, measured in one process in turns, so that what slows the machine slows both."""

import time
from collections.abc import Callable

import numpy as np

from flyball.core.table import Table
from flyball.evaluation.replay_records import Latency
from flyball.serving.engine import Engine

Ask = Callable[[int], object]

ROWS = 300
_WARM = 10
_ROUNDS = 3


def latency(champion: Ask, candidate: Ask, rows: int, *, timer: Callable[[], float] = time.perf_counter) -> Latency | None:
    """Seconds for one row of each, given what asks them for row number so-and-so; of three rounds each row's best. None without rows.

    A row that was disturbed once is not disturbed three times: what is left is what the version itself needs.
    """
    if not rows:
        return None
    sides = champion, candidate
    for ask in sides:
        for at in range(min(rows, _WARM)):
            ask(at)
    spent = np.full((2, rows), np.inf)
    for _ in range(_ROUNDS):
        for at in range(rows):
            for side, ask in enumerate(sides):
                began = timer()
                ask(at)
                spent[side, at] = min(spent[side, at], timer() - began)
    (old, old_tail), (new, new_tail) = ((float(np.median(each)), float(np.quantile(each, 0.99))) for each in spent)
    return Latency(rows=rows, champion_median=old, champion_p99=old_tail, candidate_median=new, candidate_p99=new_tail)


def by_row(engine: Engine, features: Table) -> Ask:
    """Asks an engine as a server does: with one row of values at a time."""
    columns = [[None if value is None or value != value else value for value in values.tolist()] for values in features.columns.values()]
    values = list(zip(*columns, strict=True))
    return lambda at: engine.score_rows((values[at],))


def by_table(score: Callable[[Table], object], features: Table) -> Ask:
    """Asks what scores tables: with tables of one row, made beforehand."""
    tables = [features.take(slice(at, at + 1)) for at in range(features.rows)]
    return lambda at: score(tables[at])
