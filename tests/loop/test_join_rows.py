"""What a tick keeps from the one before."""

import numpy as np

from flyball.loop.memory import join_rows
from flyball.serving.records import LoggedRows


def rows(score: np.ndarray) -> LoggedRows:
    count = len(score)
    nothing = np.full(count, None, dtype=object)
    zeros = np.zeros(count, dtype=np.int64)
    names = np.array([f"p{number}" for number in range(count)], dtype=object)
    return LoggedRows(
        prediction_id=names,
        at=zeros,
        day=zeros,
        unit=nothing,
        entity=nothing,
        label=nothing,
        score=score,
        actual=nothing,
        outcome_at=zeros,
        features=None,
    )


def test_a_day_without_rows_joins_days_of_a_model_of_many_classes() -> None:
    joined = join_rows([rows(np.zeros(0)), rows(np.array([[0.2, 0.3, 0.5]])), rows(np.zeros(0)), rows(np.array([[0.1, 0.1, 0.8]]))])
    assert joined.score.tolist() == [[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]
    assert len(join_rows([rows(np.zeros(0)), rows(np.zeros(0))]).at) == 0
