"""An alert ends when its signal was quiet, and not because nobody looked."""

from pathlib import Path

from flyball.core.reason import because
from flyball.core.window import Window
from flyball.journal.events import AlertFired
from flyball.loop.evidence.calm import calm_keys
from flyball.monitoring.records import MonitorReport
from flyball.testing.samples import NOON
from watched import MODEL, Watched, reference


def test_a_champion_that_was_asked_nothing_yet_ends_no_alert(tmp_path: Path) -> None:
    watched = Watched(tmp_path).register(1, reference()).promote(1)
    fired = AlertFired(key="drift:x", reason=because("x"))
    watched.world.journal.append(MODEL, [fired], expected=watched.state.seq, actor="test", at=NOON)
    window = Window(start=NOON - watched.spec.monitor.window, end=NOON)
    nothing = MonitorReport(window=window, version=1, rows=0, columns={}, performance=None)
    assert calm_keys(watched.world, watched.spec, watched.state, nothing, None, refused=False) == {}
