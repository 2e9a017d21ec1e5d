"""Texts of the dashboard, English and Chinese: the page prediction."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.prediction": ("Prediction", "预测"),
    "dashboard.prediction.title": ("Prediction", "预测"),
}
