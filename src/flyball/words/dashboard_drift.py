"""Texts of the dashboard, English and Chinese: the page drift."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.drift": ("Drift", "漂移"),
    "dashboard.drift.title": ("Drift", "漂移"),
}
