"""A quarter, day by day: real policy, engine, store and bundles; only the customers are invented."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from flyball.core.verdict import Verdict
from flyball.journal.events import (
    Entry,
    Event,
    Promoted,
    Registered,
    RetrainEnded,
    RetrainStarted,
    RolloutEnded,
    RolloutStarted,
    WatchEnded,
)
from flyball.journal.state import fold
from flyball.loop.steer import freeze, thaw
from flyball.words.sentences import sentence
from quarter import DAY, FIRST, MODEL, SPEC, Town

E = TypeVar("E", bound=Event)
CHANGE = 20
DAYS = 90


def of(entries: Sequence[Entry], kind: type[E]) -> list[tuple[int, E]]:
    """The events of a kind, with the day of each."""
    return [((entry.at - FIRST) // DAY, entry.event) for entry in entries if isinstance(entry.event, kind)]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, list[Entry]]]:
    """A quarter in which the relation turns round on a known day."""
    town = Town(tmp_path_factory.mktemp("quarter") / "town", changes_on=CHANGE).begin()
    yield town, town.live(DAYS)
    town.close()


def test_nothing_is_trained_while_nothing_changes(lived: tuple[Town, list[Entry]]) -> None:
    _, entries = lived
    assert min(day for day, _ in of(entries, RetrainStarted)) > CHANGE


def test_decay_is_answered_with_a_training_that_says_why(lived: tuple[Town, list[Entry]]) -> None:
    _, entries = lived
    day, started = of(entries, RetrainStarted)[0]
    assert CHANGE < day <= CHANGE + 10
    assert started.cause == "performance"
    told = sentence(started.reason)
    assert "brier" in told and any(letter.isdigit() for letter in told)
    ended = of(entries, RetrainEnded)[0][1]
    assert (ended.outcome, ended.version, ended.action) == ("registered", 2, started.action)


def test_a_candidate_of_mixed_days_fails_its_gate_and_the_next_wins_on_live_rows_before_it_serves(lived: tuple[Town, list[Entry]]) -> None:
    town, entries = lived
    gates = {event.version: event.gate.verdict for _, event in of(town.world.journal.read(MODEL), Registered)}
    assert gates[2] is Verdict.FAIL  # it saw three days of the new relation and eighteen of the old
    begun, rollout = of(entries, RolloutStarted)[0]
    assert (rollout.version, rollout.champion, rollout.metric) == (3, 1, "brier")
    day, promoted = of(entries, Promoted)[0]
    assert (promoted.version, promoted.replaced, promoted.forced) == (3, 1, False)
    assert day - begun >= town.spec.rollout.min_days
    judged = next(event for _, event in of(entries, RolloutEnded) if event.version == promoted.version)
    made = next(event for _, event in of(town.world.journal.read(MODEL), Registered) if event.version == promoted.version)
    assert made.head_start and judged.evidence["blocks"] > len(made.head_start), "the held-out days and the live ones together"
    assert judged.verdict is Verdict.PASS
    assert judged.evidence["lower"] > 0 and judged.evidence["blocks"] >= 7
    assert set(town.serving[:day]) == {1}
    assert town.serving[day] == 3


def test_the_loop_ends_with_a_model_that_knows_the_new_relation(lived: tuple[Town, list[Entry]]) -> None:
    town, entries = lived
    report = town.world.reports.latest(MODEL)
    assert report is not None and report.performance is not None and report.performance.value is not None
    first = of(town.world.journal.read(MODEL), Registered)[0][1]
    assert report.performance.value < first.upper["brier"] + 0.005
    state = fold(MODEL, town.world.journal.read(MODEL))
    assert state.champion == town.serving[-1] == 4
    assert not state.firing
    assert [event.version for _, event in of(entries, WatchEnded)] == [3, 4]
    assert {event.cause for _, event in of(entries, RetrainStarted)} == {"performance", "schedule"}


def test_the_same_seed_tells_the_same_story(lived: tuple[Town, list[Entry]], tmp_path: Path) -> None:
    town, _ = lived
    again = Town(tmp_path / "again", changes_on=CHANGE).begin()
    again.live(DAYS)
    assert again.serving == town.serving
    for entry, before in zip(again.history(), town.history(), strict=True):
        assert entry == before
    again.close()


GATE = '{ metric = "roc_auc", at_least = 0.6 }, { metric = "brier", not_worse = "champion", margin = 0.005 }'


CARELESS = '[ { metric = "brier", at_most = 1.0 } ]\nuntouched = 0.0'


def test_a_model_of_flipped_labels_fails_its_gate_and_is_never_looked_at_again(tmp_path: Path) -> None:
    town = Town(tmp_path / "town").begin()
    town.live(3)
    version = town.harmful()
    entries = town.live(15)
    registered = {event.version: event.gate.verdict for _, event in of(town.world.journal.read(MODEL), Registered)}
    assert registered[version] is Verdict.FAIL
    assert not of(entries, RolloutStarted) and not of(entries, Promoted)
    assert set(town.serving) == {1}
    town.close()


def test_a_model_of_flipped_labels_that_a_careless_gate_lets_through_is_refuted_by_live_rows(tmp_path: Path) -> None:
    town = Town(tmp_path / "town", text=SPEC.replace(f"[ {GATE} ]", CARELESS)).begin()
    town.live(3)
    version = town.harmful()
    entries = town.live(15)
    assert [event.version for _, event in of(entries, RolloutStarted)] == [version]
    ((_, ended),) = of(entries, RolloutEnded)
    assert (ended.version, ended.verdict) == (version, Verdict.FAIL)
    assert ended.evidence["upper"] < 0
    assert not of(entries, Promoted)
    assert set(town.serving) == {1}
    town.close()


def test_a_frozen_loop_does_nothing_and_catches_up_when_it_is_thawed(tmp_path: Path) -> None:
    town = Town(tmp_path / "town", changes_on=5).begin()
    freeze(town.world, MODEL, reason="audit", until=None, actor="A", now=town.now)
    entries = town.live(25)
    assert {type(entry.event).__name__ for entry in entries} <= {"AlertFired", "AlertResolved"}
    assert any("performance" in entry.event.key for entry in entries if hasattr(entry.event, "key"))
    assert set(town.serving) == {1}
    thaw(town.world, MODEL, reason="done", actor="A", now=town.now)
    entries = town.live(20)
    assert len(of(entries, RetrainStarted)) > 0
    assert len(of(entries, Promoted)) > 0
    assert town.serving[-1] != 1
    town.close()


def test_the_journal_of_a_quarter_is_a_sound_chain(lived: tuple[Town, list[Entry]]) -> None:
    town, _ = lived
    entries = town.world.journal.read(MODEL)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert all(entry.prev_hash == before.hash for before, entry in pairwise(entries))
