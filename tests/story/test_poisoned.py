"""A flood of inverted labels: whatever is retrained from it, nobody is ever answered by it."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from flyball.core.verdict import Verdict
from flyball.journal.events import Entry, Promoted, Registered, RolloutStarted
from flyball.loop.making.training import train
from flyball.words.sentences import sentence
from quarter import MODEL, SPEC, Town, people

FLOOD, DAYS = 4, 26


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, list[Entry]]]:
    """From the fourth day on every outcome that is told says the opposite: those the gate holds out, and those of live rows too."""
    town = Town(tmp_path_factory.mktemp("flood") / "town", flipped_on=FLOOD).begin()
    yield town, town.live(DAYS)
    town.close()


def test_trainings_on_the_flood_fail_their_gate_and_say_which_labels_to_look_at(flooded: tuple[Town, list[Entry]]) -> None:
    town, _ = flooded
    made = [entry.event for entry in town.world.journal.read(MODEL) if isinstance(entry.event, Registered)]
    assert len(made) > 1, "the loop answered the decay with trainings"
    for event in made[1:]:
        assert event.gate.verdict is Verdict.FAIL
        failed = {check.metric: sentence(check.reason) for check in event.gate.checks if check.verdict is Verdict.FAIL}
        assert "say the opposite of what the champion says" in failed["labels"]


def test_a_version_of_the_flood_is_neither_promoted_nor_compared_on_live_rows(flooded: tuple[Town, list[Entry]]) -> None:
    town, entries = flooded
    assert not [entry for entry in entries if isinstance(entry.event, RolloutStarted | Promoted) and entry.event.version > 1]
    assert set(town.serving) == {1}


def test_where_most_of_the_data_is_inverted_the_untouched_rows_say_so_too(tmp_path: Path) -> None:
    text = SPEC.replace('window = "21d"', 'window = "all"').replace("min_outcomes = 500", "min_outcomes = 500\n# one source")
    town = Town(tmp_path / "town", text=text.replace('from = "source+log"', 'from = "source"')).begin()
    honest = [people(day, town.seed, changed=False) for day in range(-30, 0)]
    turned = [people(day, town.seed, changed=False).assign(left=lambda rows: 1 - rows["left"]) for day in range(60)]
    pd.concat([*honest, *turned]).to_parquet(town.folder / "data" / "history.parquet", index=False)
    town.day = 60
    result = train(town.spec, town.workshop, now=town.now)
    failed = {check.metric: check.reason.code for check in result.gate.checks if check.verdict is Verdict.FAIL}
    assert failed["untouched"] == "untouched.lost" and failed["labels"] == "labels.inverted"
    better = next(check for check in result.gate.checks if check.reason.code.startswith("gate.not_worse"))
    assert better.verdict is Verdict.PASS, "on the newest rows, which are inverted as well, it is better than the champion"
    town.close()


def test_labels_of_the_source_that_are_rewritten_back_to_the_beginning_are_seen(tmp_path: Path) -> None:
    town = Town(tmp_path / "town").begin()
    every = [people(day, town.seed, changed=False).assign(left=lambda rows: 1 - rows["left"]) for day in range(-30, 10)]
    pd.concat(every).to_parquet(town.folder / "data" / "history.parquet", index=False)
    town.day = 10
    result = train(town.spec, town.workshop, now=town.now)
    assert result.gate.verdict is Verdict.FAIL
    assert "labels" in {check.metric for check in result.gate.checks if check.verdict is Verdict.FAIL}
    town.close()
