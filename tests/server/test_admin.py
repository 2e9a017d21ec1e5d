"""The admin routes: denied by default, opened by a token, and what they write stands in the journal under that token's name."""

import asyncio
import shutil
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from administered import NAMED, SECRET, Caller, admin, administered, journal, ports
from flyball.core.errors import StoreError
from flyball.journal.events import Frozen, Promoted, Registered, RolledBack, Silenced, SilenceEnded, Staged, Thawed
from flyball.server.admin.routes import ROUTES
from served import MODEL, Site

EVERYWHERE = [route.path.replace("{version}", "1").replace("{job}", "admin-train-0123456789") for route in ROUTES]
PATHS = sorted(
    {"", "/", *(f"/{path}" for path in EVERYWHERE), *(f"/models/{MODEL}/{path}" for path in EVERYWHERE), "/nowhere", "/jobs/x/y"}
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")

Story = Callable[[Caller], Awaitable[None]]


@pytest.fixture
def shop(tmp_path: Path) -> Site:
    return administered(tmp_path / "project")


def tell(made: Site, story: Story, **more: Any) -> None:
    asyncio.run(admin(made, story, **more))


def test_every_route_and_method_is_denied_without_the_right_token(shop: Site) -> None:
    before = len(journal(shop))
    wrong: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer " + "x" * 64},
        {"authorization": "Bearer " + SECRET[:-1]},
        {"authorization": "Basic " + SECRET},
        {"authorization": SECRET},
        {"authorization": "Bearer"},
        {"cookie": f"token={SECRET}; Authorization=Bearer {SECRET}"},
    ]

    async def story(caller: Caller) -> None:
        for path in PATHS:
            for method in METHODS:
                for headers in wrong if method in ("GET", "POST") else wrong[:2]:
                    answer = await caller.plain(
                        method, f"/admin{path}", headers={"content-type": "application/json", **headers}, content=b"{}"
                    )
                    assert answer.status_code == 401, (method, path, headers)
                    assert answer.headers["www-authenticate"].startswith("Bearer")
                    assert method == "HEAD" or "Authorization: Bearer TOKEN" in answer.json()["error"]
                answer = await caller.plain(method, f"/admin{path}?token={SECRET}&access_token={SECRET}")
                assert answer.status_code == 401

    tell(shop, story)
    assert len(journal(shop)) == before


def test_without_a_token_in_the_environment_every_route_says_how_to_set_one(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        for path in PATHS:
            for method in METHODS:
                answer = await caller.plain(method, f"/admin{path}", headers={"authorization": f"Bearer {SECRET}"})
                assert answer.status_code == 403, (method, path)
                assert method == "HEAD" or "set FLYBALL_ADMIN_TOKEN to a secret of at least 32 bytes" in answer.json()["error"]

    tell(shop, story, given=ports(shop, ""))


def test_the_list_of_routes_says_what_each_takes(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        found = (await caller.get("/admin")).json()
        assert (found["actor"], found["models"]) == ("admin", [MODEL])
        assert [(one["method"], one["path"]) for one in found["routes"]] == [(one.method, f"/admin/{one.path}") for one in ROUTES]
        promote = next(one for one in found["routes"] if one["path"] == "/admin/promote")
        assert set(promote["takes"]) == {"version", "to", "share", "force", "reason"}
        freeze = next(one for one in found["routes"] if one["path"] == "/admin/freeze")
        assert set(freeze["takes"]) == {"reason", "for"}
        assert (await caller.get("/admin/")).status_code == 200

    tell(shop, story)


def test_what_is_read_is_what_the_verbs_print(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        status = (await caller.get("/admin/status")).json()
        assert status["model"] == MODEL and status["champion"].startswith("2 since") and status["journal"] == 5
        versions = (await caller.get(f"/admin/models/{MODEL}/versions")).json()["versions"]
        assert [(one["version"], one["aliases"], one["gate"]) for one in versions] == [
            (1, ["previous"], "pass"),
            (2, ["champion"], "pass"),
            (3, [], "fail"),
        ]
        story = (await caller.get("/admin/why/1")).json()
        assert story["gate"]["verdict"] == "pass"
        assert [(one["seq"], one["kind"]) for one in story["entries"]] == [(1, "registered"), (4, "promoted"), (5, "promoted")]
        part = (await caller.get("/admin/journal?after=1&limit=2")).json()
        assert [one["seq"] for one in part["entries"]] == [2, 3] and part["more"]
        entry = part["entries"][1]
        assert entry["actor"] == "loop" and entry["event"]["run_id"] == "r3" and len(entry["hash"]) == 64
        assert "1000 rows" in entry["reason"]
        assert (await caller.get("/admin/journal?after=5")).json() == {"model": MODEL, "entries": [], "more": False}
        answer = await caller.get("/admin/status")
        assert answer.headers["cache-control"] == "no-store"

    tell(shop, story)


def test_what_is_written_serves_at_once_and_stands_in_the_journal_under_the_tokens_name(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        promoted = await caller.post("/admin/promote", {"version": 1, "reason": "the better one"})
        assert promoted.status_code == 200, promoted.text
        assert promoted.json()["seq"] == 6 and promoted.json()["entries"][0]["action"] == "promote"
        assert "the next tick does" in promoted.json()["trouble"]
        await caller.look()
        deployed = shop.ports.deployments.current(MODEL)
        assert deployed is not None and (deployed.champion, deployed.previous, deployed.seq) == (1, 2, 6)
        row = {"hour": 1, "temp": 1.0, "rain": True}
        assert (await caller.post("/predict", {"features": row})).json()["version"] == 1
        caller.token = NAMED
        assert (await caller.post(f"/admin/models/{MODEL}/rollback", {"reason": "it is not"})).json()["entries"][0][
            "actor"
        ] == "token:alice"
        assert (await caller.post("/admin/promote", {"version": 1, "to": "staging", "share": 0.25})).status_code == 200
        assert (await caller.post("/admin/promote", {"version": 1, "to": "none"})).status_code == 200
        assert (await caller.post("/admin/freeze", {"reason": "a holiday", "for": "24h"})).status_code == 200
        assert (await caller.post("/admin/thaw", {})).status_code == 200
        assert (await caller.post("/admin/silence", {"pattern": "drift:*", "for": "2h", "reason": "known"})).status_code == 200
        assert (await caller.post("/admin/silence", {"pattern": "drift:*", "end": True})).status_code == 200

    tell(shop, story)
    written = journal(shop)[5:]
    assert [type(entry.event) for entry in written] == [Promoted, RolledBack, Staged, Staged, Frozen, Thawed, Silenced, SilenceEnded]
    assert [entry.actor for entry in written] == ["admin", *["token:alice"] * 7]
    frozen = written[4]
    assert isinstance(frozen.event, Frozen) and frozen.event.until is not None
    assert (frozen.event.until - frozen.at).total_seconds() == 86400


def test_a_version_whose_bundle_is_gone_is_not_promoted(shop: Site) -> None:
    before = len(journal(shop))
    gone = next(one.event for one in journal(shop) if isinstance(one.event, Registered) and one.event.version == 1)
    shutil.rmtree(shop.ports.bundles.path(gone.bundle))

    async def story(caller: Caller) -> None:
        for body in ({"version": 1}, {"version": 1, "to": "staging", "share": 0.25}):
            answer = await caller.post("/admin/promote", body)
            assert answer.status_code == 409, answer.text
            assert "no server can load it: the bundle" in answer.json()["error"]

    tell(shop, story)
    assert len(journal(shop)) == before


def test_what_the_present_state_forbids_is_409_and_changes_nothing(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        for path, body, word in (
            ("promote", {"version": 2}, "champion already"),
            ("promote", {"version": 3}, "did not pass its gate"),
            ("promote", {"version": 2, "to": "staging"}, "it is the champion"),
            ("promote", {"version": 1, "to": "none"}, "is not staged"),
            ("thaw", {}, "is not frozen"),
        ):
            answer = await caller.post(f"/admin/{path}", body)
            assert answer.status_code == 409 and word in answer.json()["error"], answer.text
            assert "; " in answer.json()["error"], "what to do next is said too"
            assert "--force" not in answer.text
        assert (await caller.post("/admin/freeze", {"reason": "stop"})).status_code == 200
        frozen = await caller.post("/admin/promote", {"version": 1})
        assert frozen.status_code == 409 and "is frozen (stop" in frozen.json()["error"]
        assert len(journal(shop)) == 6
        forced = await caller.post("/admin/promote", {"version": 3, "force": True, "reason": "I know better"})
        assert forced.status_code == 200

    tell(shop, story)
    event = journal(shop)[-1].event
    assert isinstance(event, Promoted) and (event.version, event.forced) == (3, True)


def test_what_is_not_there_is_404(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        for method, path in (
            ("POST", "promote"),
            ("GET", "why/9"),
            ("GET", "stauts"),
            ("GET", "jobs/admin-train-0123456789"),
            ("GET", "models/other/status"),
            ("GET", f"models/{MODEL}"),
            ("POST", "silence"),
        ):
            bodies: dict[str, dict[str, Any]] = {"promote": {"version": 9}, "silence": {"pattern": "x", "end": True}}
            body = bodies.get(path, {})
            answer = await (caller.get(f"/admin/{path}") if method == "GET" else caller.post(f"/admin/{path}", body))
            assert answer.status_code == 404 and answer.json()["error"], (path, answer.text)
        assert "did you mean 'status'" in (await caller.get("/admin/stauts")).json()["error"]
        for method, path, allowed in (
            ("POST", "status", "GET"),
            ("GET", "promote", "POST"),
            ("DELETE", "why/1", "GET"),
            ("HEAD", "", "GET"),
        ):
            answer = await caller.plain(method, f"/admin/{path}", headers={"authorization": f"bearer {SECRET}"})
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)

    tell(shop, story)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("promote", {}, "version"),
        ("promote", {"version": "1"}, "version"),
        ("promote", {"version": 1.5}, "version"),
        ("promote", {"version": True}, "version"),
        ("promote", {"version": 0}, "version"),
        ("promote", {"version": 10**30}, "version"),
        ("promote", {"version": 1, "to": "prod"}, "to"),
        ("promote", {"version": 1, "to": "staging", "share": 1.5}, "share"),
        ("promote", {"version": 1, "share": 0.5}, "share"),
        ("promote", {"version": 1, "forse": True}, "forse"),
        ("promote", {"version": 1, "force": "yes", "reason": "x"}, "force"),
        ("promote", {"version": 1, "force": True}, "reason"),
        ("promote", {"version": 1, "reason": "x" * 1001}, "reason"),
        ("promote", {"version": 1, "reason": "a\nb"}, "reason"),
        ("promote", {"version": 1, "reason": "\x1b[2J"}, "reason"),
        ("promote", {"version": 1, "reason": ["x"]}, "reason"),
        ("rollback", {"reason": 7}, "reason"),
        ("freeze", {}, "reason"),
        ("freeze", {"reason": ""}, "reason"),
        ("freeze", {"reason": "x", "for": "soon"}, "for"),
        ("silence", {"pattern": "x", "reason": "y"}, "for"),
        ("silence", {"pattern": "x", "for": "1h"}, "reason"),
        ("silence", {"pattern": "x", "for": "1h", "end": True}, "for"),
        ("silence", {"pattern": "x", "reason": "y", "for": "900d"}, ""),
        ("promote?version=1", {}, "version"),
        ("promote", [], ""),
        ("promote", [1], ""),
    ],
)
def test_what_is_malformed_is_422_and_named(shop: Site, path: str, body: Any, field: str) -> None:
    async def story(caller: Caller) -> None:
        answer = await caller.post(f"/admin/{path}", body)
        assert answer.status_code == 422, answer.text
        assert answer.json().get("field", "") == field and answer.json()["error"]

    tell(shop, story)
    assert len(journal(shop)) == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("limit=0", "limit"),
        ("limit=100000", "limit"),
        ("before=1", "before"),
        ("after=1&after=2", "after"),
        ("after", ""),
        ("&".join(f"a{n}=1" for n in range(99)), ""),
        ("after=%ff", ""),
    ],
)
def test_a_query_that_cannot_be_read_is_422(shop: Site, query: str, field: str) -> None:
    async def story(caller: Caller) -> None:
        answer = await caller.get(f"/admin/journal?{query}")
        assert answer.status_code == 422, answer.text
        assert answer.json().get("field", "") == field
        assert (await caller.get("/admin/why/one")).json()["field"] == "version"

    tell(shop, story)


def test_a_body_that_is_no_json_too_large_or_of_another_page_is_refused(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        wanted: list[tuple[int, bytes, dict[str, str]]] = [
            (400, b"{", {}),
            (400, b"\xff\xfe", {}),
            (400, b'{"version": 1, "version": 2}', {}),
            (400, b'{"version": NaN}', {}),
            (400, b"[" * 50_000, {}),
            (413, b" " * 70_000, {}),
            (413, b"{}", {"content-length": str(2**30)}),
            (415, b"version=1", {"content-type": "application/x-www-form-urlencoded"}),
            (415, b"{}", {"content-type": "text/plain"}),
            (403, b'{"version": 1}', {"origin": "https://evil.example"}),
            (403, b'{"version": 1}', {"origin": "http://127.0.0.1:8000"}),
            (403, b'{"version": 1}', {"sec-fetch-site": "cross-site"}),
            (403, b'{"version": 1}', {"host": "evil.example"}),
        ]
        for status, body, headers in wanted:
            answer = await caller.post("/admin/promote", body, **headers)
            assert answer.status_code == status, (body[:20], headers, answer.text)
        for name in ("origin", "host"):
            assert (await caller.get("/admin/status", **{name: "http://evil.example"})).status_code == 403
        two = [("authorization", f"Bearer {SECRET}"), ("authorization", f"Bearer {NAMED}")]
        assert (await caller.plain("GET", "/admin/status", headers=two)).status_code == 400

    tell(shop, story)
    assert len(journal(shop)) == 5


def test_a_path_is_read_part_by_part_whatever_is_encoded_in_it(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        for path in ("/%61dmin/status", "/admin/models/flight%2Ddelay/status", "/admin/st%61tus"):
            assert (await caller.get(path)).status_code == 200, path
        for path in ("/admin/models/flight-delay%2Fstatus", "/admin//status", "/admin/status/", "/admin/..%2fpredict", "/admin/why/1%2f2"):
            assert (await caller.get(path)).status_code in (404, 422), path
            assert (await caller.plain("GET", path)).status_code == 401, path
        assert (await caller.plain("GET", "/administrator")).status_code == 404

    tell(shop, story)


def test_a_spec_that_cannot_be_used_is_409_with_its_error_and_what_needs_none_still_works(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        file = shop.folder / "flyball.toml"
        good = file.read_text()
        for text, word in (("[model", "flyball.toml"), (good.replace(MODEL, "another"), "by now")):
            file.write_text(text)
            answer = await caller.post("/admin/promote", {"version": 1})
            assert answer.status_code == 409 and word in answer.json()["error"]
            assert str(shop.folder) not in answer.text
            assert (await caller.get("/admin/journal")).status_code == 200
        assert (await caller.post("/admin/freeze", {"reason": "first that"})).status_code == 200
        file.unlink()
        assert (await caller.get("/admin/status")).status_code == 409

    tell(shop, story)


def test_a_database_that_is_away_is_503_and_predictions_go_on(shop: Site) -> None:
    class Away:
        def read(self, model: str, *, after: int = 0) -> list[Any]:
            raise StoreError("the database does not answer", hint="a hint about files")

    given = ports(shop)
    assert given.admin is not None
    opened = given.admin()
    away = replace(opened, world=replace(opened.world, journal=Away()))  # type: ignore[arg-type]  # all that is asked of it

    async def story(caller: Caller) -> None:
        answer = await caller.post("/admin/rollback", {})
        assert answer.status_code == 503 and answer.json() == {"error": "the database does not answer"}
        assert answer.headers["retry-after"]
        assert (await caller.post("/predict", {"features": {"hour": 1, "temp": 1.0, "rain": True}})).status_code == 200

    tell(shop, story, given=replace(given, admin=lambda: away))


def test_an_edited_journal_is_told_and_nothing_is_appended_to_it(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        answer = await caller.post("/admin/rollback", {})
        assert answer.status_code == 503 and "is not what was appended" in answer.json()["error"]

    database = shop.ports.journal._database  # type: ignore[attr-defined]  # the adapter of this test
    with database.write() as connection:
        connection.execute("DROP TRIGGER journal_is_never_edited")
        connection.execute("UPDATE journal SET actor = 'nobody' WHERE seq = 2")
    tell(shop, story)


def test_of_two_that_promote_at_once_one_wins_and_the_other_is_told_409(shop: Site) -> None:
    """Two workers: each with its own threads and connections over the same database."""

    async def story() -> None:
        codes: list[int] = []

        async def one(caller: Caller) -> None:
            async def rival(other: Caller) -> None:
                for _ in range(10):
                    both = await asyncio.gather(caller.post("/admin/promote", {"version": 1}), other.post("/admin/promote", {"version": 1}))
                    codes.extend(answer.status_code for answer in both)
                    assert {answer.status_code for answer in both} == {200, 409}
                    refusal = next(answer.json()["error"] for answer in both if answer.status_code == 409)
                    assert "was first" in refusal or "champion already" in refusal
                    assert (await caller.post("/admin/rollback", {})).status_code == 200

            await admin(shop, rival, ports(second))

        await admin(shop, one)
        assert codes.count(200) == 10

    second = Site(shop.folder)
    asyncio.run(story())
    assert len(journal(shop)) == 5 + 20


def test_a_slow_change_holds_no_prediction_up_and_too_many_at_once_are_429(shop: Site) -> None:
    gate = threading.Event()
    given = ports(shop)
    assert given.admin is not None
    opened = given.admin()
    held = opened.world.journal

    class Slow:
        def read(self, model: str, *, after: int = 0) -> list[Any]:
            gate.wait(20)
            return held.read(model, after=after)

    slow = replace(opened, world=replace(opened.world, journal=Slow()))  # type: ignore[arg-type]  # all that is asked of it

    async def story(caller: Caller) -> None:
        asked = [asyncio.ensure_future(caller.get("/admin/versions")) for _ in range(20)]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        answer = await caller.post("/predict", {"features": {"hour": 1, "temp": 1.0, "rain": True}})
        assert answer.status_code == 200 and time.monotonic() - began < 5
        gate.set()
        codes = [(await one).status_code for one in asked]
        assert (codes.count(200), codes.count(429)) == (16, 4)

    tell(shop, story, given=replace(given, admin=lambda: slow))


def test_a_server_of_several_models_wants_the_name(shop: Site, tmp_path: Path) -> None:
    from flyball.server.app import make_app, running

    other = administered(tmp_path / "other")
    theirs = other.settings(model="a / b", poll_every=3600.0), ports(other)

    async def story() -> None:
        async with running(make_app(shop.settings(poll_every=3600.0), ports(shop), others=[theirs])) as app:
            caller = Caller(shop, app)
            unnamed = await caller.get("/admin/status")
            assert unnamed.status_code == 422 and "/admin/models/NAME/status" in unnamed.json()["error"]
            assert (await caller.get(f"/admin/models/{MODEL}/status")).json()["champion"].startswith("2 since")
            named = await caller.get("/admin/models/a%20%2F%20b/journal")
            assert named.json() == {"model": "a / b", "entries": [], "more": False}
            assert (await caller.get("/admin")).json()["models"] == [MODEL, "a / b"]
            await caller.client.aclose()

    asyncio.run(story())


def test_an_admin_request_is_counted_and_answered_when_the_server_has_too_much_to_do(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        assert (await caller.plain("GET", "/admin/status")).status_code == 401
        assert 'flyball_requests_refused_total{code="401"} 1' in (await caller.get("/metrics")).text
        caller.app._open = caller.app.settings.max_concurrency
        assert (await caller.get("/v1/anything")).status_code == 503
        assert (await caller.post("/admin/rollback", {})).status_code == 200

    tell(shop, story)


def test_a_client_may_say_bearer_in_any_case(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        answers: list[httpx.Response] = [
            await caller.plain("GET", "/admin", headers={"authorization": f"{word} {SECRET}"}) for word in ("bearer", "BEARER", "Bearer ")
        ]
        assert [answer.status_code for answer in answers] == [200] * 3

    tell(shop, story)
