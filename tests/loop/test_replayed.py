"""Versions are asked again what was asked of late, and nothing of it is written anywhere."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from flyball.core.errors import NotFoundError, RefusedError
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.loop.replaying.latency import latency
from flyball.loop.replaying.replay import replay
from flyball.loop.replaying.rows import EPOCH, logged_requests, readable, stacked
from flyball.words.sentences import sentence
from quarter import MODEL, PER_DAY, Town
from served import MIXED


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Three days of requests, and then a second version of flipped labels."""
    found = Town(tmp_path_factory.mktemp("replayed") / "town").begin()
    found.live(3)
    found.harmful()
    yield found
    found.close()


def test_the_candidate_answers_the_newest_requests_and_the_report_says_how_it_differs(town: Town) -> None:
    report = replay(town.spec, town.workshop, candidate=2, now=town.now)
    assert (report.candidate, report.champion, report.asked, report.compared) == (2, 1, 3 * PER_DAY, 3 * PER_DAY)
    assert report.errors.rows == report.not_finite.rows == 0 and not report.identical
    assert report.disagreement is not None and report.disagreement.share > 0.9
    assert report.latency is not None and report.latency.rows > 0 and report.latency.ratio > 0
    gains = {gain.metric: gain for gain in report.gains}
    assert gains["brier"].upper < -0.1, "outcomes of the live days are known, and neither learned from them"


def test_only_so_many_and_only_those_of_late_are_asked(town: Town) -> None:
    assert replay(town.spec, town.workshop, candidate=2, last=100, now=town.now, timed=False).asked == 100
    one_day = replay(town.spec, town.workshop, candidate=2, since=timedelta(days=1), now=town.now, timed=False)
    assert one_day.asked == PER_DAY and one_day.latency is None


def test_nothing_is_logged_by_a_replay(town: Town) -> None:
    window = Window(start=EPOCH, end=town.now + timedelta(days=400))
    before = dict(town.world.predictions.count(MODEL, window)), len(town.world.journal.read(MODEL))
    replay(town.spec, town.workshop, candidate=2, now=town.now, timed=False)
    assert (dict(town.world.predictions.count(MODEL, window)), len(town.world.journal.read(MODEL))) == before


def test_what_cannot_be_compared_is_refused_with_what_to_do(town: Town) -> None:
    for candidate, against in ((1, None), (2, 2)):
        with pytest.raises(RefusedError, match="nothing can differ"):
            replay(town.spec, town.workshop, candidate=candidate, against=against, now=town.now)
    for candidate, against in ((9, None), (2, 9)):
        with pytest.raises(NotFoundError, match="no version 9"):
            replay(town.spec, town.workshop, candidate=candidate, against=against, now=town.now)
    with pytest.raises(RefusedError, match="no logged requests"):
        replay(town.spec, town.workshop, candidate=2, now=town.now - timedelta(days=100))


def test_the_gate_of_the_second_training_told_of_the_replay(town: Town) -> None:
    event = next(e.event for e in town.world.journal.read(MODEL) if getattr(e.event, "version", 0) == 2)
    check = next(check for check in event.gate.checks if check.metric == "replay")  # type: ignore[union-attr]  # it is a Registered
    assert "answers 750 logged requests without error" in sentence(check.reason)


def test_requests_of_all_versions_come_in_order_each_once_and_without_what_shadows_heard(town: Town) -> None:
    logged = logged_requests(town.world.predictions, MODEL, Window(start=EPOCH, end=town.now), 10_000)
    assert len(set(logged.ids.tolist())) == len(logged.ids) == 3 * PER_DAY
    assert (np.diff(logged.at) >= 0).all()


def test_tables_of_other_columns_are_put_together_with_missing_values() -> None:
    texts = np.array(["a", None], dtype=object)
    found = stacked([Table({"x": np.array([1.0, 2.0]), "p": texts}), Table({"x": np.array([True]), "z": np.array([3])})])
    assert found["x"].tolist() == [1.0, 2.0, 1.0]
    assert found["p"].tolist() == ["a", None, None]
    assert np.isnan(found["z"][:2]).all() and found["z"][2] == 3.0


def test_columns_nobody_sent_are_missing_of_the_kind_the_version_reads() -> None:
    found = readable(Table({"hour": np.array([None, None], dtype=object)}), MIXED)
    assert list(found.columns) == ["hour", "carrier", "temp"]
    assert np.isnan(found["hour"]).all() and np.isnan(found["temp"]).all()
    assert found["carrier"].tolist() == [None, None]


def test_a_row_that_was_disturbed_once_counts_by_its_best_round() -> None:
    clock = {"now": 0.0, "asked": 0}

    def ask(seconds: float) -> None:
        clock["asked"] += 1
        clock["now"] += 5.0 if clock["asked"] == 25 else seconds

    found = latency(lambda _: ask(0.001), lambda _: ask(0.002), 5, timer=lambda: clock["now"])
    assert found is not None
    assert (found.champion_median, found.candidate_median) == pytest.approx((0.001, 0.002))
    assert found.candidate_p99 == pytest.approx(0.002) and found.ratio == pytest.approx(2.0)
    assert latency(lambda _: None, lambda _: None, 0) is None
