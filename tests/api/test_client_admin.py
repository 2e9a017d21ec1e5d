"""The admin face of the clients: the table of the admin API as calls, with the errors the clients have."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from administered import NAMED, SECRET, administered, journal
from flyball.api.async_client import AsyncClient
from flyball.api.client import Client
from flyball.core.errors import ConflictError, NotFoundError, RefusedError, RequestError, UsageError
from served import MODEL, Site, serving


@pytest.fixture
def shop(tmp_path: Path) -> Site:
    return administered(tmp_path / "project")


@pytest.fixture
def url(shop: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", f"{SECRET} {NAMED}")
    with serving(shop.settings()) as (url, _):
        yield url


def test_what_may_be_done_over_http_is_one_call(url: str, shop: Site) -> None:
    with Client(url, token=NAMED) as client:
        assert client.admin("GET", "status")["champion"].startswith("2 since")
        moved = client.admin("POST", "promote", {"version": 1, "reason": "the better one"})
        assert moved["entries"][0]["actor"] == "token:alice"
        assert client.admin("POST", "/rollback/", {"reason": "no, it was not"})["entries"][0]["kind"] == "rolled back"
        part = client.admin("GET", "journal", {"after": 1, "limit": 2})
        assert [one["seq"] for one in part["entries"]] == [2, 3]
        then = client.admin("GET", "history", {"at": datetime(2026, 1, 2, tzinfo=UTC)})
        assert then["champion"] == 2
        assert len(client.admin("GET", "retrains", {"all": True})["trainings"]) == 3
    with Client(url, model=MODEL, token=SECRET) as named:
        assert named.admin("GET", "why/3")["gate"]["verdict"] == "fail"


def test_refusals_are_the_errors_of_the_client(url: str) -> None:
    with Client(url, token=SECRET) as client:
        with pytest.raises(ConflictError, match="did not pass its gate"):
            client.admin("POST", "promote", {"version": 3})
        with pytest.raises(NotFoundError, match="there is no version 9"):
            client.admin("GET", "why/9")
        with pytest.raises(RequestError, match="did you mean 'reason'") as wrong:
            client.admin("POST", "freeze", {"reasn": "x"})
        assert wrong.value.field == "reasn"
        with pytest.raises(UsageError, match="GET or a POST"):
            client.admin("DELETE", "status")  # type: ignore[arg-type]  # what is not allowed is said
    with Client(url, token="x" * 64) as stranger, pytest.raises(RefusedError, match="the admin token is wrong"):
        stranger.admin("GET", "status")
    with Client(url) as nobody, pytest.raises(UsageError, match="need a token"):
        nobody.admin("GET", "status")
    with Client(url, token="two words\n") as odd, pytest.raises(UsageError, match="no token has"):
        odd.admin("GET", "status")


def test_the_awaited_client_has_the_same_face(url: str, shop: Site) -> None:
    async def story() -> None:
        async with AsyncClient(url, token=SECRET) as client:
            await client.admin("POST", "freeze", {"reason": "a holiday", "for": "24h"})
            assert "a holiday" in (await client.admin("GET", "status"))["frozen"]
            with pytest.raises(ConflictError, match="is frozen"):
                await client.admin("POST", "promote", {"version": 1})
            await client.admin("POST", "thaw")
        async with AsyncClient(url) as nobody:
            with pytest.raises(UsageError, match="need a token"):
                await nobody.admin("GET", "status")

    asyncio.run(story())
    assert [entry.actor for entry in journal(shop)[-2:]] == ["admin", "admin"]
