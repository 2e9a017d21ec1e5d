"""Texts of the dashboard, English and Chinese: the page alerts."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.alerts": ("Alerts", "警报"),
    "dashboard.alerts.title": ("Alerts", "警报"),
}
