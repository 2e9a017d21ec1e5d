"""The page now: a server that answers, one that does not, and a replay of the past."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboarded import asked, made, well_formed
from flyball.dashboard.pages.now import page
from flyball.dashboard.pulses import Pulse
from flyball.dashboard.records import Ask
from flyball.demo.project import example_files, write_texts
from flyball.server.metrics import Metrics, Page, render
from flyball.serving.records import Answers
from trained import Shop

MODEL = "flight-delay"
LATER = timedelta(hours=3)  # after the server of the fixture was last asked


@pytest.fixture
def still(lived: Path, tmp_path: Path) -> Path:
    """A copy of the four weeks in which no worker lives."""
    folder = Path(shutil.copytree(lived, tmp_path / "flights"))
    with closing(sqlite3.connect(folder / "flyball.db")) as connection:
        connection.execute("DELETE FROM workers")
        connection.commit()
    return folder


def later() -> datetime:
    return datetime.now(UTC) + LATER


def shown(ask: Ask) -> str:
    found = "".join(str(part.body) for part in page(ask).parts)
    well_formed(found)
    return found


def served(ask: Ask, get: Callable[[str], str | None]) -> Ask:
    """The question with a server whose page of metrics is this."""
    return replace(ask, project=replace(ask.project, pulse=Pulse(get)))


def test_without_a_server_the_page_says_so_and_how_to_start_one(still: Path) -> None:
    found = made(still, "now", now=later())
    assert "No server runs." in found
    assert "<code>flyball serve</code>" in found and "<code>flyball up</code>" in found
    assert "The last request came before <time" in found
    assert "No worker is alive" in found


def test_a_replay_of_the_past_says_when_it_ends_and_shows_the_rows_up_to_then(still: Path) -> None:
    ask = asked(still, "now", now=later())
    report = ask.world.reports.latest(MODEL)
    assert report is not None
    found = shown(ask)
    assert f'is from <time datetime="{report.window.end:%Y-%m-%dT%H:%M:%SZ}"' in found
    assert "This is a replay of the past, or a loop that stands still" in found
    assert 'id="chart-hours-t"' in found and 'id="chart-requests-t"' in found
    champion = ask.state().champion
    assert f"version={champion}" in found and "champion" in found


def test_what_a_person_does_today_moves_no_rows_of_a_replay(still: Path) -> None:
    ask = asked(still, "now", now=later())
    from flyball.loop.steer import freeze

    freeze(ask.world, MODEL, reason="looking", until=None, actor="ann", now=ask.now)
    assert "This is a replay of the past" in shown(ask)


def test_two_looks_at_a_server_give_rates_latency_and_shares(still: Path) -> None:
    metrics = Metrics()
    first = served(asked(still, "now", now=later()), lambda url: render([Page(MODEL, metrics, [])]))
    champion = first.state().champion
    assert champion is not None
    metrics.took(0.0004)
    found = shown(first)
    assert "A server answers." in found and "since the server started" in found and "≤ 0.5 ms" in found
    for number in range(200):
        metrics.took(0.0004 if number < 190 else 0.09)
    metrics.predictions(MODEL, champion, "champion").number += 200
    metrics.add("flyball_requests_refused_total", 2, (("status", "422"),))
    found = shown(replace(first, now=first.now + timedelta(seconds=10)))
    assert "20.0 / s" in found and "≤ 100 ms" in found and "0.2 / s" in found and "1.0% of all" in found
    assert "over the last 10 s" in found and 'id="chart-latency-t"' in found


def test_many_refusals_are_said_first(still: Path) -> None:
    metrics = Metrics()
    ask = served(asked(still, "now", now=later()), lambda url: render([Page(MODEL, metrics, [])]))
    shown(ask)
    for _ in range(10):
        metrics.took(0.001)
    metrics.add("flyball_requests_refused_total", 5, (("status", "429"),))
    assert "refuses many requests" in shown(replace(ask, now=ask.now + timedelta(seconds=5)))


def test_what_was_refused_is_listed_by_status_with_its_meaning(still: Path) -> None:
    ask = asked(still, "now", now=later())
    minute = ask.now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    counts = [Answers(minute=minute, status=status, requests=number) for status, number in ((200, 540), (429, 60), (418, 3))]
    ask.world.traffic.add(MODEL, counts)
    assert "No server runs." in shown(ask)  # whoever answered that minute is gone
    current = ask.world.deployments.current(MODEL)
    assert current is not None
    ask.world.deployments.acknowledge(MODEL, "elsewhere-8000-w0", current.seq)
    found = shown(ask)
    assert "refuses many requests" in found
    assert "more requests than can be answered in time" in found and "the request is wrong" in found
    assert "9.0 / s" in found and "over the last whole minute" in found


def test_workers_are_listed_with_what_they_answer_with_and_troubled_ones_first(still: Path) -> None:
    ask = served(asked(still, "now", now=later()), lambda url: None)
    deployments, seq = ask.world.deployments, ask.state().seq
    current = deployments.current(MODEL)
    assert current is not None and current.seq <= seq
    deployments.acknowledge(MODEL, "machine-1-8000-w0", current.seq)
    found = shown(ask)
    assert f"{MODEL}@{current.champion}</a>" in found and "as deployed" in found and "1 worker answers." in found
    assert "Their latency is not to be had from here" in found  # it is served, by a machine that cannot be asked
    deployments.acknowledge(MODEL, "zz<script>-w1", current.seq, "the bundle has another signature")
    found = shown(ask)
    assert "1 of 2 workers cannot follow." in found and "the bundle has another signature" in found
    assert "zz&lt;script&gt;-w1" in found and found.index("zz&lt;script&gt;-w1</span>") < found.index("machine-1-8000-w0</span>")


def test_a_spec_that_cannot_be_read_is_said_and_the_rest_is_shown(still: Path) -> None:
    ask = served(asked(still, "now", now=later()), lambda url: None)
    (still / "flyball.toml").write_text("[model\n")
    found = shown(ask)
    assert "flyball.toml cannot be read" in found and "Who answers" in found


@pytest.mark.parametrize("span", ["1h", "6h", "24h", "9h"])
def test_the_span_of_the_charts_stands_in_the_address(still: Path, span: str) -> None:
    found = made(still, "now", now=later(), span=span)
    assert f'id="span-{span if span != "9h" else "1h"}"' in found.split('aria-current="true"')[0].rsplit("<a", 1)[1]


def test_the_page_is_made_in_chinese(still: Path) -> None:
    found = made(still, "now", "zh", later())
    assert "没有服务器在运行" in found and "由谁应答" in found
    assert "dashboard." not in found


def test_a_project_without_a_version_says_how_to_make_the_first(tmp_path: Path) -> None:
    write_texts(tmp_path, example_files("flights"))
    found = made(tmp_path, "now")
    assert "Nothing can answer yet." in found and "<code>flyball train</code>" in found


def test_a_server_that_runs_is_asked_itself(own: Shop, served: str) -> None:
    found = made(own.folder, "now")
    assert "A server answers." in found and "since the server started" in found
    assert served.rsplit(":", 1)[1] + "-w0" in found
