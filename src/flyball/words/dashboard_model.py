"""Texts of the dashboard, English and Chinese: the page model."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.model": ("Model", "模型"),
    "dashboard.model.title": ("Model", "模型"),
}
