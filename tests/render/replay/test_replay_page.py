"""A replay as a page: everything stands in it, nothing comes from elsewhere, and names do no harm."""

import html.parser
from dataclasses import replace

import numpy as np
import pytest

from flyball.evaluation.replay_records import Latency, ReplayReport, Trouble
from flyball.render.replay.page import html_page
from replays import ROWS, compared, requests, said

EVIL = '<script>alert("x")</script>'


def report(column: str = "age") -> ReplayReport:
    age = np.linspace(18, 80, ROWS)
    actual = (np.arange(ROWS) % 3 == 0).astype(int).astype(object)
    old, new = np.full(ROWS, 0.4), np.where(age > 60, 0.6, 0.4)
    asked = requests(days=10, actual=actual, **{column: age})
    found = compared(said(old, version=3), said(new, version=4), asked, metrics=["brier"])
    return replace(found, latency=Latency(rows=10, champion_median=1e-5, champion_p99=2e-5, candidate_median=3e-5, candidate_p99=4e-5))


class Tags(html.parser.HTMLParser):
    """Which elements a page has, and which are not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_holds_scores_labels_places_gains_and_latency_and_is_well_formed(language: str) -> None:
    page = html_page(report(), language)  # type: ignore[arg-type]  # one of two
    tags = Tags(page)
    assert not tags.open and tags.seen.count("svg") == 1 and tags.seen.count("table") == 5
    assert "m@4" in page and "age" in page
    assert "script" not in tags.seen and "http://" not in page.replace("http-equiv", "") and "https://" not in page


def test_names_from_the_data_are_escaped() -> None:
    found = report(EVIL)
    found = replace(found, model=EVIL, errors=Trouble(rows=1, examples=(EVIL,), message=EVIL))
    page = html_page(found)
    assert "script" not in Tags(page).seen and "<script" not in page


def test_a_candidate_that_fails_is_seen_at_once() -> None:
    found = replace(report(), errors=Trouble(rows=2, examples=("p1",), message="no"))
    assert 'class="answer act"' in html_page(found) and 'class="answer good"' in html_page(report())


def test_a_replay_with_nothing_to_compare_is_a_page_too() -> None:
    empty = compared(said(np.empty(0)), said(np.empty(0), version=2), requests(0, x=np.empty(0)))
    assert not Tags(html_page(empty)).open
