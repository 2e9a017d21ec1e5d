"""Links to the pages of other tools lead where people find them, and take no password along."""

from pathlib import Path

import pytest

from flyball.settings import read_settings, tools_beside
from projects import make_project


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://mlflow.example:5000", "http://mlflow.example:5000"),
        ("https://ann:secret@mlflow.example/team/?token=abc#x", "https://mlflow.example/team/"),
        ("http://[::1]:5000/", "http://[::1]:5000/"),
        ("sqlite:///mlflow.db", ""),
        ("javascript:alert(1)", ""),
        ("http://host:port/", ""),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_opens_it(tmp_path: Path, given: str, shown: str) -> None:
    settings = read_settings(make_project(tmp_path / "p"), {"MLFLOW_TRACKING_URI": given})
    found = tools_beside(settings, {"FLYBALL_PROMETHEUS_URL": given})
    assert found == {"mlflow": shown, "prometheus": shown, "grafana": ""}
