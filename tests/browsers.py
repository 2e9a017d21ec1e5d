"""Real Chromium, and a real dashboard for it: what pages did that they should not have is kept while somebody looks."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from programs import missing, program, told
from trained import command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "artifacts" / "dashboard"
NODE = Path(os.environ.get("FLYBALL_NODE", ROOT / ".venv" / "node"))
TOKEN = "alice:" + "0123456789abcdef" * 4
WIDE, NARROW = 1280, 390
_HEIGHT = 900
KINDS = ("lived", "fresh", "wide", "nasty")
_WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
});
"""
_OUTSIDE = """() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  const scrolls = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > most + 1 && !scrolls(one));
  const said = (one) => `<${one.localName} class="${one.getAttribute("class") || ""}"> ${(one.textContent || "").trim().slice(0, 60)}`;
  return [`the page is ${document.documentElement.scrollWidth} wide, ${most} can be seen`, ...wide.slice(0, 6).map(said)];
}"""
_TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""


@contextlib.contextmanager
def dashboard(folder: Path, **environment: str) -> Iterator[str]:
    """`flyball dashboard` over a project, or a folder of projects, on a free port: its URL. It is ended at the end."""
    env = {**os.environ, "FLYBALL_ADMIN_TOKEN": TOKEN, **environment}
    with told(command(folder, "dashboard", "--port", "0"), r"the dashboard is at (http://[^ ]+)", patience=10, env=env) as (url, _):
        yield url


@contextlib.contextmanager
def chromium() -> Iterator["Browser"]:
    """Debian's Chromium. No coroutine can be run by hand in this thread meanwhile: playwright has a loop of its own in it."""
    path = program("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright", "pip install playwright")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-dev-shm-usage", *(["--no-sandbox"] if root else [])])
        yield browser
        browser.close()


def axe() -> str:
    """The source of axe."""
    path = NODE / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        missing("axe-core", "make .venv/node/.done (needs npm)")
    return path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Shown:
    """A dashboard over several projects: where it is, and the slug of each kind of project."""

    url: str
    folder: Path
    slugs: dict[str, str]


@dataclass
class Tab:
    """A tab, and whatever it did that a page must not do."""

    page: "Page"
    url: str
    wrong: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open an address of the dashboard."""
        self.page.goto(self.url + path, wait_until="load")

    def faults(self) -> list[str]:
        """What went wrong so far: errors, things that ran, things from elsewhere, what sticks out of the page, ids that stand twice."""
        found = self.wrong + [f"violates the policy: {one}" for one in self.page.evaluate("() => window.__violations || []")]
        if self.page.evaluate("() => window.__pwned !== undefined"):
            found.append(f"a name was run as a script: {self.page.evaluate('() => String(window.__pwned)')}")
        return [*found, *(f"the id {one!r} stands twice" for one in self.page.evaluate(_TWICE)), *self.outside()]

    def outside(self) -> list[str]:
        """What makes the page wider than the window."""
        return [f"at {self.page.viewport_size}: {one}" for one in self.page.evaluate(_OUTSIDE)]

    def theme(self, name: str) -> None:
        """Light or dark, as if it had been chosen on the page."""
        self.page.evaluate("(name) => { document.documentElement.dataset.theme = name; }", name)

    def wide(self, width: int) -> None:
        """Make the window so wide."""
        self.page.set_viewport_size({"width": width, "height": _HEIGHT})

    def picture(self, name: str) -> None:
        """Keep what can be seen, as far down as it is of use, with the artifacts of the run."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size or {"width": WIDE, "height": _HEIGHT}
        tall = min(6000, int(self.page.evaluate("() => document.documentElement.scrollHeight")))
        clip: dict[str, float] = {"x": 0, "y": 0, "width": size["width"], "height": max(tall, 1)}
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True, clip=clip)  # type: ignore[arg-type]  # a FloatRect

    def _console(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _dialog(self, dialog: "Dialog") -> None:
        self.wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: "Request") -> None:
        if not request.url.startswith((self.url + "/", "data:", "about:")):
            self.wrong.append(f"asks elsewhere: {request.url}")


@contextlib.contextmanager
def tab(browser: "Browser", url: str, width: int = WIDE) -> Iterator[Tab]:
    """A tab of somebody who was never here before."""
    context = browser.new_context(viewport={"width": width, "height": _HEIGHT}, locale="en-GB", timezone_id="Asia/Shanghai")
    context.set_default_timeout(15_000)
    context.add_init_script(_WATCH)
    page = context.new_page()
    made = Tab(page, url)
    page.on("console", made._console)
    page.on("dialog", made._dialog)
    page.on("request", made._request)
    page.on("pageerror", lambda error: made.wrong.append(f"a script failed: {error}"))
    try:
        yield made
    finally:
        context.close()
