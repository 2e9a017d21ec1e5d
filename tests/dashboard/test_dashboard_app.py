"""The dashboard as an application: how answers are sealed, what is refused, what is asked once, what is shown without a store."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

import nasty
from dashboarded import TOKEN, client
from flyball.dashboard import actions, table
from flyball.dashboard.app import make_app
from flyball.dashboard.records import DashboardPorts
from flyball.dashboard.table import PAGES
from flyball.server.admin.routes import ROUTES
from flyball.spec.records import Spec
from flyball.wiring import open_dashboard

T = TypeVar("T")
SLUG = "flight-delay"
ALLOWED = {"authorization": f"Bearer {TOKEN}"}
BODY = {"reason": "a test"}
ACTIONS = [route.path.replace("{job}", "admin-train-0123456789abcdef") for route in ROUTES if route.method == "POST"]
SEAL = ("content-security-policy", "x-content-type-options", "referrer-policy", "x-frame-options", "cache-control")


class Timepiece:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def mine(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that lived, whose dashboard has a token."""
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", TOKEN)
    return Path(shutil.copytree(lived, tmp_path / "flights"))


@pytest.fixture
def ports(mine: Path) -> DashboardPorts:
    return replace(open_dashboard([mine]), clock=Timepiece())


@pytest.fixture
def pages() -> Iterator[Callable[..., None]]:
    """Puts other pages in the place of those that are there."""
    before = table.PAGES

    def put(*rows: table.Row) -> None:
        table.PAGES = rows

    yield put
    table.PAGES = before


def told(ports: DashboardPorts, story: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    async def tell() -> T:
        async with client(ports) as asks:
            return await story(asks)

    return asyncio.run(tell())


def get(ports: DashboardPorts, path: str, **headers: str) -> httpx.Response:
    return told(ports, lambda asks: asks.get(path, headers=headers))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 307),
        (f"/m/{SLUG}", 307),
        (f"/m/{SLUG}/loop", 200),
        (f"/m/{SLUG}/loop?part=loop", 200),
        (f"/m/{SLUG}/loop?part=none", 404),
        (f"/m/{SLUG}/nothing", 404),
        ("/m/nobody/loop", 404),
        ("/nothing", 404),
        ("/a/b/c/d", 404),
        (f"/m/{SLUG}/do/freeze", 405),
        ("/static/dashboard.css", 200),
        ("/static/dashboard.js", 200),
        ("/static/icon.svg", 200),
        ("/static/nothing.js", 404),
        ("/static/..%2F..%2Fapp.py", 404),
        ("/health", 200),
    ],
)
def test_every_answer_is_sealed(ports: DashboardPorts, path: str, status: int) -> None:
    answer = get(ports, path)
    assert answer.status_code == status
    assert [name for name in SEAL if name not in answer.headers] == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert "set-cookie" not in answer.headers
    assert not any(name.startswith("access-control-") for name in answer.headers)


def test_pages_are_never_kept_by_a_browser_and_assets_for_minutes(ports: DashboardPorts) -> None:
    assert get(ports, f"/m/{SLUG}/loop").headers["cache-control"] == "no-store"
    assert get(ports, "/static/dashboard.js").headers["cache-control"] == "max-age=300"


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "localhost.example.com:80", "[::2]", "127.0.0.2", ""])
def test_whoever_calls_it_by_another_name_gets_nothing(ports: DashboardPorts, host: str) -> None:
    for path in (f"/m/{SLUG}/loop", "/static/dashboard.js", "/health", "/nothing"):
        answer = get(ports, path, host=host)
        assert (answer.status_code, SLUG in answer.text) == (421, False)
        assert "content-security-policy" in answer.headers
    refused = told(ports, lambda asks: asks.post(f"/m/{SLUG}/do/freeze", json=BODY, headers={**ALLOWED, "host": host}))
    assert refused.status_code == 421
    assert not _frozen(ports)


@pytest.mark.parametrize("nasty_path", ["<script>alert(1)</script>", "pwned'\"><b>", "a\x00pwned", "../pwned", "pwned" * 500])
def test_what_is_not_there_is_not_repeated(ports: DashboardPorts, nasty_path: str) -> None:
    from urllib.parse import quote

    for path in (f"/m/{SLUG}/{quote(nasty_path, safe='')}", f"/m/{quote(nasty_path, safe='')}/loop", f"/{quote(nasty_path, safe='')}"):
        answer = get(ports, path)
        assert answer.status_code == 404
        assert "pwned" not in answer.text and "alert(1)" not in answer.text


@pytest.mark.parametrize("page", [row.name for row in PAGES])
def test_nothing_in_an_address_breaks_a_page_or_comes_back_as_markup(ports: DashboardPorts, page: str) -> None:
    words = ("page", "self", "lang", "part", "column", "version", "id", "from", "to", "kind", "seq", "slice")

    async def story(asks: httpx.AsyncClient) -> list[str]:
        found = []
        for text in (*nasty.STRINGS, "0", "2", "1e309", "2013-03-20T00:00:00Z", *nasty.conformance()[::12]):
            for word in ({word: text for word in words if word not in ("lang", "part")}, {"part": text}, {"lang": text}):
                try:
                    answer = await asks.get(f"/m/{SLUG}/{page}", params=word)
                except httpx.InvalidURL:
                    continue
                if (
                    answer.status_code >= 500
                    or "<script>window" in answer.text
                    or "<img src=x" in answer.text
                    or "<svg onload" in answer.text
                ):
                    found.append(f"{answer.status_code} for {word}")
        return found

    assert told(ports, story) == []


@pytest.mark.parametrize("path", ACTIONS)
def test_no_action_without_the_token(ports: DashboardPorts, path: str) -> None:
    before = _entries(ports)

    async def story(asks: httpx.AsyncClient) -> list[int]:
        where = f"/m/{SLUG}/do/{path}"
        wrong = ["Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} {TOKEN}"]
        found = [(await asks.post(where, json=BODY)).status_code]
        found += [(await asks.post(where, json=BODY, headers={"authorization": one})).status_code for one in wrong]
        found.append((await asks.post(f"{where}?token={TOKEN}", json=BODY, headers={"cookie": f"token={TOKEN}"})).status_code)
        twice = [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")]
        found.append((await asks.post(where, json=BODY, headers=twice)).status_code)
        return found

    assert set(told(ports, story)) == {401}
    assert _entries(ports) == before


def test_without_a_token_in_its_surroundings_the_actions_are_closed_and_say_how_to_open_them(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLYBALL_ADMIN_TOKEN")
    ports = open_dashboard([mine])
    answer = told(ports, lambda asks: asks.post(f"/m/{SLUG}/do/freeze", json=BODY, headers=ALLOWED))
    assert answer.status_code == 403
    assert "FLYBALL_ADMIN_TOKEN" in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ACTIONS)
def test_nothing_but_a_post_is_an_action(ports: DashboardPorts, path: str, method: str) -> None:
    before = _entries(ports)
    answer = told(ports, lambda asks: asks.request(method, f"/m/{SLUG}/do/{path}", headers=ALLOWED))
    assert answer.status_code == 405
    assert _entries(ports) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.com"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
    ],
)
def test_what_a_page_from_elsewhere_can_send_is_refused(ports: DashboardPorts, headers: dict[str, str]) -> None:
    before = _entries(ports)
    where = f"/m/{SLUG}/do/freeze"
    content = b'{"reason": "a test"}'
    send = {"content-type": "application/json", **ALLOWED, **headers}
    answer = told(ports, lambda asks: asks.post(where, content=content, headers=send))
    assert answer.status_code in (403, 415)
    assert "error" in answer.json()
    assert _entries(ports) == before


@pytest.mark.parametrize(
    ("mode", "dest", "status"),
    [
        ("navigate", "document", 200),
        ("navigate", "iframe", 403),
        ("no-cors", "image", 403),
        ("cors", "empty", 403),
        ("no-cors", "script", 403),
    ],
)
def test_a_page_from_elsewhere_can_be_left_by_a_link_and_makes_no_page_be_made_behind_somebodys_back(
    ports: DashboardPorts, mode: str, dest: str, status: int
) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert told(ports, lambda asks: asks.get(f"/m/{SLUG}/loop", headers=headers)).status_code == status


def test_an_order_that_does_not_arrive_in_time_is_given_up(ports: DashboardPorts, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b'{"reason": '
        await asyncio.sleep(5)
        yield b'"x"}'

    monkeypatch.setattr(actions, "BODY_TIMEOUT", 0.1)
    headers = {**ALLOWED, "content-type": "application/json"}
    answer = told(ports, lambda asks: asks.post(f"/m/{SLUG}/do/freeze", content=slow(), headers=headers))
    assert answer.status_code == 408 and not _frozen(ports)


def test_beyond_so_many_pages_at_once_one_is_asked_to_come_again(ports: DashboardPorts, pages: Callable[..., None], counted: str) -> None:
    pages(table.Row("slow", f"{counted}:slow"))

    async def story(asks: httpx.AsyncClient) -> list[int]:
        found = await asyncio.gather(*(asks.get(f"/m/{SLUG}/slow?zz={number}") for number in range(40)))
        return [one.status_code for one in found]

    found = told(ports, story)
    assert set(found) == {200, 503} and found.count(200) == 16


def test_the_language_of_an_address_stays_on_the_way_to_the_first_page(ports: DashboardPorts) -> None:
    assert get(ports, f"/m/{SLUG}?lang=zh").headers["location"] == f"/m/{SLUG}/loop?lang=zh"


def test_the_dashboards_own_page_may_act(ports: DashboardPorts) -> None:
    headers = {**ALLOWED, "origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    answer = told(ports, lambda asks: asks.post(f"/m/{SLUG}/do/freeze", json=BODY, headers=headers))
    assert answer.status_code == 200
    assert _frozen(ports)


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("freeze", b"{", 400),
        ("freeze", b"[]", 422),
        ("freeze", b'{"reason": 5}', 422),
        ("freeze", b'{"reason": "x", "more": 1}', 422),
        ("freeze", b"{}", 422),
        ("promote", b'{"version": 99}', 404),
        ("promote", b'{"version": "2"}', 422),
        ("promote", b'{"version": 2, "reason": "x"}', 409),
        ("nothing", b"{}", 404),
        ("freeze/more", b"{}", 404),
        ("freeze", b'{"reason": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_words(ports: DashboardPorts, path: str, content: bytes, status: int) -> None:
    before = _entries(ports)
    headers = {**ALLOWED, "content-type": "application/json"}
    answer = told(ports, lambda asks: asks.post(f"/m/{SLUG}/do/{path}", content=content, headers=headers))
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 10
    assert "Traceback" not in answer.text
    assert _entries(ports) == before


def test_an_action_for_a_model_that_is_not_here_is_not_found(ports: DashboardPorts) -> None:
    answer = told(ports, lambda asks: asks.post("/m/nobody/do/freeze", json=BODY, headers=ALLOWED))
    assert (answer.status_code, "error" in answer.json()) == (404, True)


def test_two_who_roll_back_at_once_do_it_once_and_the_second_is_told(ports: DashboardPorts) -> None:
    async def story(asks: httpx.AsyncClient) -> list[httpx.Response]:
        return list(await asyncio.gather(*(asks.post(f"/m/{SLUG}/do/rollback", json=BODY, headers=ALLOWED) for _ in range(2))))

    before = len(_entries(ports))
    found = sorted(told(ports, story), key=lambda one: one.status_code)
    assert [one.status_code for one in found] == [200, 409]
    assert "no previous champion" in found[1].json()["error"]
    assert [kind for kind in _entries(ports)[before:] if kind == "RolledBack"] == ["RolledBack"]


def test_a_button_that_was_shown_under_another_champion_does_nothing(ports: DashboardPorts) -> None:
    async def story(asks: httpx.AsyncClient) -> list[httpx.Response]:
        shown = [{**ALLOWED, "x-flyball-seen": seen} for seen in ("99.1.0.0.0", "0", "<b>")]
        return [await asks.post(f"/m/{SLUG}/do/rollback", json=BODY, headers=headers) for headers in shown]

    before = _entries(ports)
    found = told(ports, story)
    assert [one.status_code for one in found] == [409, 409, 409]
    assert "changed since this was shown, so nothing was done: the champion is now version 2" in found[0].json()["error"]
    assert _entries(ports) == before


def test_whose_token_it_is_can_be_asked_before_it_is_used(ports: DashboardPorts) -> None:
    async def story(asks: httpx.AsyncClient) -> list[httpx.Response]:
        wrong = {"authorization": "Bearer wrong"}
        return [await asks.post(f"/m/{SLUG}/who", json={}, headers=headers) for headers in (ALLOWED, wrong, {})]

    right, *others = told(ports, story)
    assert right.status_code == 200 and right.json()["actor"]
    assert [one.status_code for one in others] == [401, 401]


def test_what_was_done_is_seen_at_once(ports: DashboardPorts) -> None:
    async def story(asks: httpx.AsyncClient) -> tuple[str, str]:
        before = (await asks.get(f"/m/{SLUG}/loop")).text
        await asks.post(f"/m/{SLUG}/do/freeze", json=BODY, headers=ALLOWED)
        return before, (await asks.get(f"/m/{SLUG}/loop")).text

    before, after = told(ports, story)
    assert 'data-do="freeze"' in before and 'data-do="thaw"' not in before
    assert 'data-do="thaw"' in after and 'data-do="freeze"' not in after


COUNTED = """
import threading
from flyball.core.errors import StoreError
from flyball.dashboard.records import Page, Part
from markupsafe import Markup
made = []

def page(ask):
    made.append(dict(ask.query))
    return Page(title="counted", parts=[Part(key="main", body=Markup(f"made {len(made)}"))])

def broken(ask):
    raise ZeroDivisionError("nobody foresaw pwned")

def half(ask):
    return Page(title="half", parts=[Part(key="main", body=None), object()])

def slow(ask):
    threading.Event().wait(0.3)
    return page(ask)

def large(ask):
    made.append(dict(ask.query))
    return Page(title="large", parts=[Part(key="main", body=Markup("x" * 100_000))])
"""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module with pages that count, and pages that fail."""
    name = f"counted_{os.getpid()}_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(COUNTED)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_fifty_tabs_cost_as_much_as_one(ports: DashboardPorts, pages: Callable[..., None], counted: str) -> None:
    pages(table.Row("loop", f"{counted}:page"))

    async def story(asks: httpx.AsyncClient) -> tuple[set[str], set[str], set[str]]:
        found = [await asyncio.gather(*(asks.get(f"/m/{SLUG}/loop") for _ in range(50))) for _ in range(2)]
        await asyncio.sleep(1.1)
        found.append(await asyncio.gather(*(asks.get(f"/m/{SLUG}/loop") for _ in range(50))))
        first, second, third = ({answer.text for answer in some} for some in found)
        return first, second, third

    first, second, third = told(ports, story)
    assert len(first) == 1 and first == second
    assert third != first
    assert len(__import__(counted).made) == 2


def test_sections_that_are_fetched_together_are_of_one_making(ports: DashboardPorts, pages: Callable[..., None], counted: str) -> None:
    pages(table.Row("loop", f"{counted}:page"))

    async def story(asks: httpx.AsyncClient) -> list[httpx.Response]:
        whole = asks.get(f"/m/{SLUG}/loop")
        return await asyncio.gather(whole, *(asks.get(f"/m/{SLUG}/loop", params={"part": part}) for part in ("main", "nothing", "main")))

    whole, part, nothing, again = told(ports, story)
    assert [one.status_code for one in (whole, part, nothing, again)] == [200, 200, 404, 200]
    assert part.text == again.text and part.text in whole.text and nothing.text == ""
    assert len(__import__(counted).made) == 1


def test_a_tab_that_is_closed_does_not_take_the_page_from_the_others(ports: DashboardPorts) -> None:
    async def story(asks: httpx.AsyncClient) -> int:
        one, other = (asyncio.ensure_future(asks.get(f"/m/{SLUG}/loop")) for _ in range(2))
        await asyncio.sleep(0.01)
        one.cancel()
        return (await other).status_code

    assert told(ports, story) == 200


def test_one_page_that_fails_is_told_and_the_others_go_on(ports: DashboardPorts, pages: Callable[..., None], counted: str) -> None:
    pages(*PAGES[:2], table.Row("model", f"{counted}:broken"), table.Row("drift", f"{counted}:half"))

    async def story(asks: httpx.AsyncClient) -> list[httpx.Response]:
        return [await asks.get(f"/m/{SLUG}/{name}") for name in ("loop", "model", "drift", "now", "loop")]

    good, broken, half, *others = told(ports, story)
    assert (good.status_code, [one.status_code for one in others]) == (200, [200, 200])
    for one in (broken, half):
        assert one.status_code == 500
        assert "pwned" not in one.text and "ZeroDivision" not in one.text
        assert "This page cannot be shown" in one.text
        assert "content-security-policy" in one.headers


def test_what_is_kept_is_bounded(ports: DashboardPorts, pages: Callable[..., None], counted: str) -> None:
    import tracemalloc

    pages(table.Row("loop", f"{counted}:large"))

    async def story(asks: httpx.AsyncClient) -> tuple[int, int]:
        sizes = []
        tracemalloc.start()
        for turn in range(2):
            for number in range(200):
                assert (await asks.get(f"/m/{SLUG}/loop?page={turn * 200 + number}")).status_code == 200
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        return sizes[0], sizes[1]

    first, second = told(ports, story)
    assert second < 1.2 * first
    assert first < 64 * 2 * 100_000 * 2


def _gone(folder: Path) -> Callable[[], None]:
    """Move the database aside; what is returned brings it back."""
    names = [path for path in folder.iterdir() if path.name.startswith("flyball.db")]
    for path in names:
        path.rename(path.with_name("aside-" + path.name))

    def back() -> None:
        for path in folder.glob("flyball.db*"):
            path.unlink()
        for path in names:
            path.with_name("aside-" + path.name).rename(path)

    return back


def _garbage(folder: Path) -> Callable[[], None]:
    """Put something else in the database's place."""
    back = _gone(folder)
    (folder / "flyball.db").write_bytes(b"this is no database " * 1000)
    return back


def _overwritten(folder: Path) -> Callable[[], None]:
    """Write something else into the database's file."""
    with closing(sqlite3.connect(folder / "flyball.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = folder / "flyball.db"
    before = path.read_bytes()
    path.write_bytes(b"this is no database " * (len(before) // 20))

    def back() -> None:
        path.write_bytes(before)

    return back


def _locked_out(folder: Path) -> Callable[[], None]:
    """Put a folder in the database's place."""
    back = _gone(folder)
    (folder / "flyball.db").mkdir()

    def undo() -> None:
        (folder / "flyball.db").rmdir()
        back()

    return undo


@pytest.mark.parametrize("takes_away", [_garbage, _overwritten, _locked_out, _gone])
def test_while_the_store_is_away_a_page_says_since_when_and_shows_what_it_showed(
    mine: Path, takes_away: Callable[[Path], Callable[[], None]]
) -> None:
    clock = Timepiece()
    pages = [f"/m/{SLUG}/{page}" for page in ("loop", "model", "decisions")]

    async def story(asks: httpx.AsyncClient) -> None:
        for page in pages:
            good = await asks.get(page)
            assert good.status_code == 200 and 'id="away" role="status"' in good.text
        back = takes_away(mine)
        try:
            await asyncio.sleep(1.1)
            clock.now += timedelta(minutes=5)
            first = [await asks.get(page) for page in pages]
            await asyncio.sleep(1.1)
            clock.now += timedelta(minutes=7)
            second = [await asks.get(page) for page in pages]
            parts = [await asks.get(f"{page}?part=answer") for page in pages]
        finally:
            back()
        for one in (*first, *second):
            assert one.status_code == 200, one.text[:2000]
            assert "Not to be read since 2026-03-01 12:05 UTC: " in one.text
            assert "What is shown is from 2026-03-01 12:00 UTC. " in one.text
        assert all(part.status_code == 503 and "12:05" in part.text for part in parts)
        await asyncio.sleep(1.1)
        for page in pages:
            again = await asks.get(page)
            assert again.status_code == 200 and "Not to be read since" not in again.text

    told(replace(open_dashboard([mine]), clock=clock), story)


def test_a_page_nobody_saw_before_the_store_went_away_says_since_when(mine: Path) -> None:
    back = _garbage(mine)
    try:
        answer = get(open_dashboard([mine]), f"/m/{SLUG}/loop")
    finally:
        back()
    assert answer.status_code == 503
    assert "Not to be read since" in answer.text


def test_the_list_of_models_shows_the_others_while_one_store_is_away(mine: Path, lived: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(lived, tmp_path / "other"))
    text = (other / "flyball.toml").read_text()
    (other / "flyball.toml").write_text(text.replace('name = "flight-delay"', 'name = "other"'))
    back = _garbage(mine)
    try:
        answer = get(open_dashboard([mine, other]), "/")
    finally:
        back()
    assert answer.status_code == 200
    assert answer.text.count("<tr>") == 3 and 'class="words error"' in answer.text


def test_a_spec_that_cannot_be_read_is_told_with_its_place(mine: Path) -> None:
    ports = open_dashboard([mine])
    (mine / "flyball.toml").write_text("[model\n")
    answer = get(ports, f"/m/{SLUG}/loop")
    assert answer.status_code == 409
    assert "flyball.toml" in answer.text


def test_looking_changes_nothing(mine: Path, ports: DashboardPorts) -> None:
    def contents() -> dict[str, int]:
        with closing(sqlite3.connect(mine / "flyball.db")) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}

    before = contents()

    async def story(asks: httpx.AsyncClient) -> None:
        for row in PAGES:
            assert (await asks.get(f"/m/{SLUG}/{row.name}")).status_code == 200
        assert (await asks.get(f"/m/{SLUG}/prediction?id=0123456789abcdef0123456789abcdef")).status_code == 200

    told(ports, story)
    assert contents() == before


def test_asking_for_a_prediction_that_is_not_there_takes_nothing_in(ports: DashboardPorts) -> None:
    project, taken = ports.projects[0], list[int]()

    class Log:
        def __getattr__(self, name: str) -> object:
            return getattr(project.world().predictions, name)

        def ingest(self) -> int:
            taken.append(1)
            return 0

    watched = replace(project, world=lambda: replace(project.world(), predictions=Log()))  # type: ignore[arg-type]  # it hands on the rest
    answer = get(replace(ports, projects=(watched,)), f"/m/{SLUG}/prediction?id=0123456789abcdef0123456789abcdef")
    assert answer.status_code == 200 and taken == []


def test_a_project_that_fails_in_a_way_nobody_foresaw_has_its_row_too(ports: DashboardPorts) -> None:
    def odd() -> Spec:
        raise ValueError("odd")

    project = ports.projects[0]
    both = replace(ports, projects=(project, replace(project, slug="odd", name="odd", spec=odd)))
    answer = get(both, "/")
    assert answer.status_code == 200 and "ValueError: odd" in answer.text and f"/m/{SLUG}/loop" in answer.text


def test_the_application_can_be_made_for_several_hosts(ports: DashboardPorts) -> None:
    async def story() -> list[int]:
        transport = httpx.ASGITransport(app=make_app(ports, hosts=frozenset({b"127.0.0.1", b"localhost"})))
        async with httpx.AsyncClient(transport=transport) as asks:
            return [(await asks.get(f"http://{host}/health")).status_code for host in ("127.0.0.1", "localhost:9", "example.com")]

    assert asyncio.run(story()) == [200, 200, 421]


def _entries(ports: DashboardPorts) -> list[str]:
    return [type(entry.event).__name__ for entry in ports.projects[0].world().journal.read("flight-delay")]


def _frozen(ports: DashboardPorts) -> bool:
    return _entries(ports)[-1] == "Frozen"
