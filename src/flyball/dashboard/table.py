"""The table of pages, in the order of the menu. To add a page, add a row."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple, cast

from flyball.dashboard.records import Maker


class Row(NamedTuple):
    """A page: its name in addresses and in the catalogue (`dashboard.menu.NAME`), and the function that makes it."""

    name: str
    makes: str


PAGES: tuple[Row, ...] = (
    Row("loop", "flyball.dashboard.pages.loop:page"),
    Row("now", "flyball.dashboard.pages.now:page"),
    Row("model", "flyball.dashboard.pages.model:page"),
    Row("drift", "flyball.dashboard.pages.drift:page"),
    Row("performance", "flyball.dashboard.pages.performance:page"),
    Row("experiment", "flyball.dashboard.pages.experiment:page"),
    Row("decisions", "flyball.dashboard.pages.decisions:page"),
    Row("alerts", "flyball.dashboard.pages.alerts:page"),
    Row("prediction", "flyball.dashboard.pages.prediction:page"),
    Row("backtest", "flyball.dashboard.pages.backtest:page"),
)


def maker(name: str) -> Maker | None:
    """The function that makes a page; None if there is no such page."""
    found = next((row for row in PAGES if row.name == name), None)
    if found is None:
        return None
    module, _, function = found.makes.partition(":")
    return cast(Callable[..., object], getattr(import_module(module), function))  # type: ignore[return-value]  # the table holds makers
