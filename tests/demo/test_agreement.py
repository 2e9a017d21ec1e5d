"""The backtest and the demo are the same loop: over the same flights and seed they decide the same, with a server and without."""

from datetime import UTC, timedelta
from pathlib import Path

import pytest

from flyball.adapters.local.mapper import LocalMapper
from flyball.adapters.replay.benches import ReplayBenches
from flyball.demo.decisions import decided
from flyball.demo.run import START
from flyball.loop.backtest.records import Request
from flyball.loop.backtest.run import backtest
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_world
from lived import DAYS, project


@pytest.mark.slow
@pytest.mark.timeout(900)  # a month of trainings and requests, on a machine that may be busy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what MLflow imports
def test_the_backtest_decides_what_the_demo_decides(lived: Path, tmp_path: Path) -> None:
    end = START + timedelta(days=DAYS)
    world = open_world(read_settings(lived))
    decisions = [(one.at, one.action, one.version) for one in decided(world.journal.read(load_spec(lived).model.name))]
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
    assert replayed == decisions
    assert {"promote", "retrain"} <= {action for _, action, _ in decisions}
    assert max(version or 0 for _, _, version in decisions) >= 3
    assert all(at.tzinfo is UTC for at, _, _ in replayed)
