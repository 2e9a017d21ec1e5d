"""Logged rows as columns: what a request brought, and how likely it was that this variant answered."""

from collections.abc import Callable
from typing import Any

from flyball.server.rows import LogRow, Rows, batch_of, log_rows
from flyball.serving.deployment import Scored
from served import Served, Site


def rows(*ids: str, propensity: float | None = None) -> Rows:
    count = len(ids)
    scored = Scored(1, [1] * count, [0.5] * count, [0.5] * count)
    nobody: list[str | None] = [None] * count
    return log_rows(
        list(ids),
        "champion",
        scored,
        [[3, 1.0, True]] * count,
        nobody,
        nobody,
        at=1_700_000_000_000_000,
        made_at=1_700_000_000_000_000,
        unit="u",
        context=None,
        propensity=propensity,
    )


def test_how_likely_the_variant_was_reaches_the_database_and_is_a_column_only_where_it_was_left_to_chance(
    play: Callable[..., Any], made: Site
) -> None:
    async def story(served: Served) -> None:
        live = served.app.reloader.live
        assert live is not None
        assert list(batch_of(live, [*rows("a", "b", propensity=0.25), *rows("c")], "w0").propensity) == [0.25, 0.25, None]
        assert batch_of(live, rows("a", "b"), "w0").propensity == []
        served.app.log.add(live, [*rows("a", propensity=0.25), *rows("b")])
        answered = (await served.post("/predict", {"features": {"hour": 3, "temp": 1.0, "rain": True}})).json()["prediction_id"]
        assert await served.logged() == 3
        kept = [found[0].propensity for name in ("a", "b", answered) if (found := made.ports.predictions.find(name)) is not None]
        assert kept == [0.25, None, None]

    play(story)


def test_a_row_is_as_wide_as_a_log_row_whoever_made_it() -> None:
    (row,) = rows("a", propensity=0.5)
    assert LogRow._make(row).propensity == 0.5
