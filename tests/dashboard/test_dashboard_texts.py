"""Every text that a template or page of the dashboard names is in the catalogue."""

import re
from pathlib import Path

import pytest

from flyball.dashboard.table import PAGES
from flyball.words.sentences import catalogue

DASHBOARD = Path(__file__).parents[2] / "src" / "flyball" / "dashboard"
TEXT = re.compile(r'\bt\("([a-z_0-9.]+)"')
FILES = sorted([*DASHBOARD.rglob("*.html"), *DASHBOARD.rglob("*.py")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_text_has_words_in_both_languages(path: Path) -> None:
    missing = [
        code for code in TEXT.findall(path.read_text(encoding="utf-8")) if not code.endswith(".") and f"dashboard.{code}" not in catalogue()
    ]
    assert missing == []


def test_every_page_has_a_name_in_the_menu() -> None:
    assert all(f"dashboard.menu.{row.name}" in catalogue() for row in PAGES)
