"""The backtest and the demo are the same loop: over the same flights and seed they decide the same, with a server and without."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from flyball.adapters.local.mapper import LocalMapper
from flyball.adapters.replay.benches import ReplayBenches
from flyball.demo.dataset import load_flights, write_flights
from flyball.demo.days import Seen, Told, replay
from flyball.demo.decisions import decided
from flyball.demo.offline import load_pipeline
from flyball.demo.process import Server, finish_training, start_training
from flyball.demo.project import EXAMPLES, example_files, write_texts
from flyball.demo.run import START
from flyball.demo.stream import make_stream
from flyball.demo.view import PlainView
from flyball.loop.backtest.records import Request
from flyball.loop.backtest.run import backtest
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_world

DAYS, SEED = 28, 3
# The example trains every 60 days; here everything happens sooner, and forests are small.
SOONER = {
    r"n_estimators = \d+": "n_estimators = 20",
    r"random_state = \d+": f"random_state = {SEED}",
    r'every = "60d"': 'every = "14d"',
    r'cooldown = "60d"': 'cooldown = "10d"',
    r"min_days = 7": "min_days = 3",
    r'deadline = "45d"': 'deadline = "10d"',
    r'watch = "60d"': 'watch = "12d"',
    r"(?m)^margin = 0.002": "margin = 0.01",
}


def project(folder: Path, *, until: datetime | None) -> None:
    """The flights project with sooner settings; its source is what was known at `until`, or all of it."""
    texts = example_files("flights")
    for pattern, text in SOONER.items():
        texts["flyball.toml"], changed = re.subn(pattern, text, texts["flyball.toml"])
        assert changed == 1, pattern
    write_texts(folder, texts)
    flights = load_flights()
    if until is not None:
        flights = flights[flights["scheduled_at"] < until].copy()
        unknown = flights["landed_at"].isna() | (flights["landed_at"] >= until)
        flights["landed_at"] = flights["landed_at"].mask(unknown)
        flights["late"] = flights["late"].mask(unknown)
    write_flights(flights, folder / EXAMPLES["flights"])


def live(folder: Path, end: datetime) -> list[tuple[datetime, str, int | None]]:
    """What the loop decides behind a real server that is asked over HTTP."""
    project(folder, until=START)
    finish_training(start_training(folder, START))
    spec = load_spec(folder)
    prepared = load_pipeline(folder).prepare(load_flights())[[*spec.data.roles, *(spec.data.features or ())]]
    stream = make_stream(prepared, list(spec.data.features or ()), start=START, end=end)
    world, seen, view = open_world(read_settings(folder)), Seen(len(stream)), PlainView(Console(stderr=True))
    with Server(folder) as server:
        told = Told(host=server.host, port=server.port, start=START, end=end, speed=None, language="en")
        asyncio.run(replay(stream, told, world, spec, view, seen, alive=server.check, stopped=lambda: False))
    assert seen.failed_requests == 0
    return [(one.at, one.action, one.version) for one in decided(world.journal.read(spec.model.name))]


@pytest.mark.slow
@pytest.mark.timeout(900)  # a month of trainings and requests, on a machine that may be busy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what MLflow imports
def test_the_backtest_decides_what_the_demo_decides(tmp_path: Path) -> None:
    end = START + timedelta(days=DAYS)
    lived = live(tmp_path / "demo", end)
    project(tmp_path / "history", until=None)
    folder, scratch = tmp_path / "history", tmp_path / "scratch"
    scratch.mkdir()
    report = backtest(
        (folder / "flyball.toml").read_text(),
        load_spec(folder),
        Request(policies=("spec",), start=START, end=end),
        benches=ReplayBenches(project=folder, scratch=scratch),
        mapper=LocalMapper(1),
        say=lambda _: None,
    )
    replayed = [(made.at, made.action, made.version) for made in report.policies[0].decisions]
    assert replayed == lived
    assert {"promote", "retrain"} <= {action for _, action, _ in lived}
    assert max(version or 0 for _, _, version in lived) >= 3
    assert all(at.tzinfo is UTC for at, _, _ in replayed)
