"""Projects of all kinds, one dashboard over them, and a browser for those who look at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import nasty
from browsers import KINDS, Shown, chromium, dashboard
from flyball.core.slug import slug
from flyball.spec.load import load_spec
from grown import Grown, grow
from trained import flyball

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def kinds(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of projects: one that lived, a fresh one, one with 500 features, and one where everything has a nasty name."""
    folder = tmp_path_factory.mktemp("projects")
    shutil.copytree(lived, folder / "lived")
    assert flyball(folder, "init", "fresh", "--example", "churn").status == 0
    for kind in ("wide", "nasty"):
        (folder / kind).mkdir()
    grow(Grown(folder / "wide", "wide", [f"f{number:03d}" for number in range(500)], {}))
    _nasty(folder / "nasty")
    return folder


def _nasty(folder: Path) -> None:
    found = nasty.names(400)
    model = nasty.SCRIPTS[2]
    grow(Grown(folder, model, found[:40], {one: found[:48] for one in found[40:46]}))
    for reason in (*nasty.SCRIPTS[:6], nasty.ODD[-2]):
        said = flyball(folder, "freeze", "--reason", reason)
        assert said.status == 0, said.err
        said = flyball(folder, "thaw", "--reason", reason)
        assert said.status == 0, said.err


@pytest.fixture(scope="session")
def shown(kinds: Path) -> Iterator[Shown]:
    """A dashboard over all of them."""
    slugs = {kind: slug(load_spec(kinds / kind).model.name) for kind in KINDS}
    with dashboard(kinds) as url:
        yield Shown(url, kinds, slugs)


@pytest.fixture(scope="module")
def browser(shown: Shown) -> Iterator["Browser"]:
    """Chromium, once a module: while it is there, nothing else in this thread can run coroutines."""
    with chromium() as found:
        yield found
