"""What axe finds: nothing serious on any page, in either theme. What is moderate is listed with the artifacts of the run."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from browsers import NARROW, PICTURES, WIDE, Shown, axe, tab
from flyball.dashboard.table import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_RUN = """() => axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.map((one) => ({
  rule: one.id, impact: one.impact, help: one.help,
  where: one.nodes.slice(0, 4).map((node) => node.target.join(" ") + ": " + (node.failureSummary || "").replaceAll("\\n", " ")),
})))"""


@pytest.fixture(scope="session")
def source() -> str:
    """axe itself."""
    return axe()


@pytest.mark.parametrize("kind", ["lived", "fresh"])
@pytest.mark.parametrize("name", [*(row.name for row in PAGES), ""])
def test_axe_finds_nothing_serious(browser: "Browser", shown: Shown, source: str, name: str, kind: str) -> None:
    found: list[tuple[str, dict[str, Any]]] = []
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs[kind]}/{name}" if name else "/")
        one.page.evaluate(source)
        for width, theme in ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light")):
            one.wide(width)
            one.theme(theme)
            found += [(f"{width} {theme}", violation) for violation in one.page.evaluate(_RUN)]
    _list(f"axe-{kind}-{name or 'fleet'}", found)
    serious = [(where, violation) for where, violation in found if violation["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)


@pytest.mark.parametrize("which", ["token", "do"])
def test_axe_finds_nothing_serious_in_a_dialog(browser: "Browser", shown: Shown, source: str, which: str) -> None:
    with tab(browser, shown.url) as one:
        one.go(f"/m/{shown.slugs['lived']}/loop")
        if which == "do":
            one.page.evaluate("() => sessionStorage.setItem('token', 'x'.repeat(40))")
            one.page.locator('[data-do="freeze"]').click()
        else:
            one.page.locator("[data-token-button]").click()
        assert one.page.locator(f"#{which}-dialog").is_visible()
        one.page.evaluate(source)
        serious = [found for found in one.page.evaluate(_RUN) if found["impact"] in ("serious", "critical")]
        assert serious == [], json.dumps(serious, indent=1)


def _list(name: str, found: list[tuple[str, dict[str, Any]]]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
