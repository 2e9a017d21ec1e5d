"""The backtest page: kept reports side by side, what runs, and the order that begins another."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest

from dashboarded import asked, made
from flyball.adapters.memory.executor import MemoryExecutor
from flyball.core.errors import DataError, NotFoundError
from flyball.core.reason import because
from flyball.dashboard.pages.backtest import page
from flyball.dashboard.pages.backtest_jobs import going, wanted
from flyball.dashboard.style import sheet
from flyball.loop.backtest.kept import MOST, KeptBacktest, keep, made_at, names, read
from flyball.loop.backtest.records import BacktestReport, Cost, Difference, Made, Scored
from flyball.ports.training import Job
from flyball.render.backtest.charts import STYLE, apart, over_time
from flyball.server.admin.jobs import named
from replayed import town

START = datetime(2026, 1, 1, tzinfo=UTC)
MADE = datetime(2026, 5, 1, 12, tzinfo=UTC)


def scored(name: str, value: float, against: Difference | None = None, decisions: int = 2) -> Scored:
    weeks = {f"{START + timedelta(days=7 * week):%Y-%m-%d}": value + 0.001 * week for week in range(4)}
    reason = because("promote.first", version=1)
    return Scored(
        name=name,
        rows=100,
        mean={"brier": value},
        whole={"brier": value},
        months={"brier": {"2026-01": value}},
        weeks={"brier": weeks},
        against={} if against is None else {"brier": against},
        retrains=2,
        cost=Cost(trainings=2, seconds=4.0, cpu_seconds=3.0, rows=5000),
        promotions=1,
        refused=1,
        rollbacks=0,
        failed=0,
        alarms=(),
        false_alarms=None,
        missed=None,
        under_floor=0.0,
        champion=2,
        decisions=tuple(
            Made(at=START + timedelta(hours=n), action="promote", version=1, verdict="", reason=reason, actor="loop")
            for n in range(decisions)
        ),
        marks=(START + timedelta(days=9),),
        unanswered=0,
        trouble=(),
    )


def report(*policies: Scored) -> BacktestReport:
    found = policies or (scored("every:30d", 0.15, Difference(gain=0.02, lower=0.01, upper=0.03)), scored("spec", 0.17))
    return BacktestReport(
        model="town",
        start=START,
        end=START + timedelta(days=28),
        step=timedelta(days=1),
        seed=0,
        rows=1000,
        labelled=900,
        metric="brier",
        metrics=("brier",),
        reference="spec",
        policies=found,
        warnings=(),
        seconds=10.0,
        cpu_seconds=8.0,
        unjudged="no_never",
    )


def kept(at: datetime = MADE, found: BacktestReport | None = None) -> KeptBacktest:
    return KeptBacktest(at=at, actor="ada", report=found or report())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    town(tmp_path / "town")
    return tmp_path / "town"


def test_without_a_report_the_command_is_told(folder: Path) -> None:
    found = made(folder, "backtest")
    assert "No backtest of this project is kept" in found and "flyball backtest" in found and "Run the first" in found


def test_policies_stand_side_by_side_with_bands_charts_and_decisions(folder: Path) -> None:
    keep(folder / ".flyball", kept())
    found = made(folder, "backtest")
    assert "Best by brier: every:30d (0.1500), certainly better than spec." in found
    assert "+0.0200 [+0.0100, +0.0300]" in found and "by ada" in found
    assert "line policy p0" in found and "line policy p1" in found and "▲" in found
    assert "version 1 is the first that passed its gate" in found
    chinese = made(folder, "backtest", "zh")
    assert "确定优于 spec" in chinese and "dashboard." not in chinese


def test_an_older_report_can_be_asked_for_and_one_that_is_gone_is_told(folder: Path) -> None:
    old = keep(folder / ".flyball", kept(MADE - timedelta(days=9), report(scored("drift", 0.2), scored("spec", 0.3))))
    keep(folder / ".flyball", kept())
    assert "Best by brier: drift" in made(folder, "backtest", of=old)
    for gone in ("0000000000000001", "../../../etc/passwd", "<b>"):
        assert "is not kept any more" in made(folder, "backtest", of=gone)


def test_a_report_that_cannot_be_read_is_told_and_the_rest_of_the_page_stands(folder: Path) -> None:
    name = keep(folder / ".flyball", kept())
    (folder / ".flyball" / "backtests" / f"{name}.json").write_text("{")
    parts = {part.key: str(part.body) for part in page(asked(folder, "backtest")).parts}
    assert "cannot be read back" in parts["report"] and 'data-do="jobs/backtest"' in parts["another"]


def test_names_of_policies_are_shown_harmlessly(folder: Path) -> None:
    keep(folder / ".flyball", kept(found=report(scored("<script>\x1b[2J", 0.1), scored("spec", 0.2))))
    found = made(folder, "backtest")  # refuses any script
    assert "&lt;script&gt;" in found and "\x1b" not in found


def test_of_many_decisions_the_newest_are_shown(folder: Path) -> None:
    keep(folder / ".flyball", kept(found=report(scored("spec", 0.1, decisions=150))))
    found = made(folder, "backtest")
    assert "The newest 100 of 150." in found and found.count("promote @1") == 100


def test_reports_come_back_as_they_were_and_the_oldest_go(tmp_path: Path) -> None:
    for number in range(MOST + 3):
        keep(tmp_path, kept(MADE + timedelta(minutes=number)))
    found = names(tmp_path)
    assert len(found) == MOST and made_at(found[0]) == MADE + timedelta(minutes=MOST + 2)
    assert read(tmp_path, found[0]) == kept(MADE + timedelta(minutes=MOST + 2))
    with pytest.raises(NotFoundError):
        read(tmp_path, "0" * 16)
    (tmp_path / "backtests" / f"{found[1]}.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read back"):
        read(tmp_path, found[1])


def test_the_button_asks_for_what_the_form_says(folder: Path) -> None:
    found = made(folder, "backtest", "en", None, **{"p-never": "1", "policy": "spec,window=60d", "from-log": "1", "start": "2026-02-01"})
    assert "flyball backtest --policy never --policy spec,window=60d --from-log --start 2026-02-01" in found
    body = json.loads(unescape(found.split('data-body="')[1].split('"')[0]))
    assert body == {"start": "2026-02-01", "key": "none-0", "policy": ["never", "spec,window=60d"], "from-log": True}
    wrong = made(folder, "backtest", policy="sometimes")
    assert "there is no policy" in wrong and 'data-do="jobs/backtest"' not in wrong


def test_what_was_begun_from_here_is_found_again_and_the_next_has_another_key() -> None:
    def run(job: Job) -> str:
        raise DataError("there is no row before it")

    executor = MemoryExecutor(run)
    assert going(executor, "town", []) == []
    executor.submit(Job(action=named("town", "backtest", "none-0"), verb=("backtest",), folder=Path()))
    jobs = going(executor, "town", ["1796083686333213"])
    assert [(one.key, one.state, "no row before it" in one.message) for one in jobs] == [("none-0", "failed", True)]
    assert json.loads(wanted({}, jobs, []).body) == {"key": "none-1"}
    assert json.loads(wanted({}, jobs, ["1796083686333213"]).body) == {"key": "1796083686333213-0"}


def test_the_gain_over_the_reference_is_added_up_and_needs_somebody_to_compare_with() -> None:
    drawn = str(apart(report(), "en", "a"))
    assert "every:30d +0.08" in drawn  # four weeks, each better by .02
    assert apart(report(scored("spec", 0.1)), "en", "a") is None
    bare = replace(scored("spec", 0.1), weeks={})
    assert over_time(report(bare), "brier", "en", "a") is None


def test_the_dashboard_draws_policies_as_the_page_to_mail_does() -> None:
    assert STYLE in sheet()
