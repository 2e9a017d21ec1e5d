"""Texts of the dashboard, English and Chinese: the page backtest."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.backtest": ("Backtest", "回测"),
    "dashboard.backtest.title": ("Backtest", "回测"),
}
