"""Texts of the dashboard, English and Chinese: the page decisions."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.decisions": ("Decisions", "决定"),
    "dashboard.decisions.title": ("Decisions", "决定"),
}
