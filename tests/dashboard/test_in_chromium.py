"""Every page in a real browser: nothing fails, nothing runs that should not, nothing sticks out, in both languages, themes and widths."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

import nasty
from browsers import KINDS, NARROW, WIDE, Shown, Tab, tab
from flyball.dashboard.table import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = [row.name for row in PAGES]
FOLLOWED = {"lived": 12, "fresh": 4, "wide": 6, "nasty": 6}
"""So many links of a page are followed."""
_LOOKS = tuple((width, theme) for width in (WIDE, NARROW) for theme in ("light", "dark"))
_LINKS = """(slug) => [...document.querySelectorAll("main a[href], svg a[href]")]
  .map((one) => one.getAttribute("href")).filter((one) => one.startsWith("/m/" + slug + "/") || one.startsWith("?"))"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_quiet_and_stays_in_its_window(browser: "Browser", shown: Shown, name: str, kind: str) -> None:
    with tab(browser, shown.url) as one:
        for language, pictured in (("en", (WIDE, "light")), ("zh", (NARROW, "dark"))):
            one.go(f"/m/{shown.slugs[kind]}/{name}?lang={language}")
            assert one.page.locator("html").get_attribute("lang") == language
            assert one.page.locator("h1").count() == 1
            for width, theme in _LOOKS:
                one.wide(width)
                one.theme(theme)
                if (width, theme) == pictured:
                    one.picture(f"{kind}-{name}-{language}-{width}-{theme}")
                assert one.faults() == [], f"{language}, {width} wide, {theme}"
            told = one.page.locator("main").inner_text()
            assert re.findall(r"dashboard\.[a-z_]+", told) == [], "texts that are in no catalogue"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_what_a_page_links_to_is_there(browser: "Browser", shown: Shown, name: str, kind: str) -> None:
    with tab(browser, shown.url) as one:
        here = f"/m/{shown.slugs[kind]}/{name}"
        one.go(here)
        hrefs = [here + href if href.startswith("?") else href for href in one.page.evaluate(_LINKS, shown.slugs[kind])]
        links = list(dict.fromkeys(href.partition("#")[0] for href in hrefs))
        for href in links[:: max(1, len(links) // FOLLOWED[kind])][: FOLLOWED[kind]]:
            one.wide(WIDE)
            one.go(href)
            assert one.page.locator("h1").count() == 1, href
            assert one.faults() == [], href
            one.wide(NARROW)
            assert one.faults() == [], href


@pytest.mark.parametrize("kind", ["lived", "nasty"])
@pytest.mark.parametrize("name", NAMES)
def test_forms_take_whatever_is_typed(browser: "Browser", shown: Shown, name: str, kind: str) -> None:
    with tab(browser, shown.url) as one:
        here = f"/m/{shown.slugs[kind]}/{name}"
        one.go(here)
        for number in range(one.page.locator("main form").count()):
            for text in (nasty.SCRIPTS[3], nasty.SCRIPTS[5], nasty.ODD[-3], ""):
                one.go(here)
                _fill(one, number, text)
                _no_faults_but_status(one, f"form {number} with {text!r}")


def _fill(one: Tab, number: int, text: str) -> None:
    form = one.page.locator("main form").nth(number)
    for field in form.locator("input:not([type=hidden]):not([type=checkbox]):not([type=radio]):not([type=submit]), textarea").all():
        if field.is_visible() and field.get_attribute("type") in (None, "text", "search"):
            field.fill(text)
    with one.page.expect_navigation():
        form.evaluate("(one) => { one.noValidate = true; one.requestSubmit ? one.requestSubmit() : one.submit(); }")
    assert one.page.locator("h1").count() == 1


@pytest.mark.parametrize("kind", ["lived", "fresh", "nasty"])
@pytest.mark.parametrize("name", NAMES)
def test_addresses_take_whatever_stands_in_them(browser: "Browser", shown: Shown, name: str, kind: str) -> None:
    keys = ("column", "version", "id", "from", "to", "page", "kind", "actor", "slice", "window", "metric", "policy", "seq", "against", "q")
    with tab(browser, shown.url) as one:
        for text in (nasty.SCRIPTS[0], nasty.SCRIPTS[5], "-1", "99999999999999999999", "2026-13-45", "../../x", "\x00", "W" * 500):
            one.go(f"/m/{shown.slugs[kind]}/{name}?" + "&".join(f"{key}={quote(text)}" for key in keys))
            status = one.page.evaluate("() => performance.getEntriesByType('navigation')[0].responseStatus")
            assert status < 500, text
            _no_faults_but_status(one, text)


def test_the_list_of_models_is_quiet(browser: "Browser", shown: Shown) -> None:
    for language in ("en", "zh"):
        with tab(browser, shown.url) as one:
            one.go(f"/?lang={language}")
            assert one.page.locator("main tbody tr").count() == len(KINDS)
            for width, theme in _LOOKS:
                one.wide(width)
                one.theme(theme)
                one.picture(f"fleet-{language}-{width}-{theme}")
                assert one.faults() == []


def test_a_missing_page_says_so_and_repeats_nothing(browser: "Browser", shown: Shown) -> None:
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs['lived']}/{quote('<script>window.__pwned=1</script>', safe='')}")
        assert "__pwned" not in one.page.content()
        _no_faults_but_status(one, "a missing page")


def test_sections_are_fetched_again_while_somebody_looks(browser: "Browser", shown: Shown) -> None:
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs['lived']}/loop")
        with one.page.expect_response(lambda answer: "part=" in answer.url and answer.ok, timeout=20_000):
            pass
        with one.page.expect_response(lambda answer: "part=" in answer.url and answer.ok, timeout=20_000):
            pass
        one.page.wait_for_timeout(200)
        assert one.faults() == []


def test_what_was_opened_stays_open_when_its_section_is_fetched_again(browser: "Browser", shown: Shown) -> None:
    opened = 0
    for name in NAMES:
        if opened == 2:
            return
        with tab(browser, shown.url) as one:
            one.go(f"/m/{shown.slugs['lived']}/{name}")
            details = one.page.locator(", ".join(f'section[data-every="{seconds}"] details[id]' for seconds in (2, 5)))
            if details.count() == 0:
                continue
            opened += 1
            own = details.first.get_attribute("id")
            one.page.evaluate("(id) => { document.getElementById(id).open = true; }", own)
            part = one.page.evaluate("(id) => document.getElementById(id).closest('section[data-every]').dataset.part", own)
            with one.page.expect_response(lambda answer, key=part: f"part={key}" in answer.url, timeout=20_000):  # type: ignore[misc]
                pass
            one.page.wait_for_timeout(300)
            assert one.page.evaluate("(id) => document.getElementById(id).open", own), name
    if not opened:
        pytest.skip("no section that is fetched again has anything to open")


def test_times_are_shown_in_the_zone_of_the_reader_who_is_told_which(browser: "Browser", shown: Shown) -> None:
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs['lived']}/decisions")
        times = one.page.locator("main time[datetime]")
        if times.count() == 0:
            one.go(f"/m/{shown.slugs['lived']}/loop")
            times = one.page.locator("main time[datetime]")
        assert "GMT+8" in times.first.inner_text()
        assert "UTC" in (times.first.get_attribute("title") or "")


def test_the_theme_is_chosen_by_a_button_and_remembered(browser: "Browser", shown: Shown) -> None:
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs['lived']}/loop")
        paper = "() => getComputedStyle(document.body).backgroundColor"
        light = one.page.evaluate(paper)
        one.page.locator("[data-theme-button]").click()
        dark = one.page.evaluate(paper)
        assert dark != light
        one.go(f"/m/{shown.slugs['lived']}/now")
        assert one.page.evaluate(paper) == dark
        assert one.faults() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_can_be_read_without_scripts(browser: "Browser", shown: Shown, name: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": WIDE, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{shown.url}/m/{shown.slugs['lived']}/{name}")
        assert page.locator("h1").count() == 1
        assert len(page.locator("main").inner_text()) > 20
    finally:
        context.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: "Browser", shown: Shown, name: str) -> None:
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs['lived']}/{name}")
        one.page.keyboard.press("Tab")
        assert one.page.evaluate("() => document.activeElement.getAttribute('href')") == "#main"
        seen = set()
        for _ in range(25):
            one.page.keyboard.press("Tab")
            where = one.page.evaluate(
                "() => { const one = document.activeElement, style = getComputedStyle(one);"
                " return [one.outerHTML.slice(0, 120), style.outlineStyle !== 'none' || style.boxShadow !== 'none']; }"
            )
            if where[0].startswith("<body"):
                break  # past the last there is
            assert where[1], f"the focus cannot be seen on {where[0]}"
            seen.add(where[0])
        assert len(seen) > 5


def _no_faults_but_status(one: Tab, what: str) -> None:
    """Nothing wrong, but that Chromium says of the page's own address that its status is none of success."""
    own = urlsplit(one.page.url)
    found = [fault for fault in one.faults() if not ("Failed to load resource" in fault and f"({one.url}{own.path}" in fault)]
    assert found == [], what
