"""Rollouts, approvals and the past over HTTP: what the verbs print, and what they write, under the token's name."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from administered import AT, NAMED, SPEC, Caller, admin, administered, journal, write
from arms import started
from flyball.journal.moves import ApprovalAsked
from served import MODEL, Site

Story = Callable[[Caller], Awaitable[None]]
FAR = timedelta(days=3650)


@pytest.fixture
def shop(tmp_path: Path) -> Site:
    return administered(tmp_path / "project")


def tell(made: Site, story: Story) -> None:
    asyncio.run(admin(made, story))


def compare(made: Site) -> None:
    """Version 1 is compared with the champion, 2."""
    event = started(
        MODEL, version=1, champion=2, strategy="canary", start_at=AT, deadline_at=AT + FAR, share=0.1, steps=(0.1, 0.5), hold=FAR
    )
    write(made, event)


def test_a_rollout_is_shown_paused_resumed_and_aborted(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        caller.token = NAMED
        nothing = (await caller.get("/admin/rollout")).json()
        assert (nothing["rollout"], nothing["waiting"]) == (None, None)
        none = await caller.post("/admin/rollout/pause", {"reason": "x"})
        assert none.status_code == 409 and "being compared" in none.json()["error"]
        assert "no rollout of" in (await caller.get("/admin/experiment")).json()["error"]
        compare(shop)
        found = (await caller.get("/admin/rollout")).json()["rollout"]
        assert (found["version"], found["champion"], found["strategy"], found["paused_since"]) == (1, 2, "canary", None)
        paused = await caller.post("/admin/rollout/pause", {"reason": "a holiday"})
        assert paused.status_code == 200, paused.text
        assert "a holiday" in paused.json()["entries"][0]["reason"] and paused.json()["entries"][0]["actor"] == "token:alice"
        assert (await caller.get("/admin/rollout")).json()["rollout"]["paused_since"] is not None
        assert (await caller.post("/admin/rollout/pause", {"reason": "again"})).status_code == 409
        assert (await caller.post("/admin/rollout/resume", {"reason": "back"})).status_code == 200
        assert (await caller.post("/admin/rollout/abort", {"reason": "enough"})).status_code == 200
        assert (await caller.get("/admin/rollout")).json()["rollout"] is None

    tell(shop, story)
    assert [entry.actor for entry in journal(shop)[-3:]] == ["token:alice"] * 3


@pytest.mark.parametrize("path", ["rollout/pause", "rollout/resume", "rollout/abort", "approve", "decline"])
@pytest.mark.parametrize("reason", [None, "", "   ", 7])
def test_what_a_person_decides_needs_a_reason(shop: Site, path: str, reason: object) -> None:
    async def story(caller: Caller) -> None:
        body = {"reason": reason} if reason is not None else {}
        answer = await caller.post(f"/admin/{path}", {**body, "version": 1} if "/" not in path else body)
        assert answer.status_code == 422 and answer.json()["field"] == "reason", answer.text

    before = len(journal(shop))
    tell(shop, story)
    assert len(journal(shop)) == before


def test_a_promotion_that_waits_is_declined_or_approved_by_somebody_else(shop: Site) -> None:
    (shop.folder / "flyball.toml").write_text(SPEC + '[rollout]\napprove = "manual"\nfour_eyes = true\n')

    async def story(caller: Caller) -> None:
        caller.token = NAMED
        asked = await caller.post("/admin/promote", {"version": 1, "reason": "better for the north"})
        assert asked.status_code == 200 and [one["kind"] for one in asked.json()["entries"]] == ["approval asked"], asked.text
        waiting = (await caller.get("/admin/rollout")).json()["waiting"]
        assert (waiting["version"], waiting["asked_by"]) == (1, "token:alice")
        own = await caller.post("/admin/approve", {"version": 1, "reason": "sure"})
        assert own.status_code == 409 and "wants somebody else to approve" in own.json()["error"]
        other = await caller.post("/admin/approve", {"version": 3, "reason": "sure"})
        assert other.status_code == 409 and "no promotion of" in other.json()["error"]
        assert (await caller.post("/admin/decline", {"version": 1, "reason": "not today"})).status_code == 200
        assert (await caller.get("/admin/rollout")).json()["waiting"] is None
        assert (await caller.post("/admin/promote", {"version": 1, "reason": "today"})).status_code == 200
        caller.token = Caller.token
        approved = await caller.post("/admin/approve", {"version": 1, "reason": "looked at it"})
        assert approved.status_code == 200, approved.text
        assert (await caller.get("/admin/status")).json()["champion"].startswith("1 since")

    tell(shop, story)
    assert any(isinstance(entry.event, ApprovalAsked) for entry in journal(shop))


def test_the_past_is_told_at_a_time_and_over_a_span(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        at = (await caller.get("/admin/history?at=2026-01-02T00:00:00Z")).json()
        assert (at["champion"], at["previous"]) == (2, 1)
        before = (await caller.get("/admin/history?at=2025-01-02T00:00:00Z")).json()
        assert (before["champion"], before["seq"]) == (None, 0)
        every = (await caller.get("/admin/history")).json()
        assert [(one["action"], one["champion"]) for one in every["changes"]] == [("promote", 1), ("promote", 2)]
        later = (await caller.get("/admin/history?from=2026-01-02T00:00:00Z&to=2027-01-01T00:00:00Z")).json()
        assert (later["changes"], later["start"]["champion"]) == ([], 2)
        trainings = (await caller.get("/admin/retrains")).json()["trainings"]
        assert [(one["version"], one["became"]) for one in trainings] == [(1, "replaced"), (2, "champion"), (3, "refused by its gate")]
        assert len((await caller.get("/admin/retrains?all=true")).json()["trainings"]) == 3

    tell(shop, story)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("history?at=yesterday", "at"),
        ("history?at=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "at"),
        ("history?from=2026-01-03T00:00:00Z&to=2026-01-02T00:00:00Z", "to"),
        ("history?until=2026-01-02T00:00:00Z", "until"),
        ("retrains?all=perhaps", "all"),
        ("journal/verify?expect=5:abc", "expect"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_field(shop: Site, query: str, field: str) -> None:
    async def story(caller: Caller) -> None:
        answer = await caller.get(f"/admin/{query}")
        assert answer.status_code == 422 and answer.json()["field"] == field, answer.text

    tell(shop, story)


def test_the_journal_is_verified_against_its_own_hashes_and_an_anchor(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        assert (await caller.post("/admin/promote", {"version": 1, "reason": "x"})).status_code == 200
        sound = (await caller.get("/admin/journal/verify")).json()
        assert (sound["sound"], sound["entries"], sound["head"]["seq"]) == (True, 6, 6), sound
        anchor = f"6:{sound['head']['hash']}"
        assert (await caller.get(f"/admin/journal/verify?expect={anchor}")).json()["sound"]
        cut = (await caller.get(f"/admin/journal/verify?expect=6:{'0' * 64}")).json()
        assert not cut["sound"] and cut["flaws"][0]["reason"]

    tell(shop, story)


def test_an_answer_is_traced_to_its_version(shop: Site) -> None:
    async def story(caller: Caller) -> None:
        said = await caller.post("/predict", {"features": [1.0, 2.0, True], "prediction_id": "mine/1"})
        assert said.status_code == 200, said.text
        for _ in range(200):
            found = await caller.get("/admin/trace/mine%2F1")
            if found.status_code == 200:
                break
            await asyncio.sleep(0.02)
        chain = found.json()
        assert (chain["prediction"]["version"], chain["registered"]["run_id"], chain["production"]["champion"]) == (2, "r2", 2)
        assert (await caller.get("/admin/trace/nobody")).status_code == 404

    tell(shop, story)
