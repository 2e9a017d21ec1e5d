"""From when to when a version was champion or was compared."""

from datetime import UTC, datetime, timedelta

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import Entry, Event, Promoted, RolledBack, RolloutEnded, RolloutStarted
from flyball.loop.past.stretches import Stretch, champions, comparisons

T0 = datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WHY = because("x")
END = T0 + 30 * DAY


def entries(*found: Event) -> list[Entry]:
    return [
        Entry(model="m", seq=seq, at=T0 + seq * DAY, actor="loop", event=event, prev_hash="", hash="")
        for seq, event in enumerate(found, start=1)
    ]


def promoted(version: int) -> Promoted:
    return Promoted(version=version, replaced=None, reason=WHY, forced=False, watch_until=None)


def rollout(version: int) -> RolloutStarted:
    return RolloutStarted(
        version=version, champion=1, strategy="shadow", metric="brier", spec_digest="", start_at=T0, deadline_at=T0, reason=WHY
    )


def test_a_champion_answers_until_another_is_promoted_or_comes_back() -> None:
    found = champions(entries(promoted(1), promoted(2), RolledBack(version=2, to=1, reason=WHY, evidence={})), END)
    assert [(one.version, (one.start - T0).days, (one.end - T0).days) for one in found] == [(1, 1, 2), (2, 2, 3), (1, 3, 30)]


def test_nothing_promoted_is_no_champion() -> None:
    assert champions([], END) == []


def test_a_comparison_lasts_until_it_is_decided_or_still_runs() -> None:
    ended = RolloutEnded(version=2, verdict=Verdict.PASS, reason=WHY, evidence={})
    assert comparisons(entries(rollout(2), ended, rollout(3)), END) == [
        Stretch(version=2, start=T0 + DAY, end=T0 + 2 * DAY),
        Stretch(version=3, start=T0 + 3 * DAY, end=END),
    ]
