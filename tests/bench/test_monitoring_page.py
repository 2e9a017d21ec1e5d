"""The goals and the page of the monitoring bench, from a run that never was; and its own arithmetic, from real samples."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from bench.monitoring import page
from bench.monitoring.__main__ import main
from bench.monitoring.certified import certified
from bench.monitoring.goals import goals, interval
from bench.monitoring.request import counting_a_row
from bench.monitoring.results import Certified, Comparison, OverTime, Published, Request, Run, Said
from bench.monitoring.run_sides import judged
from bench.monitoring.sides import clock, flyball_side, scipy_side
from bench.serving.goals import Goal
from bench.serving.results import Machine


@pytest.fixture
def run() -> Run:
    """A run in which every goal is met."""
    return Run(
        machine=Machine("2026-01-01 12:00 UTC", "a processor", 2, "Linux", "3.11", "abc", {"Flyball": "flyball 1.0"}),
        rounds=3,
        quick=False,
        sizes=[(100_000, 20), (1_000_000, 50)],
        speed={
            "100 000 × 20": {
                "flyball": Comparison("everything", [0.006, 0.005, 0.007], [0.5, 1.0, 0.0]),
                "scipy": Comparison("a p-value", [0.3, 0.25, 0.4], [2.0, 2.0, 2.0]),
                "evidently": Comparison("the preset", [6.0], [90.0]),
            },
            "1 000 000 × 50": {
                "flyball": Comparison("everything", [0.06], [1.0]),
                "scipy": Comparison("a p-value", [5.0], [20.0]),
                "evidently": Comparison("the preset", [100.0], [2000.0]),
            },
        },
        said={"shift": {"flyball": Said(10, 20, 10, 0, 0, 10), "scipy": Said(10, 20, 20, 10, 6, 10)}},
        request=Request(alone=[20.0] * 12, counted=[20.1] * 12, rounds_of_counting=9, rows_counted=12_345, row=0.1, loads_counting=False),
        over_time=OverTime(
            runs=20,
            days=3.0,
            looks=4316,
            null=[0] * 20,
            naive=[50] * 20,
            season=[0] * 19 + [1],
            delays={"0.25": [12.0] * 20, "0.5": [5.0] * 20, "1": [3.5] * 20},
        ),
        certified=Certified(1000, 1000, 0.0039, 1_000_000),
        published=[Published("KS of `x` by chunk", [0.1], [0.1001], True), Published("ROC AUC without labels", [0.9], [0.9005])],
    )


def found(run: Run, words: str) -> Goal:
    """The goal that says so."""
    return next(goal for goal in goals(run) if words in goal.what)


def test_every_goal_gets_a_verdict_from_a_whole_run(run: Run) -> None:
    assert {goal.met for goal in goals(run)} == {True}
    assert len(goals(run)) == 17


def test_a_ratio_is_taken_of_medians(run: Run) -> None:
    assert found(run, "100 000 × 20 floats, one thread, against scipy").measured == "50.0 × (6.00 ms against 300 ms)"
    run.speed["100 000 × 20"]["flyball"].seconds = [0.008]
    assert found(run, "100 000 × 20 floats, one thread, against scipy").met is False


def test_what_was_not_measured_is_neither_met_nor_missed_and_says_why(run: Run) -> None:
    for sides in run.speed.values():
        del sides["evidently"]
    run.absent["evidently"] = "no wheel"
    assert found(run, "against Evidently").measured == "not measured: no wheel"
    assert found(run, "against Evidently").met is None
    run.certified = Certified(200, 200, 0.0039, 1000)
    assert found(run, "lower ≤ exact").met is None  # two hundred cases are not the thousand


def test_alarms_are_judged_by_runs_and_delays_by_their_median(run: Run) -> None:
    assert run.over_time is not None
    assert (
        found(run, "nothing happens").measured
        == "0 of 20 runs of 3 days, 0 alarms in all; `ks_2samp` calls 50 to 50 features drifted in a run"
    )
    assert found(run, "0.25 sd").measured == "12.0 min (median of 20 runs, the worst 12.0)"
    run.over_time.null = [0] * 18 + [1, 4]
    run.over_time.delays["0.5"] = [5.0] * 9 + [None] * 11
    assert found(run, "nothing happens").met is False
    assert found(run, "0.5 sd").met is False
    run.over_time = OverTime(runs=2, days=0.25, null=[0, 0], naive=[9, 12], season=[0, 0], delays={"0.25": [9.0, 8.0]})
    assert found(run, "nothing happens").met is None  # two runs of six hours are not twenty of three days
    assert found(run, "0.25 sd").met is None
    run.over_time, run.absent["alarms over time"] = None, "no module"
    assert found(run, "1 sd").measured == "not measured: no module"


def test_one_case_outside_its_bounds_misses_the_goal(run: Run) -> None:
    run.certified = Certified(1000, 999, 0.0039, 1000)
    assert found(run, "lower ≤ exact").met is False
    run.published[0].inside = False
    assert found(run, "published KS").met is False


def test_noise_on_the_request_path_is_no_verdict(run: Run) -> None:
    assert run.request is not None
    run.request.counted = [20.0 + step for step in (-3, -2, -1, 0, 1, 2, 3, 4, -4, 0, 1, -1)]
    cost = found(run, "counting every second")
    assert cost.met is None
    assert "cannot tell a microsecond" in cost.measured
    run.request.counted = [25.0] * 12
    assert found(run, "counting every second").met is False
    run.request.loads_counting = True
    assert found(run, "code that counts").met is False


def test_the_interval_of_a_median_covers_it_nineteen_times_in_twenty() -> None:
    generator = np.random.default_rng(0)
    covered = [low <= 0.0 <= high for low, high in (interval(list(generator.standard_cauchy(12))) for _ in range(4000))]
    assert 0.95 <= np.mean(covered) <= 0.99
    assert interval([1.0, 2.0]) == (1.0, 2.0)


def test_alarms_of_what_moved_are_right_and_all_others_false() -> None:
    said = judged([["f0"], [], ["f0", "f2", "f3"], ["f2"]], 20, {"f0"})
    assert (said.alarms, said.false_alarms, said.looks_with_false_alarm, said.looks_that_named_it) == (5, 3, 2, 2)
    assert judged([["f0"], []], 20, set()).false_alarms == 1


def test_our_side_names_the_column_that_moved_and_no_other() -> None:
    generator = np.random.default_rng(0)
    windows = [clock.frame_of(generator.normal([0.5, 0, 0, 0], size=(1000, 4))) for _ in range(5)]
    reference = clock.frame_of(generator.normal(size=(20_000, 4)))
    assert flyball_side.drifted(reference, windows) == [["f0"]] * 5
    assert all("f0" in names for names in scipy_side.drifted(reference, windows))


def test_a_comparison_is_timed_with_the_memory_it_took() -> None:
    said = clock.timed(lambda: np.ones(8_000_000).sum())  # beyond what an allocator ever keeps for later (32 MiB)
    assert said["repeats"] >= 1
    assert said["seconds"] > 0
    assert said["peak_mb"] == -1.0 or said["peak_mb"] > 50


def test_the_bounds_hold_in_random_cases() -> None:
    tried = certified(60, most_rows=2000)
    assert (tried.cases, tried.held) == (60, 60)
    assert tried.widest <= 1 / 256


def test_a_logged_row_is_counted() -> None:
    assert counting_a_row() > 0


def test_the_page_shows_every_side_and_says_why_one_is_absent(run: Run, tmp_path: Path) -> None:
    run.absent["nannyml"] = "no wheel for `this`"
    text = page.write(run, tmp_path).read_text()
    assert "| **Flyball** | everything | 6.00 ms (5.00 ms to 7.00 ms) | 3.00 |  | 1.0 MB |" in text
    assert "| Evidently, `DataDriftPreset` | the preset | 6.00 s (once) | 3 000 | 1 000 × | 90.0 MB |" in text
    assert "| scipy `ks_2samp` | 10 of 190 (5.26 %) | 6 of 10 | 10 of 10 |" in text
    assert "- NannyML, univariate KS: `no wheel for 'this'`" in text
    assert "12 345 rows counted meanwhile" in text


def test_a_run_survives_its_json_and_is_shown_from_it(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "run.json"
    kept.write_bytes(msgspec.json.encode(run))
    main(["--show", str(kept), "--docs", str(tmp_path)])
    assert (tmp_path / page.NAME).read_text() == page.markdown(run)
    assert "yes 1 000 000 × 50: memory beyond the data: ≤ 16 MB: 1.0 MB" in capsys.readouterr().out
