"""`flyball rollout`, `approve` and `decline`, as a person uses them."""

import pytest

from trained import MODEL, Shop, change, flyball

WHEN = ("--now", "2025-03-04T00:00:00Z")


def test_without_a_rollout_the_verbs_say_so(own: Shop) -> None:
    said = flyball(own.folder, "rollout", *WHEN)
    assert said.status == 0 and f"no version of {MODEL} is being compared" in said.err
    assert flyball(own.folder, "rollout", "--json").json == {"model": MODEL, "rollout": None, "waiting": None}
    for action in ("pause", "resume", "abort"):
        said = flyball(own.folder, "rollout", action, "--reason", "x")
        assert said.status == 1 and f"no version of {MODEL} is being compared" in said.err
    said = flyball(own.folder, "approve", f"{MODEL}@1", "--reason", "x")
    assert said.status == 1 and "nothing waits" in said.err


WRONG = [
    ("rollout", "pause"),
    ("rollout", "halt"),
    ("rollout", "status", "--reason", "x"),
    ("rollout", "resume", "--reason", "x", "--for", "24h"),
    ("rollout", "pause", "--reason", "x", "--for", "soon"),
    ("approve", "1"),
    ("decline", "other@1", "--reason", "x"),
]


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_use_is_status_2(own: Shop, words: tuple[str, ...]) -> None:
    assert flyball(own.folder, *words).status == 2


def test_a_promotion_by_hand_waits_for_another_person_where_the_spec_says_so(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    change(own.folder, "[rollout]\n", '[rollout]\napprove = "manual"\nfour_eyes = true\n')
    monkeypatch.setenv("FLYBALL_ACTOR", "ada")
    asked = flyball(own.folder, "promote", f"{MODEL}@1", "--reason", "the old one was better", *WHEN)
    assert asked.status == 0 and f"it waits for a person: flyball approve {MODEL}@1" in asked.err
    status = flyball(own.folder, "status", "--json", *WHEN).json
    assert status["champion"].startswith("2") and "version 1 since 2025-03-04 00:00 UTC, asked for by ada" in status["waits for approval"]
    waiting = flyball(own.folder, "rollout", "status", MODEL, "--json", *WHEN).json["waiting"]
    assert (waiting["version"], waiting["asked_by"]) == (1, "ada")
    refused = flyball(own.folder, "approve", f"{MODEL}@1", "--reason", "mine", *WHEN)
    assert refused.status == 1 and "four_eyes" in refused.err
    monkeypatch.setenv("FLYBALL_ACTOR", "eve")
    declined = flyball(own.folder, "decline", "1", "--reason", "not this week", *WHEN)
    assert declined.status == 0 and "eve declined" in declined.err
    again = flyball(own.folder, "promote", "1", "--json", *WHEN).json
    assert again["waits_for_approval"] is True
    monkeypatch.setenv("FLYBALL_ACTOR", "tom")
    approved = flyball(own.folder, "approve", "1", "--reason", "fine", "--json", *WHEN)
    assert approved.status == 0 and approved.json["version"] == 1
    assert flyball(own.folder, "status", "--json", *WHEN).json["champion"].startswith("1")
