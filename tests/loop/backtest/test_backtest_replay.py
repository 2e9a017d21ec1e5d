"""A replay does what the live loop does: the same quarter lived over SQLite and replayed in memory gives the same decisions."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flyball.core.errors import DataError
from flyball.journal.events import Entry, Registered, RolloutEnded
from flyball.journal.explain import tell
from flyball.loop.backtest.policies import policy_of, read_policies
from flyball.loop.backtest.records import Played
from flyball.loop.backtest.replay import play
from flyball.spec.load import load_spec
from quarter import DAY, FIRST, SPEC, Town
from replayed import BEFORE, CHANGE, DAYS, benches, history, plan, town


def decided(entries: Sequence[Entry]) -> list[tuple[object, ...]]:
    """When, what, about which version, with which verdict, gain and hash of the learned model's numbers."""
    found: list[tuple[object, ...]] = []
    for entry in entries:
        event, told = entry.event, tell(entry)
        more: tuple[object, ...] = ()
        if isinstance(event, Registered):
            more = (event.gate.verdict.value, event.rows, tuple(sorted(event.metrics.items())))
        elif isinstance(event, RolloutEnded):
            more = (event.verdict.value, tuple(sorted(event.evidence.items())))
        found.append((entry.at, told.action, told.version, told.reason.code, *more))
    return found


def run(folder: Path, scratch: Path, name: str, days: int = DAYS) -> Played:
    text, spec = (folder / "flyball.toml").read_text(), load_spec(folder)
    policy = policy_of(read_policies([name])[0], text, spec, plan(days))
    with benches(folder, scratch) as opened:
        return play(opened, plan(days), policy, lambda _: None)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Entry]]:
    """The quarter lived day by day over SQLite; its source is what was known when it began."""
    live = Town(tmp_path_factory.mktemp("lived") / "town", changes_on=CHANGE)
    path = live.folder / "data" / "history.parquet"
    before = pd.read_parquet(path)
    unknown = before["known_at"] >= FIRST
    before["known_at"] = before["known_at"].mask(unknown)
    before["left"] = before["left"].astype("Int64").mask(unknown)
    before.to_parquet(path, index=False)
    live.begin()
    live.live(DAYS)
    yield live.world.journal.read("town")
    live.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replayed") / "town"
    town(folder)
    return folder


@pytest.fixture(scope="module")
def played(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return run(project, tmp_path_factory.mktemp("scratch"), "spec")


def test_a_replay_decides_what_the_live_loop_decided(lived: list[Entry], played: Played) -> None:
    assert len(lived) > 8
    assert decided(played.entries) == decided(lived)


def test_every_row_is_answered_by_the_champion_of_its_day(played: Played) -> None:
    assert (played.version > 0).all()
    assert np.isfinite(played.score).all()
    assert played.version[0] == 1
    assert played.unanswered == 0
    assert len(played.looks) == DAYS


def test_the_same_replay_gives_the_same_again(project: Path, played: Played, tmp_path: Path) -> None:
    again = run(project, tmp_path / "again", "spec", days=30)
    assert decided(again.entries) == decided([entry for entry in played.entries if entry.at <= FIRST + 30 * DAY])
    np.testing.assert_array_equal(again.score, played.score[: len(again.score)])


def test_a_model_left_alone_stays_champion(project: Path, tmp_path: Path) -> None:
    found = run(project, tmp_path / "never", "never", days=20)
    assert set(found.version.tolist()) == {1}
    assert found.trainings == ()


def test_fixed_times_train_then_and_promote_at_once(project: Path, tmp_path: Path) -> None:
    found = run(project, tmp_path / "every", "every:10d", days=30)
    days = [(one.at - FIRST) // DAY for one in found.trainings]
    assert days == [10, 20]
    assert [one.champion for one in found.looks][8:11] == [1, 2, 2]
    assert all(one.rows > 1000 and one.seconds > 0 and one.cpu_seconds > 0 for one in found.trainings)


def test_a_first_model_that_does_not_pass_its_gate_ends_the_replay_with_why(tmp_path: Path) -> None:
    town(tmp_path / "town", text=SPEC.replace("at_least = 0.6", "at_least = 0.99"))
    with pytest.raises(DataError) as refused:
        run(tmp_path / "town", tmp_path / "scratch", "spec", days=3)
    assert "did not pass its gate: roc_auc is" in refused.value.message
    assert "--start" in refused.value.hint


def test_too_little_to_learn_from_is_said_with_what_to_do(tmp_path: Path) -> None:
    rows = history(before=BEFORE, days=3)
    town(tmp_path / "town", rows[rows["seen_at"] >= pd.Timestamp(FIRST) - pd.Timedelta(hours=2)])
    with pytest.raises(DataError) as refused:
        run(tmp_path / "town", tmp_path / "scratch", "spec", days=3)
    assert "the first champion cannot be trained on what was known before 2026-01-01" in refused.value.message
    assert "--start" in refused.value.hint


def test_policies_that_train_on_the_same_rows_share_the_fit(project: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "shared"
    first, second = (run(project, scratch, name, days=2) for name in ("never", "drift"))
    assert len([path for path in (scratch / "fits").iterdir() if path.is_dir()]) == 1
    np.testing.assert_array_equal(first.score, second.score)


def test_a_source_that_grows_gives_later_trainings_later_rows(tmp_path: Path) -> None:
    town(tmp_path / "town", text=SPEC.replace('from = "source+log"', 'from = "source"').replace('window = "21d"\n', ""))
    found = run(tmp_path / "town", tmp_path / "scratch", "every:5d", days=12)
    first, second = found.trainings
    assert second.rows > first.rows > 1000
