"""Buttons pressed in a real browser: who may press them, what they do to the journal, and what is said when it cannot be done."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browsers import TOKEN, Tab, dashboard, tab
from flyball.journal.events import Entry
from flyball.journal.state import fold
from flyball.settings import read_settings
from flyball.wiring import open_world

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MODEL = "flight-delay"
WRONG = "alice:" + "f" * 64


@pytest.fixture
def mine(lived: Path, tmp_path: Path) -> Path:
    """A copy of the project that lived."""
    return Path(shutil.copytree(lived, tmp_path / "flights"))


@pytest.fixture
def url(mine: Path) -> Iterator[str]:
    """A dashboard over it."""
    with dashboard(mine) as found:
        yield found


@pytest.fixture
def one(browser: "Browser", url: str) -> Iterator[Tab]:
    """Somebody who looks."""
    with tab(browser, url) as found:
        yield found


@pytest.fixture
def other(browser: "Browser", url: str) -> Iterator[Tab]:
    """Somebody else."""
    with tab(browser, url) as found:
        yield found


def test_the_loop_is_stopped_and_started_again(mine: Path, one: Tab) -> None:
    _open(one, "loop")
    before = len(_entries(mine))
    _press(one, "freeze")
    _give(one, TOKEN)
    _confirm(one, "a person said so")
    one.page.locator('[data-do="thaw"]').wait_for()
    (stopped,) = _entries(mine)[before:]
    assert (type(stopped.event).__name__, stopped.actor, getattr(stopped.event, "reason", "")) == (
        "Frozen",
        "token:alice",
        "a person said so",
    )
    _press(one, "thaw")
    _confirm(one, "")
    one.page.locator('[data-do="freeze"]').wait_for()
    assert [type(entry.event).__name__ for entry in _entries(mine)[before:]] == ["Frozen", "Thawed"]
    assert one.faults() == []


def test_stopping_needs_a_reason(mine: Path, one: Tab) -> None:
    _open(one, "loop")
    before = len(_entries(mine))
    _press(one, "freeze")
    _give(one, TOKEN)
    one.page.locator("#do-dialog button[value=ok]").click()
    assert one.page.locator("#do-dialog").is_visible()
    assert len(_entries(mine)) == before


def test_whoever_thinks_better_of_it_changes_nothing(mine: Path, one: Tab) -> None:
    _open(one, "loop")
    before = len(_entries(mine))
    _press(one, "freeze")
    one.page.locator("#token-dialog button[value=cancel]").click()
    assert not one.page.locator("#do-dialog").is_visible()
    _press(one, "freeze")
    _give(one, TOKEN)
    one.page.locator("#do-dialog").wait_for()
    one.page.keyboard.press("Escape")
    one.page.locator("#do-dialog").wait_for(state="hidden")
    assert len(_entries(mine)) == before


def test_a_wrong_token_does_nothing_and_is_told_and_the_right_one_goes_on(mine: Path, one: Tab) -> None:
    _open(one, "loop")
    before = len(_entries(mine))
    _press(one, "freeze")
    _give(one, WRONG)
    one.page.locator("#token-error").wait_for()
    assert "the admin token is wrong" in one.page.locator("#token-error").inner_text()
    assert one.page.evaluate("() => sessionStorage.length") == 0
    _give(one, TOKEN)
    _confirm(one, "a person said so")
    one.page.locator('[data-do="thaw"]').wait_for()
    assert len(_entries(mine)) == before + 1


def test_a_token_that_is_wrong_by_now_promotes_nothing(mine: Path, one: Tab) -> None:
    before = _entries(mine)
    _open(one, "model?version=1")
    one.page.evaluate("(token) => sessionStorage.setItem('token', token)", WRONG)  # the dashboard was started again with another
    _press(one, "promote")
    _confirm(one, "because")
    one.page.locator("#token-dialog").wait_for()
    one.page.locator("#token-dialog button[value=cancel]").click()
    assert _entries(mine) == before


def test_a_token_is_forgotten_with_its_tab(one: Tab, other: Tab) -> None:
    _open(one, "loop")
    one.page.locator("[data-token-button]").click()
    _give(one, TOKEN)
    have = one.page.locator("[data-token-button]")
    have.filter(has_text=have.get_attribute("data-have") or "-").wait_for()
    assert one.page.evaluate("() => document.cookie + JSON.stringify(localStorage)").count(TOKEN) == 0
    assert TOKEN not in one.page.content()
    _open(other, "loop")
    none = other.page.locator("[data-token-button]")
    assert none.inner_text() == none.get_attribute("data-none")


def test_the_model_is_rolled_back(mine: Path, one: Tab) -> None:
    _open(one, "model")
    before = len(_entries(mine))
    _press(one, "rollback")
    _give(one, TOKEN)
    _confirm(one, "it went wrong")
    _until(one, mine, before)
    assert "RolledBack" in [type(entry.event).__name__ for entry in _entries(mine)[before:]]
    assert one.faults() == []


def test_of_two_who_roll_back_the_second_is_told_that_it_was_done(mine: Path, one: Tab, other: Tab) -> None:
    for somebody in (one, other):
        _open(somebody, "model")
    before = len(_entries(mine))
    _press(one, "rollback")
    _give(one, TOKEN)
    _press(other, "rollback")
    _give(other, TOKEN)
    _confirm(one, "it went wrong")
    _until(one, mine, before)
    done = _entries(mine)
    _confirm(other, "it went wrong")
    other.page.locator("#do-error").wait_for()
    said = other.page.locator("#do-error").inner_text()
    assert "changed since this was shown, so nothing was done: the champion is now version 1" in said
    assert re.search(r"Traceback|undefined|\[object", said) is None
    assert _entries(mine) == done


def test_of_two_who_promote_different_versions_the_second_is_told_of_the_first(mine: Path, one: Tab, other: Tab) -> None:
    champion = fold(MODEL, _entries(mine)).champion
    versions = [number for number in (1, 2, 3) if number != champion]
    for somebody, version in zip((one, other), versions, strict=True):
        _open(somebody, f"model?version={version}")
        _press(somebody, "promote")
        _give(somebody, TOKEN)
    before = len(_entries(mine))
    _confirm(one, "the better one")
    _until(one, mine, before)
    done = _entries(mine)
    _confirm(other, "no, this one")
    other.page.locator("#do-error").wait_for()
    assert f"the champion is now version {versions[0]}" in other.page.locator("#do-error").inner_text()
    assert _entries(mine) == done


def test_a_version_that_is_gone_meanwhile_is_told(mine: Path, one: Tab) -> None:
    _open(one, "loop")
    before = _entries(mine)
    one.page.evaluate(
        """() => { const made = document.createElement("button"); made.dataset.do = "promote"; made.dataset.body = '{"version": 99}';
        made.textContent = "promote"; document.querySelector("main").append(made); }"""
    )
    _press(one, "promote")
    _give(one, TOKEN)
    _confirm(one, "it was there")
    one.page.locator("#do-error").wait_for()
    assert "no version 99" in one.page.locator("#do-error").inner_text()
    assert _entries(mine) == before


def _open(somebody: Tab, page: str) -> None:
    somebody.go(f"/m/{MODEL}/{page}")


def _press(somebody: Tab, action: str) -> None:
    somebody.page.locator(f'button[data-do="{action}"]').first.click()


def _give(somebody: Tab, token: str) -> None:
    somebody.page.locator("#token-dialog input[name=token]").fill(token)
    somebody.page.locator("#token-dialog button[value=ok]").click()


def _confirm(somebody: Tab, reason: str) -> None:
    somebody.page.locator("#do-dialog").wait_for()
    if reason and somebody.page.locator("#do-dialog input[name=reason]").is_visible():
        somebody.page.locator("#do-dialog input[name=reason]").fill(reason)
    somebody.page.evaluate("() => { window.__stood = true; }")
    somebody.page.locator("#do-dialog button[value=ok]").click()


def _until(somebody: Tab, folder: Path, before: int) -> None:
    """Wait until there is more in the journal, and the page shows it."""
    for _ in range(100):
        if len(_entries(folder)) > before:
            break
        somebody.page.wait_for_timeout(100)
    somebody.page.wait_for_function("() => window.__stood === undefined && document.readyState === 'complete'")  # it was loaded again


def _entries(folder: Path) -> list[Entry]:
    return open_world(read_settings(folder)).journal.read(MODEL)
