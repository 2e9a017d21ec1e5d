"""What every page to mail is written on: nothing comes in from elsewhere, and nothing from the data is taken for the page's own."""

import pytest

from flyball.render.report.paper import whole_page
from flyball.render.report.svg import tag

EVIL = '</title><script>alert("x")</script>'


@pytest.mark.parametrize(("language", "told"), [("en", '<html lang="en">'), ("zh", '<html lang="zh-CN">')])
def test_a_page_lets_nothing_in_from_elsewhere_and_says_its_language(language: str, told: str) -> None:
    page = whole_page("a title", [tag("p", "text")], language)  # type: ignore[arg-type]  # one of two
    assert told in page and "default-src 'none'" in page and 'name="viewport"' in page and "<main><p>text</p></main>" in page


def test_a_title_from_the_data_stays_a_title() -> None:
    page = whole_page(EVIL, [tag("h1", EVIL)], "en")
    assert "<script" not in page and page.count("</title>") == 1


def test_a_page_has_its_own_style_behind_that_of_all_pages() -> None:
    page = whole_page("t", [], "en", own=".mine { color: red; }")
    assert page.index("body") < page.index(".mine { color: red; }")


def test_an_empty_element_ends_where_it_stands() -> None:
    assert tag("span", class_="key") == '<span class="key"></span>' and tag("td", "") == "<td></td>"
    assert tag("path", d="M0,0") == '<path d="M0,0"/>'
