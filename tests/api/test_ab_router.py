"""Two models and their users."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball import ABTestRouter, log_ab_result
from flyball.api.ab import ab_results
from flyball.core.errors import DataError, StoreError

PINNED = "AABABABBBABAAAAAAABABBAABBBAABBB"


class Says:
    """A model that says its name and what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, features: Any) -> Any:
        return self.name, features


def router(ratio: float = 0.5, **options: Any) -> ABTestRouter:
    return ABTestRouter(Says("A"), Says("B"), ratio, **options)


def test_features_and_answers_pass_through_as_they_are() -> None:
    features = [1.0, "x", None]
    name, given_ = router().predict(features, user_id=42)
    assert name == router().assign(42) and given_ is features


def test_the_assignment_never_changes() -> None:
    """Pinned: a user assigned years ago must find the same model."""
    assert "".join(router().assign(user) for user in range(32)) == PINNED


def test_another_process_assigns_alike() -> None:
    code = "from flyball import ABTestRouter; r = ABTestRouter(None, None); print(''.join(r.assign(u) for u in range(32)))"
    for seed in ("0", "1"):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed})
        assert run.stdout.strip() == PINNED


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine says nothing about routers
@given(st.text(min_size=1) | st.integers(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_ratio_takes_no_user_back(user: object, one: float, other: float) -> None:
    lower, higher = sorted((one, other))
    assert not (router(lower).assign(user) == "B" and router(higher).assign(user) == "A")


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0])
def test_the_ratio_is_the_share_of_model_b(ratio: float) -> None:
    share = np.mean([router(ratio).assign(f"user-{n}") == "B" for n in range(20_000)])
    assert abs(share - ratio) < 0.015
    if ratio in (0.0, 1.0):
        assert share == ratio


def test_seeds_make_independent_groups() -> None:
    both = np.mean([router(seed="one").assign(n) == router(seed="two").assign(n) for n in range(20_000)])
    assert abs(both - 0.5) < 0.02


def test_an_id_as_number_text_or_bytes_is_one_user() -> None:
    assert all(router().assign(n) == router().assign(str(n)) == router().assign(str(n).encode()) for n in range(100))
    assert router().assign(np.int64(7)) == router().assign(7)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan"), "half", True, None])
def test_a_ratio_is_a_share(ratio: Any) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        router(ratio)


@pytest.mark.parametrize("user", [None, "", float("nan")])
def test_nobody_is_not_a_user(user: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs an id"):
        router().predict([1], user)
    with pytest.raises(DataError, match="needs an id"):
        log_ab_result(user, "A", 1, 1, database=tmp_path / "ab.db")


def test_results_come_back_as_they_were_logged(tmp_path: Path) -> None:
    database = tmp_path / "ab.db"
    at = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    log_ab_result("u1", "A", 1, 0, database=database, at=at)
    log_ab_result(2, 7, np.array([0.25, 0.5]), None, database=str(database))
    log_ab_result("李雷", "B", np.float64(0.5), "yes", database=database)
    first, second, third = ab_results(database)
    assert (first.user_id, first.model_version, first.prediction, first.actual, first.at) == ("u1", "A", 1, 0, at)
    assert first.at.tzinfo is UTC
    assert (second.user_id, second.model_version, second.prediction, second.actual) == (2, 7, [0.25, 0.5], None)
    assert (third.user_id, third.prediction, third.actual) == ("李雷", 0.5, "yes")
    assert abs((datetime.now(UTC) - second.at).total_seconds()) < 60


def test_the_default_is_a_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ab_results() == []
    assert list(tmp_path.iterdir()) == [], "asking makes no file"
    log_ab_result("u", "A", 1, 1)
    assert len(ab_results()) == 1 and (tmp_path / "flyball_ab.db").is_file()


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="prediction cannot be logged"):
        log_ab_result("u", "A", object(), 1, database=tmp_path / "ab.db")
    with pytest.raises(DataError, match="no zone"):
        log_ab_result("u", "A", 1, 1, database=tmp_path / "ab.db", at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the test
    assert not (tmp_path / "ab.db").exists()


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database at all, but some text of a certain length" * 20)
    with pytest.raises(StoreError, match="database="):
        log_ab_result("u", "A", 1, 1, database=tmp_path / "text")
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(StoreError, match="something else"):
        log_ab_result("u", "A", 1, 1, database=tmp_path / "other.db")
    connection = sqlite3.connect(tmp_path / "newer.db")
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StoreError, match="newer Flyball"):
        ab_results(tmp_path / "newer.db")
    with pytest.raises(StoreError):
        log_ab_result("u", "A", 1, 1, database=tmp_path / "no" / "folder.db")


def test_processes_that_write_together_lose_nothing(tmp_path: Path) -> None:
    code = """
import sys
from flyball import log_ab_result
for n in range(25):
    log_ab_result(f'{sys.argv[2]}-{n}', 'A', n, n, database=sys.argv[1])
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "ab.db"), str(worker)]) for worker in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len({result.user_id for result in ab_results(tmp_path / "ab.db")}) == 75


def test_with_a_sticky_mapping_users_stay_where_they_were_whatever_the_ratio_becomes() -> None:
    kept: dict[str, str] = {}
    ab = router(0.5, sticky=kept)
    before = {user: ab.predict(None, user) for user in range(300)}
    for ratio in (0.1, 0.9, 0.0):
        ab.ratio = ratio
        assert {user: ab.predict(None, user) for user in range(300)} == before
    assert {ab.assign(user) for user in range(300, 400)} == {"A"}, "whoever comes new is assigned by the ratio of that time"
    again = router(0.0, sticky=kept)
    assert {user: again.predict(None, user) for user in range(300)} == before
    kept["7"] = "C"
    with pytest.raises(DataError, match="'C'"):
        again.assign(7)


def test_results_are_read_while_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "ab.db"
    log_ab_result(1, "a", 1, 1, database=path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert len(ab_results(database=path)) == 1
        other.execute("ROLLBACK")
    (tmp_path / "empty.db").touch()
    assert len(ab_results(database=tmp_path / "empty.db")) == 0
