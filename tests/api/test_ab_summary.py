"""What logged A/B results say, and what they must not be taken to say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flyball import ABTestRouter, ab_summary, log_ab_result
from flyball.adapters.sqlite.ab_results import _open
from flyball.core.errors import DataError, NotFoundError, UsageError
from flyball.core.verdict import Verdict

START = datetime(2026, 3, 1, tzinfo=UTC)


class Never:
    """Answers nothing: who is asked is all that is looked at."""

    def predict(self, features: Any, /) -> Any:
        return None


def results(path: Path, *, right: tuple[float, float], users: int = 4000, ratio: float = 0.5, lost: float = 0.0, seed: int = 0) -> Path:
    """Results of users that a router sent to A or B, whose answers are right so often; `lost`: the share of B's that is not logged."""
    chance, router = np.random.default_rng(seed), ABTestRouter(Never(), Never(), ratio=ratio, seed=f"s{seed}")
    rows = []
    for user in range(users):
        arm = router.assign(user)
        said = int(chance.random() < right[arm == "B"])
        if arm == "A" or chance.random() >= lost:
            rows.append((0, str(user), f'"{arm}"', str(said), "1"))
    with _open(path) as connection:
        connection.executemany("INSERT INTO ab_results (at, user_id, model_version, prediction, actual) VALUES (?, ?, ?, ?, ?)", rows)
    return path


def test_a_better_model_is_found_and_a_worse_one_too(tmp_path: Path) -> None:
    found = ab_summary(results(tmp_path / "b.db", right=(0.75, 0.85)))
    assert (found.verdict, found.loss) == (Verdict.PASS, "error")
    assert 0 < found.lower < found.gain < found.upper and found.gain == pytest.approx(0.1, abs=0.03)
    assert found.a.users + found.b.users == 4000 and found.a.mean > found.b.mean
    assert "B is certainly better than A: error gain" in repr(found) and "<table>" in found._repr_html_()
    assert ab_summary(results(tmp_path / "w.db", right=(0.85, 0.75))).verdict is Verdict.FAIL
    assert "确定优于" in repr(ab_summary(tmp_path / "b.db", language="zh"))


def test_two_equal_models_are_not_told_apart_however_often_one_looks(tmp_path: Path) -> None:
    for seed in range(5):
        for users in (500, 1000, 2000):
            found = ab_summary(results(tmp_path / f"{seed}-{users}.db", right=(0.8, 0.8), users=users, seed=seed))
            assert found.verdict is Verdict.UNDECIDED and found.lower < 0 < found.upper


def test_a_split_that_is_wrong_decides_nothing(tmp_path: Path) -> None:
    found = ab_summary(results(tmp_path / "l.db", right=(0.5, 0.95), lost=0.3))
    assert found.verdict is Verdict.UNDECIDED and found.split_p < 0.0005
    assert "users are not split as the ratio says" in repr(found)
    uneven = results(tmp_path / "u.db", right=(0.7, 0.9), ratio=0.2)
    assert ab_summary(uneven, ratio=0.2).verdict is Verdict.PASS
    assert ab_summary(uneven).verdict is Verdict.UNDECIDED


def test_results_of_one_user_are_one_unit_and_those_without_an_outcome_wait(tmp_path: Path) -> None:
    path = tmp_path / "few.db"
    for user in range(4):
        for day in range(3):
            at = START + timedelta(days=day)
            log_ab_result(user, "v1" if user % 2 else "v2", 0.2, None if day == 2 else 0, database=path, at=at)
    found = ab_summary(path, a="v1", b="v2", loss="brier")
    assert (found.a.users, found.a.results, found.a.waiting, found.lower) == (2, 6, 2, None)
    assert found.a.mean == pytest.approx(0.04)
    assert "8 results with an outcome of 4 users so far; bounds are given from 50 users in each arm on" in repr(found)
    assert ab_summary(path, a="v1", b="v2", since=START + timedelta(days=1)).a.results == 4
    assert ab_summary(path, a="v1", b="v2", since=START + timedelta(days=2)).gain is None
    worth = ab_summary(path, a="v1", b="v2", loss=lambda said, was: -10 * said)
    assert worth.a.mean == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("ask", "error", "told"),
    [
        (lambda path: ab_summary(path, a="v9"), NotFoundError, "versions in the database: 'v1', 'v2'"),
        (lambda path: ab_summary(path, a="v1", b="v2", ratio=1.0), UsageError, "between 0 and 1"),
        (lambda path: ab_summary(path, a="v1", b="v2", loss="bier"), UsageError, "did you mean 'brier'"),  # type: ignore[arg-type]  # the mistake
        (lambda path: ab_summary(path, a="v1", b="v2", loss="squared_error"), DataError, "cannot be computed"),
        (lambda path: ab_summary(path, a="v1", b="v2", loss=lambda said, was: float("nan")), DataError, "not a finite number"),
        (lambda path: ab_summary(path, a="v1", b="v2", since=datetime(2026, 1, 1)), UsageError, "has no zone"),  # noqa: DTZ001 - the mistake
        (lambda path: ab_summary(path.with_name("other.db")), NotFoundError, "none"),
    ],
)
def test_what_cannot_be_summed_up_is_told(tmp_path: Path, ask: Callable[[Path], Any], error: type[Exception], told: str) -> None:
    path = tmp_path / "texts.db"
    for user in range(2):
        log_ab_result(user, f"v{user + 1}", "yes", "no", database=path, at=START)
    with pytest.raises(error, match=told):
        ask(path)
