"""Texts of the dashboard, English and Chinese: the page performance."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.performance": ("Performance", "性能"),
    "dashboard.performance.title": ("Performance", "性能"),
}
