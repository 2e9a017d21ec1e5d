"""The page, the plot and the goals of the serving bench, from a run that never was."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.serving import load, page
from bench.serving.dialects import NATIVE
from bench.serving.goals import Goal, goals
from bench.serving.results import Logged, Machine, Measured, Run, Workers


def measured(cpu: float, *, beside: float = 0.0, rate: float = 1000.0, p99: float = 0.01) -> Measured:
    """Three rounds around a value."""
    spread = (0.9, 1.0, 1.2)
    return Measured(
        cpu=[cpu * x for x in spread],
        beside=[beside] * 3,
        rate=[rate * x for x in spread],
        p50=[p99 / 3] * 3,
        p99=[p99 * x for x in spread],
    )


@pytest.fixture
def run() -> Run:
    """A run in which every goal but the one against nginx is met."""
    return Run(
        machine=Machine("2026-01-01 12:00 UTC", "a processor", 2, "Linux", "3.11", "abc", {"nginx": "1.22"}),
        rounds=3,
        seconds=5.0,
        engine="trees",
        measured={
            "flyball": {"row": measured(12.0, beside=4.0), "rows": measured(300.0), "half": measured(14.0, p99=0.001)},
            "flyball-bare": {"row": measured(10.0)},
            "flyball-frame": {"frame": measured(90.0)},
            "flyball-mlp": {"mlp": measured(30.0), "mlp-single": measured(80.0)},
            "flyball-mlp-alone": {"mlp": measured(66.0), "mlp-single": measured(80.0)},
            "nginx": {"row": measured(5.0), "half": measured(9.0, p99=0.0008)},
            "rival": {"row": measured(180.0)},
            "rival-fast": {"row": measured(130.0)},
            "mlserver": {"row": measured(700.0)},
            "mlserver-onnx": {"rows": measured(1300.0)},
            "litserve": {"row": measured(1200.0)},
            "bentoml": {"row": measured(1500.0)},
            "mlflow": {"row": measured(6300.0), "rows": measured(10_000.0), "half": measured(6500.0, p99=0.3)},
            "mlflow-frame": {"frame": measured(20_000.0)},
        },
        absent={"ray": "no wheel for `this` | machine"},
        memory={"flyball": [70.0]},
        logged={"flyball": Logged(answered=500, logged=500), "flyball-mlp": Logged(answered=70, logged=70)},
        start_up=[0.7, 0.6, 0.8],
        workers=Workers(answers=10, logged={"w0": 4, "w1": 6}),
    )


def found(run: Run, words: str) -> Goal:
    """The goal that says so."""
    return next(goal for goal in goals(run) if words in goal.what)


def test_every_goal_gets_a_verdict_from_a_whole_run(run: Run) -> None:
    verdicts = {goal.what: goal.met for goal in goals(run)}
    assert verdicts.pop("against nginx answering a static body") is False
    assert set(verdicts.values()) == {True}


def test_a_ratio_is_taken_of_medians_and_of_the_cheapest_peer(run: Run) -> None:
    assert found(run, "CPU per request against").measured.startswith("525 × (12.0 µs against 6 300 µs; with ingestion 16.0 µs, 394 ×")
    assert "130 µs of FastAPI + ONNX Runtime, msgspec" in found(run, "rival").measured
    assert "700 µs of MLServer" in found(run, "batching peer").measured


def test_a_batching_peer_that_did_not_run_is_named(run: Run) -> None:
    assert "without Ray Serve, batching, which did not run" in found(run, "batching peer").measured


def test_what_was_not_measured_is_neither_met_nor_missed(run: Run) -> None:
    del run.measured["mlflow"]
    assert found(run, "CPU per request against").met is None
    assert found(run, "CPU per request against").measured == "not measured in this run"


def test_predictions_that_are_not_in_the_log_miss_the_goal(run: Run) -> None:
    run.workers = Workers(answers=11, logged={"w0": 4, "w1": 6})
    assert found(run, "two workers").met is False
    run.logged["flyball"].logged -= 1
    assert found(run, "rows in the log").met is False
    assert found(run, "rows in the log").measured == "570 answered, 569 logged"


def test_the_p99_of_a_slow_machine_is_judged_by_nginx_of_the_same_minute(run: Run) -> None:
    run.measured["flyball"]["half"].p99 = [0.004, 0.006, 0.012]
    run.measured["nginx"]["half"].p99 = [0.003, 0.004, 0.005]
    assert found(run, "p99 at half load").met is True
    run.measured["nginx"]["half"].p99 = [0.001, 0.001, 0.005]
    assert found(run, "p99 at half load").met is False


def test_the_page_names_every_server_and_says_why_one_is_absent(run: Run, tmp_path: Path) -> None:
    page.write(run, tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert "- Ray Serve, batching: `no wheel for 'this' / machine`" in text
    assert "| **Flyball** |" in text
    assert "12.0 µs (10.8 µs to 14.4 µs) | 4.00 µs |" in text
    assert "![CPU per request of every server, logarithmic](performance.svg)" in text


def test_the_plot_is_well_formed_and_its_bars_follow_the_figures(run: Run, tmp_path: Path) -> None:
    page.write(run, tmp_path)
    svg = ElementTree.fromstring((tmp_path / "performance.svg").read_bytes())
    bars = [float(one.attrib["width"]) for one in svg.iter() if one.attrib.get("class") in ("ours", "peer")]
    assert len(bars) == sum("row" in cases for cases in run.measured.values())
    assert bars == sorted(bars)
    said = {text for one in svg.iter() if one.tag.endswith("text") and (text := one.text)}
    assert {"Flyball", "12.0 µs (16.0 µs)", "nginx, static body"} <= said


def test_a_run_survives_its_json(run: Run) -> None:
    import msgspec

    assert page.markdown(msgspec.json.decode(msgspec.json.encode(run), type=Run), plot=True) == page.markdown(run, plot=True)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", 40),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", None),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 59),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", None),
        (b"HTTP/1.1 200 OK\r\ncontent-le", None),
    ],
)
def test_an_answer_ends_where_its_length_says(answer: bytes, end: int | None) -> None:
    assert load.end_of(answer) == end


def test_the_body_of_a_request_is_ours() -> None:
    assert NATIVE.encode([[1.0, 2.0]], ["a", "b"], 3) == {"features": [1.0, 2.0], "unit": "customer-3"}
