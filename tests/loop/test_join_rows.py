"""What a tick keeps from the one before."""

from dataclasses import replace

import numpy as np

from flyball.core.table import Table
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


def test_what_is_known_of_arms_survives_joining_where_every_day_has_it() -> None:
    def armed(variant: str, propensity: float) -> LoggedRows:
        return replace(
            rows(np.array([0.5])),
            variant=np.array([variant], dtype=object),
            propensity=np.array([propensity]),
            value=np.array([2.0]),
            version=np.array([3]),
            made_at=np.array([7]),
            bare=np.array([False]),
            context=Table({"shop": np.array(["x"], dtype=object)}),
        )

    joined = join_rows([armed("champion", 0.75), armed("challenger", 0.25)])
    assert joined.variant is not None and joined.variant.tolist() == ["champion", "challenger"]
    assert joined.propensity is not None and joined.propensity.tolist() == [0.75, 0.25]
    assert joined.value is not None and joined.value.tolist() == [2.0, 2.0]
    assert joined.version is not None and joined.version.tolist() == [3, 3]
    assert joined.made_at is not None and joined.made_at.tolist() == [7, 7]
    assert joined.bare is not None and joined.bare.tolist() == [False, False]
    assert joined.context is not None and joined.context["shop"].tolist() == ["x", "x"]
    assert join_rows([armed("champion", 0.75), rows(np.array([0.5]))]).variant is None
    nothing = join_rows([])
    assert nothing.variant is not None and nothing.propensity is not None and nothing.value is not None
