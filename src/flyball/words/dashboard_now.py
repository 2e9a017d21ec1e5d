"""Texts of the dashboard, English and Chinese: the page now."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.now": ("Now", "此刻"),
    "dashboard.now.title": ("Now", "此刻"),
}
