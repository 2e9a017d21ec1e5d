"""Texts of the dashboard, English and Chinese: the page experiment."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.experiment": ("Experiment", "实验"),
    "dashboard.experiment.title": ("Experiment", "实验"),
}
