"""Rollouts from start to end over a real server: real trainings, requests and outcomes over HTTP, a look of the loop every midnight."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from flyball.core.verdict import Verdict
from flyball.journal.events import AlertFired, Promoted, RolloutEnded, RolloutStarted
from flyball.journal.moves import GuardrailTripped
from town import DAY, FIRST, Asked, Town, begin, town, with_candidate

CALM = "guardrails = { latency = false }"
EXPERIMENT = f'strategy = "experiment"\nblock = "unit"\nmin_days = 2\ndeadline = "8d"\n{CALM}'


class Projects:
    """A project with a champion, and copies of it that have a candidate; each is trained once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._champion = begin(folder / "champion")
        self._made: dict[str, Path] = {}

    @property
    def champion(self) -> Path:
        """Without a candidate."""
        return self._champion

    def __call__(self, kind: str) -> Path:
        if kind not in self._made:
            self._made[kind] = with_candidate(self._champion, self._folder / kind, kind)
        return self._made[kind]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    return Projects(tmp_path_factory.mktemp("projects"))


def experiment(place: Town, *words: str) -> Any:
    said = place.at("experiment", "--json", *words)
    assert said.status == 0, said
    return said.json


def test_an_experiment_promotes_the_version_that_is_better_and_every_verb_tells_the_same(projects: Projects, tmp_path: Path) -> None:
    with town(projects("better"), tmp_path / "town", EXPERIMENT) as place:
        begun = place.last(RolloutStarted)
        assert (begun.version, begun.champion, begun.strategy, begun.share) == (2, 1, "experiment", 0.5)
        place.live()
        seen = experiment(place)
        assert seen["state"] == "running" and seen["decision"]["verdict"] == "undecided"
        assert seen["arms"]["champion"]["rows"] + seen["arms"]["challenger"]["rows"] == len(place.asked)
        assert seen["arms"]["challenger"]["rows"] == sum(one.challenger for one in place.asked)
        days = place.live_until("RolloutEnded")
        assert 1 < 1 + days <= 7
        ended, promoted = place.last(RolloutEnded), place.last(Promoted)
        assert ended.verdict is Verdict.PASS and ended.evidence["lower"] > 0 and promoted.version == 2
        seen = experiment(place)
        assert seen["state"] == "ended" and seen["decision"]["verdict"] == "pass" and seen["trouble"] is None
        for told, figure in (("value", "gain"), ("lower", "lower"), ("upper", "upper"), ("rows", "rows"), ("days", "live_blocks")):
            assert seen["gain"][told] == pytest.approx(ended.evidence[figure]), told
        assert place.health()["version"] == 2
        _the_past_is_told(place)


def _the_past_is_told(place: Town) -> None:
    why = place.say("why", "town@2")
    assert "version 2 is certainly better on its units than 1 on the others: brier gain" in why.out
    stood = place.say("history", "--at", (FIRST + DAY).isoformat(), "--json").json
    assert (stood["champion"], stood["challenger"], stood["challenger_share"]) == (1, 2, 0.5)
    now = place.say("history", "--at", (place.now + DAY).isoformat(), "--json").json
    assert (now["champion"], now["challenger"]) == (2, None)
    one = next(asked for asked in place.asked if asked.challenger)
    chain = place.say("trace", one.answer["prediction_id"])
    assert "as challenger, which was 0.5 likely for this unit" in chain.out, chain
    assert "in production then: town@1, challenger 2 (50%)" in chain.out and f"outcome     {one.left}" in chain.out


def test_an_experiment_refuses_the_version_that_is_worse(projects: Projects, tmp_path: Path) -> None:
    with town(projects("worse"), tmp_path / "town", EXPERIMENT) as place:
        place.live_until("RolloutEnded", most=7)
        ended = place.last(RolloutEnded)
        assert ended.verdict is Verdict.FAIL and ended.evidence["upper"] < 0
        assert place.health()["version"] == 1 and place.state().versions[2].refused
        assert experiment(place)["decision"]["verdict"] == "fail"
        refused = place.at("promote", "town@2")
        assert refused.status == 1 and "live rows spoke against it" in refused.err


def test_an_experiment_between_equals_ends_undecided_at_its_deadline(projects: Projects, tmp_path: Path) -> None:
    with town(projects("equal"), tmp_path / "town", EXPERIMENT) as place:
        assert place.live_until("RolloutEnded", per_day=80) == 8
        ended = place.last(RolloutEnded)
        assert ended.verdict is Verdict.UNDECIDED and ended.evidence["lower"] < 0 < ended.evidence["upper"]
        assert place.health()["version"] == 1 and experiment(place)["decision"]["verdict"] == "undecided"
        assert place.live(per_day=10) == [], "a version has its chance once"


def test_a_canary_climbs_by_its_holds_and_nobody_who_had_the_challenger_loses_it(projects: Projects, tmp_path: Path) -> None:
    rules = f'strategy = "canary"\nsteps = [0.1, 0.3, 0.5]\nhold = "1d"\nblock = "unit"\nmin_days = 2\ndeadline = "12d"\n{CALM}'
    with town(projects("better"), tmp_path / "town", rules, people=120) as place:
        place.live_until("RolloutEnded", most=11)
        assert place.moves() == [(FIRST, 0.1), (FIRST + DAY, 0.3), (FIRST + 2 * DAY, 0.5)]
        had: set[str] = set()
        for one in place.asked:
            assert one.challenger or one.person not in had, "a unit lost the challenger while the canary climbed"
            had |= {one.person} if one.challenger else set()
        assert 30 < len(had) < 90
        assert place.last(RolloutEnded).verdict is Verdict.PASS and place.health()["version"] == 2


def test_a_step_during_which_the_challenger_answered_nobody_is_held_on(projects: Projects, tmp_path: Path) -> None:
    rules = f'strategy = "canary"\nsteps = [0.1, 0.5]\nhold = "1d"\nblock = "unit"\nmin_days = 2\ndeadline = "12d"\n{CALM}'
    with town(projects("better"), tmp_path / "town", rules) as place:
        place.day += 3
        assert place.tick() == [], "nobody was asked about for three days"
        waits = place.at("rollout", "--json").json["rollout"]["waits_for"]
        assert "answer" in waits and "10.0%" in waits, waits
        assert "ShareMoved" in place.live()


def test_the_share_of_a_bandit_follows_the_evidence_and_is_what_the_log_says(projects: Projects, tmp_path: Path) -> None:
    rules = f'strategy = "bandit"\nfloor = 0.1\nsteps = [0.3]\nhold = "1d"\nblock = "unit"\nmin_days = 6\ndeadline = "9d"\n{CALM}'
    with town(projects("better"), tmp_path / "town", rules) as place:
        shares: list[float] = []
        while "RolloutEnded" not in (found := place.live()):
            shares.append(place.state().challenger_share)
            assert len(shares) < 9, found
        assert shares[0] >= 0.3 and 0.85 < max(shares) <= 0.9  # the floor is added: .1 + .8 times how likely it is the better one
        said, moves = dict(place.log("prediction_id, propensity")), place.moves()
        for one in place.asked:
            share = next(share for since, share in reversed(moves) if since <= one.at)
            if said[one.answer["prediction_id"]] == 1.0:
                continue  # held back
            likely = share if one.challenger else 1 - share
            assert said[one.answer["prediction_id"]] == pytest.approx(likely, rel=1e-4), (one, share)
        assert place.last(RolloutEnded).verdict is Verdict.PASS


def test_a_business_value_told_with_the_outcomes_decides(projects: Projects, tmp_path: Path) -> None:
    def worth(one: Asked) -> float:
        return 5.0 if one.answer["prediction"] == one.left else 0.0

    rules = EXPERIMENT + '\nmetric = "value"'
    with town(projects("better"), tmp_path / "town", rules) as place:
        place.live_until("RolloutEnded", most=8, value=worth)
        ended = place.last(RolloutEnded)
        assert ended.verdict is Verdict.PASS and ended.evidence["gain"] > 0.2
        seen = experiment(place)
        assert seen["metric"] == "value" and seen["arms"]["challenger"]["mean"] > seen["arms"]["champion"]["mean"]


def test_a_challenger_that_says_what_is_no_number_is_taken_out_and_no_request_fails(projects: Projects, tmp_path: Path) -> None:
    with town(projects("breaking"), tmp_path / "town", EXPERIMENT) as place:
        place.live()
        place.live(broken=True, tick=False)  # every answer is 200
        today = place.asked[-160:]
        assert sum(one.challenger for one in today) == 0 and place.health()["versions"]["tripped"] == [2]
        assert {"GuardrailTripped", "RolloutEnded"} <= set(place.tick())
        trip, ended = place.last(GuardrailTripped), place.last(RolloutEnded)
        assert (trip.version, trip.guardrail) == (2, "nan") and ended.verdict is Verdict.FAIL
        assert place.state().versions[2].refused and place.state().challenger is None
        seen = experiment(place)
        assert seen["decision"]["verdict"] == "fail" and [one["guardrail"] for one in seen["guardrails"]] == ["nan"]
        assert "guardrail nan took version 2 out of traffic" in place.say("why", "town@2").out
        instead = place.log("prediction_id", "variant = 'unassigned'")
        assert len(instead) > 50 and "part of no comparison" in place.say("trace", instead[0][0]).out
        assert "challenger" in place.at("status").out


def test_arms_that_lose_outcomes_ring_an_alarm_and_decide_nothing(projects: Projects, tmp_path: Path) -> None:
    with town(projects("better"), tmp_path / "town", EXPERIMENT) as place:
        for _ in range(7):
            place.live(keep=lambda one: not one.challenger or one.person[-1] in "02468")
        assert place.last(AlertFired).key == "experiment:2"
        assert not any(isinstance(entry.event, RolloutEnded) for entry in place.entries())
        assert experiment(place)["trouble"]
        place.live_until("RolloutEnded", most=2, keep=lambda one: not one.challenger or one.person[-1] in "02468")
        assert place.last(RolloutEnded).verdict is Verdict.UNDECIDED


TOKENS = {name: f"{name}:{name * 12}" for name in ("alice", "robin")}


def test_a_promotion_that_waits_is_approved_by_another_and_served_within_a_second(
    projects: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", " ".join(TOKENS.values()))
    rules = EXPERIMENT + '\napprove = "manual"\nfour_eyes = true'
    with town(projects("better"), tmp_path / "town", rules) as place:
        place.live_until("ApprovalAsked", most=7)
        assert place.health()["version"] == 1 and "waits" in place.at("status").out
        assert place.at("rollout", "--json").json["waiting"]["version"] == 2
        mine = place.at("approve", "town@2", "--reason", "I made it")
        assert mine.status == 1 and "'person' trained it" in mine.err, mine
        url, order = f"{place.url}/admin/approve", {"version": 2, "reason": "it saves customers"}
        assert place.http.post(url, json=order).status_code == 401
        said = place.http.post(url, json=order, headers={"Authorization": f"Bearer {TOKENS['robin']}"})
        assert said.status_code == 200, said.text
        began = time.monotonic()
        while place.health()["version"] != 2:
            assert time.monotonic() < began + 10
            time.sleep(0.02)
        assert [entry["kind"] for entry in said.json()["entries"]] == ["approved", "rollout ended", "promoted"]
        assert "token:robin approved the promotion of version 2: it saves customers" in place.say("why", "town@2").out


def test_a_promotion_that_waits_is_declined_on_the_command_line(projects: Projects, tmp_path: Path) -> None:
    with town(projects("better"), tmp_path / "town", EXPERIMENT + '\napprove = "manual"') as place:
        place.live_until("ApprovalAsked", most=7)
        assert place.at("decline", "town@2", "--reason", "not this week").status == 0
        place.settle()
        assert place.health()["versions"] == {"champion": 1, "challenger": None, "shadow": []}
        assert place.live(per_day=10) == []


def test_what_cannot_be_is_refused_with_the_sentence_that_says_so(projects: Projects, tmp_path: Path) -> None:
    with town(projects("better"), tmp_path / "town", EXPERIMENT) as place:
        place.live()
        during = place.at("promote", "town@1")
        assert during.status == 1 and "is the champion already" in during.err
        during = place.at("promote", "town@2")
        assert during.status == 1 and "town@2 is being compared with the champion until 2026-03-09" in during.err
        second = place.at("promote", "town@2", "--to", "staging", "--share", "0.2")
        assert second.status == 1 and "one challenger at a time" in second.err
        late = place.at("approve", "town@2", "--reason", "now")
        assert late.status == 1 and "no promotion of town@2 waits for approval" in late.err
        one = place.asked[0]
        name = one.answer["prediction_id"]
        told = {"prediction_id": name, "actual": one.left, "at": place.now.isoformat()}
        for wrong, status, words in (
            (told, 409, "already"),
            ({**told, "prediction_id": "nobody's"}, 404, "no prediction"),
            ({**told, "actual": 7}, 422, "the classes are 0, 1"),
            ({**told, "variant": "challenger"}, 422, "is not a key of an outcome"),
            ({**told, "value": "much"}, 422, "value"),
        ):
            said = place.http.post(f"{place.url}/outcomes", json=wrong)
            assert said.status_code == status and words in said.text, (wrong, said.text)
        text = (place.folder / "flyball.toml").read_text()
        for before, after, words in (
            ('deadline = "8d"', 'deadline = "2026-03-01"', "rollout.deadline"),
            ('deadline = "8d"', 'deadline = "1h"', "comes before anything can be decided"),
            ("min_days = 2", 'min_days = 2\nmetric = "roc_auc"', "rollout.metric"),
        ):
            (place.folder / "flyball.toml").write_text(text.replace(before, after))
            refused = place.at("tick")
            assert refused.status == 1 and words in refused.err, refused
        (place.folder / "flyball.toml").write_text(text)
        assert place.say("journal", "--verify").status == 0
        with closing(sqlite3.connect(place.folder / "flyball.db")) as connection:
            connection.execute("DROP TRIGGER journal_is_never_edited")
            connection.execute("UPDATE journal SET body = replace(body, '0.5', '0.9')")
            connection.commit()
        for verb in (("journal", "--verify"), ("status",), ("tick",)):
            edited = place.say(*verb)
            assert edited.status == 1 and "journal" in edited.err + edited.out, edited


def test_a_training_from_the_log_learns_from_the_holdback_what_its_own_offers_hide(projects: Projects, tmp_path: Path) -> None:
    edits = {"holdback = 0.0001": "holdback = 0.1", 'see = "price"': 'see = "price calls"'}
    with town(projects.champion, tmp_path / "town", 'strategy = "immediate"', offers=True, edits=edits) as place:
        for _ in range(4):
            place.live(per_day=300)
        told = place.log("variant, count(*)", "1 GROUP BY variant")
        assert {"champion", "holdback"} == {variant for variant, _ in told}
        held_back = dict(told)["holdback"]
        offered = sum(one.answer["prediction"] for one in place.asked)
        assert 80 < held_back < 160
        trained = place.at("train", "--json").json
        assert trained["version"] == 2 and 0 < trained["held_back"] <= held_back
        assert 0.8 * offered < trained["hidden"] <= offered
        (training,) = [one for one in place.say("retrains", "--json").json["trainings"] if one["version"] == 2]
        assert (training["hidden"], training["held_back"]) == (trained["hidden"], trained["held_back"])
        naive = LogisticRegression().fit(_rows(place), [0 if one.answer["prediction"] else one.left for one in place.asked])
        promoted = place.at("promote", "town@2", "--force", "--reason", "to be asked")
        assert promoted.status == 0 or "is the champion already" in promoted.err  # its gate may have promoted it at once
        place.settle()
        before = len(place.asked)
        place.live(per_day=300, tick=False)
        fresh = place.asked[before:]
        left = np.array([one.left for one in fresh])
        said = np.array([one.answer["confidence"] if one.answer["prediction"] else 1 - one.answer["confidence"] for one in fresh])
        assert {one.answer["version"] for one in fresh} == {2}
        ours, theirs = (float(np.mean((score - left) ** 2)) for score in (said, naive.predict_proba(_rows(place, fresh))[:, 1]))
        assert ours < theirs - 0.03


def _rows(place: Town, asked: list[Asked] | None = None) -> Any:
    return [one.row for one in (place.asked if asked is None else asked)]
