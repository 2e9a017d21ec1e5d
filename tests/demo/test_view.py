"""What is shown while the demo runs, and at its end."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from flyball.core.codec import to_json
from flyball.core.reason import because
from flyball.demo.decisions import Alarm, Decided, alarms
from flyball.demo.report import print_summary
from flyball.demo.summary import Summary, as_plain
from flyball.demo.view import DayStatus, LiveView, PlainView, View
from flyball.journal.events import AlertFired, AlertResolved, Entry, Event

DAY = datetime(2013, 5, 7, tzinfo=UTC)
DECISION = Decided(at=DAY, action="promote", version=3, reason="version 3 is certainly better [than 2] on live rows")

ALARMS = (
    Alarm(at=DAY, until=DAY + timedelta(days=3), key="drift:temp", reason="temp moved by 0.67"),
    Alarm(at=DAY, until=None, key="performance:brier", reason="brier is certainly beyond the floor"),
)


def status(number: int) -> DayStatus:
    return DayStatus(
        day=DAY,
        number=number,
        days=30,
        predictions=1234,
        per_second=4567.8,
        champion=2,
        shadow=(3,),
        roc_auc=0.7123,
        brier=None,
        worst="temp",
        worst_distance=0.31,
        drifting=2,
    )


def summary(*, finished: bool = True, failed: int = 0) -> Summary:
    monthly = {"2013-03": 0.7, "2013-04": None}
    return Summary(
        folder=Path("/somewhere/demo-project"),
        seed=0,
        days=30,
        finished=finished,
        until=datetime(2013, 6, 1, tzinfo=UTC),
        predictions=1000,
        outcomes=900,
        failed_requests=failed,
        rejected_outcomes=0,
        first_failure="503: busy" if failed else "",
        decisions=(DECISION,),
        alarms=ALARMS,
        champion=3,
        roc_auc={"loop": monthly, "frozen": monthly, "scheduled": monthly},
        brier={"loop": monthly, "frozen": monthly, "scheduled": monthly},
        retrains={"loop": 2, "scheduled": 2},
        parts={"replay": 1.5, "afterwards": 0.5},
        peak_memory_mb=512.4,
        prediction_id="0123abcd",
    )


def play(view: View) -> None:
    view.stage("training")
    view.stage("starting")
    for number in range(1, 15):
        view.day(status(number))
    view.waiting("training")
    view.decided([DECISION])
    view.close()


def test_plain_lines_tell_stages_decisions_and_every_seventh_day() -> None:
    out = StringIO()
    play(PlainView(Console(file=out)))
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["training", "starting"]
    assert len([line for line in lines if "AUC 0.712" in line]) == 2
    assert lines[-1] == "2013-05-07  promote @3: version 3 is certainly better [than 2] on live rows"


def test_the_live_picture_shows_the_present_and_decisions_stay_above_it() -> None:
    out = StringIO()
    play(LiveView(Console(file=out, force_terminal=True, width=140), "flight-delay"))
    shown = out.getvalue()
    for part in ("flight-delay@2", "in shadow @3", "day 14 of 30", "temp", "promote @3", "certainly better [than 2]"):
        assert part in shown


def test_the_summary_shows_figures_decisions_and_where_to_look_next() -> None:
    out = StringIO()
    print_summary(summary(), Console(file=out, width=140))
    shown = out.getvalue()
    figures = ("failed requests: 0", "2013-03", "0.7000", "promote @3")
    steps = ("trace 0123abcd", "why @3", "-C /somewhere/demo-project up", "monitor --now 2013-06-01T00:00:00Z")
    for part in (*figures, *steps):
        assert part in shown
    assert "Every alarm, from when to when: 2 in 30 days" in shown
    assert "  2013-05-07 to 05-10  temp moved by 0.67\n" in shown
    assert "  2013-05-07 to still  brier is certainly beyond the floor\n" in shown


def test_an_alarm_lasts_from_its_firing_to_its_end_each_time_it_fires() -> None:
    events: list[Event] = [
        AlertFired(key="drift:a", reason=because("alert.resolved", key="a")),
        AlertFired(key="drift:b", reason=because("alert.resolved", key="b")),
        AlertResolved(key="drift:a", reason=because("alert.resolved", key="a")),
        AlertFired(key="drift:a", reason=because("alert.resolved", key="a")),
    ]
    entries = [
        Entry(model="m", seq=number, at=DAY + timedelta(days=number), actor="loop", event=event, prev_hash="", hash="")
        for number, event in enumerate(events)
    ]
    found = [(one.key, one.at.day, one.until and one.until.day) for one in alarms(entries)]
    assert found == [("drift:a", 7, 9), ("drift:b", 8, None), ("drift:a", 10, None)]


def test_a_summary_of_a_stopped_run_says_so_and_a_failure_is_named() -> None:
    out = StringIO()
    print_summary(summary(finished=False, failed=2), Console(file=out, width=140))
    assert "stopped before the end" in out.getvalue()
    assert "503: busy" in out.getvalue()


@pytest.mark.parametrize("key", ["predictions", "outcomes", "failed_requests", "decisions", "roc_auc", "retrains", "seconds"])
def test_the_json_has_the_keys_of_the_contract(key: str) -> None:
    assert key in as_plain(summary())


def test_the_json_can_be_written_and_months_without_a_value_are_null() -> None:
    plain = as_plain(summary())
    assert '"2013-04":null' in to_json(plain)
    assert plain["decisions"] == [
        {"at": "2013-05-07T00:00:00+00:00", "action": "promote", "version": 3, "reason": DECISION.reason},
    ]
    assert plain["seconds"] == 2.0
