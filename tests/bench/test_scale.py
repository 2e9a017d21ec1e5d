"""The simulation of many replicas, small; and the page that goes through its numbers says only numbers that it printed."""

import re
from pathlib import Path

import pytest

from bench import scale

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
WITH_UNIT = re.compile(
    r"(?<![\d,.])(\d[\d,.]*\d|\d)(?=\s?(?:kB|MB|GB|TB|%|s of|rows/s|replicas/s|sums/s|stores|columns|replicas|predictions))"
)


def test_what_replicas_send_adds_up_to_what_one_place_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = scale.Options(replicas=7, rows=130, columns=5, rate=700, sample=0.01)
    found = scale.measure(options, tmp_path)
    assert found.exact and found.rows == 910 and found.full > 0
    scale.tell(options, found)
    printed = capsys.readouterr().out
    assert "what counting everything in one place gives: yes" in printed
    assert "7 replicas, 5 columns, 130 rows each: 910 rows of one minute" in printed


def test_the_page_says_only_numbers_that_were_printed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    block = text.split("```\n")[2]
    prose = text.replace(block, "")
    printed = set(re.findall(r"\d[\d,.]*\d|\d", block))
    quoted = WITH_UNIT.findall(prose)
    assert len(quoted) > 15
    assert [one for one in quoted if one not in printed] == []
