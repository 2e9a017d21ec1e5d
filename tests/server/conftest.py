"""A served site, in this process (`post`, `get` without sockets) for what needs no processes."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flyball.server.app import make_app, running
from served import Served, Site, site

T = TypeVar("T")


Story = Callable[[Served], Awaitable[T]]


@pytest.fixture
def made(tmp_path: Path) -> Site:
    """A site with one deployed version."""
    made = site(tmp_path / "project")
    made.deploy(1)
    return made


@pytest.fixture
def play(made: Site) -> Callable[..., Any]:
    """Run a coroutine function against the site's app."""

    def run(story: Story[T], **settings: Any) -> T:
        async def whole() -> T:
            async with running(make_app(made.settings(poll_every=3600.0, **settings), made.ports)) as app:
                served = Served(made, app)
                try:
                    return await story(served)
                finally:
                    await served.client.aclose()

        return asyncio.run(whole())

    return run


@pytest.fixture(scope="session")
def conformance() -> Iterator[Path]:
    """The external vectors."""
    folder = Path(os.environ.get("FLYBALL_CONFORMANCE", Path(__file__).parents[2].parent / "shared" / "conformance"))
    if not folder.is_dir():
        pytest.skip(f"no external vectors at {folder}: set FLYBALL_CONFORMANCE")
    yield folder
