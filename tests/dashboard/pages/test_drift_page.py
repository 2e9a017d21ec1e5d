"""The page drift: which column moved when, the worst first, and everything there is to say of one of them."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboarded import asked, well_formed
from drifted import EXAMPLE, NOW, SPEC, drifted
from flyball.core.errors import StoreError
from flyball.dashboard.pages import drift as drift_page
from flyball.dashboard.paper import whole_page
from flyball.dashboard.records import Ask, Page
from flyball.words.sentences import Language

HOSTILE = '"><img src=x onerror=alert(1)>'
NAMES = ("price", "calls", "plan", HOSTILE, "age")
MANY = tuple(f"feature {number:03d}" for number in range(120))
CELL = re.compile(r'<td class="([^"]*)" title="([^"]*)"><span aria-hidden="true">([^<]*)</span><span class="sr">([^<]*)</span></td>')
ROW = re.compile(r'<th scope="row"><span class="both"><a href="[^"]*"><bdi class="name" title="[^"]*">([^<]*)</bdi>')


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with seasons, two versions and 400 days; tests only read it."""
    return drifted(tmp_path_factory.mktemp("drift") / "wide", NAMES, season="week")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of more features than a kept look holds."""
    return drifted(tmp_path_factory.mktemp("drift") / "many", MANY, days=60)


def ask(folder: Path, *, language: str = "en", **query: str) -> Ask:
    """The question; `from_` stands for `from`."""
    told = {name.rstrip("_"): value for name, value in query.items()}
    return replace(asked(folder, "drift", "zh" if language == "zh" else "en", NOW), query=told)


def page(folder: Path, *, language: str = "en", **query: str) -> str:
    """All sections of the page, checked to be well formed."""
    return text(drift_page.page(ask(folder, language=language, **query)))


def text(found: Page) -> str:
    told = "".join(str(part.body) for part in found.parts)
    well_formed(told)
    return told


def names(html: str) -> list[str]:
    return ROW.findall(html)


def asks(link: str) -> dict[str, str]:
    """What stands behind the question mark of a link in HTML."""
    return {name: values[0] for name, values in parse_qs(urlsplit(link.replace("&amp;", "&")).query).items()}


def test_the_worst_feature_stands_first_with_its_sentence(wide: Path) -> None:
    found = page(wide)
    assert names(found) == ["score", "price", "plan", "calls", "&#34;&gt;&lt;img src=x onerror=alert(1)&gt;", "age"]
    assert "3 of 6 columns (50%) are beyond their thresholds" in found
    assert "price moved by 0.5" in found
    assert "▲ 50 % missing" in found, "a drift of missing values is told by their share, not by a distance of nothing"


def test_every_cell_says_in_words_what_its_colour_says(wide: Path) -> None:
    cells = CELL.findall(page(wide))
    assert {(shade, sign) for shade, _, sign, _ in cells if shade in ("h4", "few")} == {("h4", "▲"), ("few", "○")}
    assert all(spoken in title for _, title, _, spoken in cells)
    assert any("▲ drift" in spoken for *_, spoken in cells) and any("insufficient data" in spoken for *_, spoken in cells)


@pytest.mark.parametrize("column", [None, "price", "plan", "score", HOSTILE])
def test_no_section_fails(wide: Path, column: str | None) -> None:
    assert 'class="error"' not in page(wide, **({} if column is None else {"column": column}))


def test_a_year_is_told_in_weeks_with_the_version_of_each(wide: Path) -> None:
    found = page(wide, from_="2025-03-01")
    assert "A cell is the worst look of one week (UTC)" in found
    assert re.search(r'scope="colgroup">@1</th><th colspan="\d+" scope="colgroup">@2<', found)


def test_features_are_listed_forty_at_a_time_and_the_rest_is_reached_by_links(many: Path) -> None:
    seen: list[str] = []
    query: dict[str, str] | None = {}
    while query is not None:
        found = page(many, **query)
        here = [name for name in names(found) if name.startswith("feature")]
        assert 0 < len(here) <= 40
        seen += here
        onward = re.search(r'rel="next" href="([^"]*)"', found)
        query = asks(onward[1]) if onward else None
    assert sorted(seen) == sorted(MANY)
    assert "A kept look holds the 100 columns that moved most; of the 21 others its cells are empty" in found


def test_a_page_that_is_not_there_is_the_last_one_or_the_first(many: Path) -> None:
    assert "page 3 of 3" in page(many, page="99")
    assert "page 1 of 3" in page(many, page="x")


def test_features_are_found_by_a_part_of_their_name(many: Path) -> None:
    found = page(many, find="E 01")
    assert len([name for name in names(found) if name.startswith("feature 01")]) == 10
    assert "10 of 120 features match." in found
    nothing = page(many, find="<b>")
    assert "No feature has &lt;b&gt; in its name." in nothing and "Show all features" in nothing


def test_links_keep_the_stretch_and_the_language(wide: Path) -> None:
    found = page(wide, language="zh", from_="2026-03-01", to="2026-03-20", lang="zh")
    link = re.search(r'href="([^"]*column=price[^"]*)"', found)
    assert link is not None
    assert asks(link[1]) == {"lang": "zh", "column": "price", "from": "2026-03-01", "to": "2026-03-20"}


@pytest.mark.parametrize("query", [{"from_": "yesterday"}, {"to": "2026-02-30"}, {"from_": "2026-03-20", "to": "2026-03-01"}])
def test_a_time_that_cannot_be_shown_is_named_and_the_rest_stands(wide: Path, query: dict[str, str]) -> None:
    found = page(wide, **query)
    assert "is no time that can be shown" in found
    assert "Features" in found


@pytest.mark.parametrize("query", [{"to": "9999-12-31"}, {"from_": "0001-01-01"}, {"from_": "0001-01-01", "to": "0001-01-02"}])
def test_the_ends_of_the_calendar_break_nothing(wide: Path, query: dict[str, str]) -> None:
    assert "is no time that can be shown" in page(wide, **query)
    assert "price" in page(wide, column="price", **query)


def test_a_stretch_without_looks_says_when_there_are_some(wide: Path) -> None:
    found = page(wide, from_="2020-01-01", to="2020-02-01")
    assert "Nobody looked in this stretch of time." in found
    assert "2025-02-23 00:00 UTC" in found


def test_a_feature_is_shown_with_histograms_bounds_and_threshold(wide: Path) -> None:
    found = page(wide, column="price")
    assert "price: training data and this window" in found
    assert "price: distance over time" in found
    assert 'class="line limit"' in found and 'class="band now"' in found
    assert "outside the training range, share of rows" in found
    assert "600 rows," in found


def test_a_feature_that_went_missing_shows_its_share_and_examples_that_lead_to_predictions(wide: Path) -> None:
    found = page(wide, column="calls")
    assert "calls: missing, share of rows" in found
    assert f'href="/m/wide/prediction?id={EXAMPLE}"' in found


def test_a_category_shows_its_names_and_the_share_that_is_new(wide: Path) -> None:
    found = page(wide, column="plan")
    assert "plan: new categories, share of rows" in found
    assert "basic</text>" in found


def test_the_same_hours_and_the_same_days_a_year_before_are_drawn(wide: Path) -> None:
    found = page(wide, column="price")
    assert "price: the same hours in training and this window" in found
    assert "price: a year before and this window" in found
    assert "as version @1 was asked a year before, 600 rows," in found


def test_without_seasons_and_without_a_year_it_says_how_to_get_them(many: Path) -> None:
    found = page(many, column=MANY[0])
    assert "The reference knows no hours." in found
    assert "Nothing was counted a year before this look" in found


def test_an_earlier_look_can_be_chosen(wide: Path) -> None:
    newest = page(wide, column="price")
    link = re.search(r'<a href="([^"]*at=2026-03-04T[^"]*)"', newest)
    assert link is not None
    then = page(wide, **asks(link[1]))
    assert "▲ drift</span></h2>" in newest and "● ok</span></h2>" in then
    chosen = re.findall(r'<a href="([^"]*)"[^>]*aria-current="true"', then)
    assert [asks(one)["at"] for one in chosen] == ["2026-03-04T00:00:00Z"]


def test_a_feature_of_which_there_are_too_few_rows_says_so(wide: Path) -> None:
    found = page(wide, column="age")
    assert "insufficient data, 12 of 500 rows" in found
    assert "There are less than two looks with enough rows here" in found


def test_a_feature_that_no_look_kept_is_drawn_of_its_counts_all_the_same(many: Path) -> None:
    name = names(page(many, page="3"))[-1]
    found = page(many, column=name)
    assert "No kept look of this stretch holds this column" in found
    assert f"{name}: training data and this window" in found


def test_a_column_that_nobody_knows_is_said_to_be_unknown(wide: Path) -> None:
    found = page(wide, column="<script>", at="never")
    assert "No column of this name is known here." in found and "<script>" not in found


def test_what_the_model_says_is_shown_the_same_way(wide: Path) -> None:
    assert "What the model says" in page(wide)
    assert "score: training data and this window" in page(wide, column="score")


def test_a_project_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "flyball.toml").write_text(SPEC)
    assert "flyball monitor" in page(tmp_path)


def test_without_bundles_the_looks_are_shown_and_the_histogram_says_why_it_is_not(wide: Path, tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    shutil.copytree(wide, folder)
    shutil.rmtree(folder / ".flyball" / "bundles")
    found = page(folder, column="price")
    assert 'class="error"' in found and "price: distance over time" in found
    assert names(page(folder))[:2] == ["score", "price"]


def test_nothing_of_the_prediction_log_is_read(wide: Path) -> None:
    class Closed:
        def __getattr__(self, name: str) -> Callable[..., object]:
            raise StoreError("the log is not to be read")

    one, closed = ask(wide), Closed()
    shut: dict[str, Any] = {"predictions": closed, "outcomes": closed}
    world = replace(one.world, **shut)
    without = replace(one, project=replace(one.project, world=lambda: world))
    for query in ({}, {"column": "price"}):
        assert 'class="error"' not in text(drift_page.page(replace(without, query=query)))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_four_weeks_of_a_real_project_are_shown_whole(lived: Path, language: Language) -> None:
    one = asked(lived, "drift", language)
    found = drift_page.page(one)
    assert 'class="error"' not in text(found)
    assert "distance" in names(text(found))
    assert whole_page(one, found, models=[("flights", "flights")]).count("<h1>") == 1
    assert 'class="error"' not in text(drift_page.page(replace(one, query={"column": "distance"})))
