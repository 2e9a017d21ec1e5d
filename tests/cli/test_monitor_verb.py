"""`flyball monitor` on a trained project: the answer, its page, its exit status, and options that contradict each other."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from flyball.api.client import Client
from flyball.cli.monitor_report import failures, plain
from flyball.cli.monitor_view import show
from flyball.core.codec import to_json, to_plain
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import AlertFired
from flyball.loop.picture import Picture
from flyball.loop.records import Floored
from flyball.monitoring.records import QualityFinding
from flyball.render.report.page import MOST_BYTES
from flyball.render.report.text import Words
from flyball.settings import read_settings
from flyball.stores import open_stores
from reports import FLOOR_NUMBERS, details, picture, wide
from trained import CUSTOMER, MODEL, Shop, flyball, running, until_logged

SETTINGS = read_settings(Path(), {})


@pytest.fixture
def dear(own: Shop) -> Iterator[Shop]:
    """The project after a thousand customers who pay half as much again."""
    usual = pd.read_csv(own.folder / "data" / "customers.csv").head(1000)
    usual["charge_per_tenure"] = usual["monthly_charges"] / (usual["tenure_months"] + 1)
    usual["calls_per_month"] = usual["support_calls"] / (usual["tenure_months"] + 1)
    usual["monthly_charges"] *= 1.5
    with running(own.folder, "serve") as (url, _), Client(url) as client:
        client.predict(json.loads(usual[list(CUSTOMER)].to_json(orient="records")))
        until_logged(client, 1000)
    yield own


@pytest.fixture
def chinese() -> Iterator[None]:
    before = os.environ.get("FLYBALL_LANG")
    os.environ["FLYBALL_LANG"] = "zh"
    yield
    os.environ.pop("FLYBALL_LANG")
    if before is not None:
        os.environ["FLYBALL_LANG"] = before


def test_the_answer_comes_first_and_the_worst_column_next(dear: Shop) -> None:
    said = flyball(dear.folder, "monitor")
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("Look: ") and "1 of 9 columns has certainly moved" in lines[0]
    table = [line.split()[0] for line in lines if "▲ drift" in line]
    assert table[0] == "monthly_charges"
    assert f"{MODEL}@2: 1000 rows" in said.out and "UTC" in said.out


def test_a_page_is_written_beside_the_answer_and_beside_json(dear: Shop) -> None:
    file = dear.folder / "report.html"
    said = flyball(dear.folder, "monitor", "--html", str(file))
    assert said.status == 0 and said.out.startswith("Look: ") and "report.html" in said.err
    page = file.read_text(encoding="utf-8")
    assert "monthly_charges" in page and page.rstrip().endswith("</html>") and "<svg" in page
    assert len(page.encode()) < MOST_BYTES
    said = flyball(dear.folder, "monitor", "--html", str(file), "--json")
    assert said.json["answer"]["call"] == "look"
    assert flyball(dear.folder, "monitor", "--html", "-").out.startswith("<!doctype html>")
    assert not list(dear.folder.glob(".report.html*")), "no half-written page is left"


def test_a_look_into_the_past_shows_no_alert_that_began_later(own: Shop) -> None:
    journal = open_stores(read_settings(own.folder)).journal
    fired = AlertFired(key="drift:plan", reason=because("alert.unwatched", key="drift:plan"))
    at = datetime(2025, 3, 9, tzinfo=UTC)
    journal.append(MODEL, [fired], expected=len(journal.read(MODEL)), actor="loop", at=at)
    (alert,) = flyball(own.folder, "monitor", "--json", "--now", "2025-03-10T00:00:00Z").json["alerts"]
    assert (alert["key"], alert["since"]) == ("drift:plan", "2025-03-09T00:00:00Z")
    assert flyball(own.folder, "monitor", "--json", "--now", "2025-03-08T00:00:00Z").json["alerts"] == []


def test_a_look_at_another_time_says_nothing_about_clocks(own: Shop) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    usual = pd.read_csv(own.folder / "data" / "customers.csv").head(50)
    usual["charge_per_tenure"] = usual["monthly_charges"] / (usual["tenure_months"] + 1)
    usual["calls_per_month"] = usual["support_calls"] / (usual["tenure_months"] + 1)
    usual[list(CUSTOMER)].assign(prediction=0, observed_at=tomorrow.isoformat()).to_csv(own.folder / "answered.csv", index=False)
    assert flyball(own.folder, "log", str(own.folder / "answered.csv"), "--version", "2").status == 0

    def clocks(*words: str) -> list[str]:
        found = flyball(own.folder, "monitor", "--json", *words).json["quality"]
        return [one["reason"] for one in found if "clock ahead" in one["reason"]]

    assert len(clocks()) == 1, "now, the clock that told of tomorrow is ahead"
    assert clocks("--now", (tomorrow + timedelta(hours=1)).isoformat()) == []


def test_a_page_that_cannot_be_written_is_an_error_that_names_it(own: Shop) -> None:
    said = flyball(own.folder, "monitor", "--html", "/proc/report.html")
    assert said.status == 1 and "/proc/report.html cannot be written" in said.err and "Traceback" not in said.err


def test_a_schema_is_asked_about_only_where_there_is_one(own: Shop) -> None:
    said = flyball(own.folder, "monitor", "--schema")
    assert said.status == 1 and "names no schema" in said.err and "[quality] schema" in said.err


def test_the_exit_status_says_what_it_was_asked_to(dear: Shop) -> None:
    said = flyball(dear.folder, "monitor", "--fail-on", "drift", "--json")
    assert said.status == 1
    assert said.json["columns"]["monthly_charges"]["state"] == "drift", "what was found is printed all the same"
    assert "--fail-on drift: " in said.err and "monthly_charges" in said.err
    assert flyball(dear.folder, "monitor", "--fail-on", "performance", "--fail-on", "quality").status == 0
    assert flyball(dear.folder, "monitor", "--fail-on", "nonsense").status == 2


def test_another_version_is_looked_at_and_named_as_such(dear: Shop) -> None:
    said = flyball(dear.folder, "monitor", "--version", "1")
    assert said.status == 0, said.err
    assert "Version 1 is not the one that answers: that is version 2." in said.out
    assert flyball(dear.folder, "monitor", "--version", f"{MODEL}@1", "--json").json["version"] == 1
    unknown = flyball(dear.folder, "monitor", "--version", "9")
    assert unknown.status == 1 and f"there is no {MODEL}@9" in unknown.err and "flyball models" in unknown.err


@pytest.mark.usefixtures("chinese")
def test_the_verb_speaks_chinese(dear: Shop) -> None:
    said = flyball(dear.folder, "monitor")
    assert said.out.startswith("请查看：") and "▲ 漂移" in said.out
    assert "发生了什么变化" in flyball(dear.folder, "monitor", "--html", "-").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--every", "2s"), "--every is for --watch"),
        (("--watch", "--every", "0.01s"), "ten looks in a second"),
        (("--watch", "--html", "x.html"), "--html is for one look"),
        (("--watch", "--fail-on", "drift"), "--fail-on is for one look"),
        (("--watch", "--now", "2025-03-01T00:00:00Z"), "--now is for one look"),
        (("--watch", "--rebuild"), "--rebuild is for one look"),
        (("--html", "-", "--json"), "both write to stdout"),
        (("--html", "/no/such/folder/x.html"), "no file in a folder that exists"),
        (("--html", "."), "no file in a folder that exists"),
        (("--window", "0s"), "has no length"),
        (("--window", "long"), "is not a duration"),
        (("--window", "999999999d"), "is longer than 3660 days"),
        (("--window", "99999999999999d"), "--window: "),
        (("--version", "two"), "names no version"),
        (("--version", "other@2"), "names another model"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_with_what_to_write(shop: Shop, words: tuple[str, ...], told: str) -> None:
    said = flyball(shop.folder, "monitor", *words)
    assert said.status == 2, said.err
    assert told in said.err


def printed(found: Picture, *, every: bool = False, width: int = 160) -> str:
    out = StringIO()
    show(found, Words("en"), every=every, to=Console(file=out, width=width, highlight=False, markup=False))
    return out.getvalue()


def test_of_many_columns_the_worst_are_shown_and_the_rest_is_said() -> None:
    found = wide([f"column{number:03}" for number in range(500)], moved=8)
    text = printed(found)
    assert len(re.findall(r"^column\d", text, flags=re.MULTILINE)) == 20
    assert "… and 480 more: all ok (`--all` lists them)" in text
    assert len(re.findall(r"^column\d", printed(found, every=True), flags=re.MULTILINE)) == 500
    states = printed(wide([f"column{number:03}" for number in range(500)], moved=30))
    assert "… and 480 more: 10 ▲ drift, 30 ◆ warn, 440 ● ok" in states


def test_everything_that_was_measured_is_shown() -> None:
    text = printed(picture())
    for part in (
        "price moved by",
        "2026-03-26 12:00 UTC",
        "performance: brier of version 3 is 0.2100",
        "estimated from the scores (CBPE)",
        "half of the outcomes came within 1.5 h",
        "plan = yearly",
        "Calibration",
        "examples: 01a22c84eab3711d00610c6f6e200bc6",
        "alert drift:price (when it fired):",
    ):
        assert part in text, part
    assert text.index("plan = yearly") < text.index("plan = monthly"), "the worst slice first"


def test_examples_of_a_finding_are_named_once() -> None:
    found = picture()
    reason = because("quality.infinite", column="price", rows=2, of=9, examples="p1, p2")
    quality = (QualityFinding(severity="warning", column="price", reason=reason, rows=2, examples=("p1", "p2")),)
    text = printed(replace(found, report=replace(found.report, quality=quality)))
    assert text.count("p1, p2") == 1 and "examples:" not in text


def test_without_outcomes_nothing_is_said_of_how_fast_they_came() -> None:
    found = picture()
    none = details()
    assert none.coverage is not None
    coverage = replace(none.coverage, labelled=0, lag_median=None, lag_90=None)
    text = printed(replace(found, report=replace(found.report, details=replace(none, coverage=coverage))))
    assert "0 with an outcome." in text and "half of the outcomes" not in text


def test_names_from_the_data_move_no_cursor() -> None:
    found = wide(["\x1b[2J\x1b]0;title\x07", "a\rb", "\u202egnol", "[bold]x[/bold]"], moved=4)
    text = printed(replace(found, model="m\x1b[31m", report=replace(found.report, details=details([("\x1b[1A", "\x9b2J")]))))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "[bold]x[/bold]" in text, "brackets are no markup"


def test_a_narrow_terminal_cuts_no_number() -> None:
    found = picture()
    price = found.report.columns["price"]
    text = printed(found, width=60)
    assert f"{price.distance:.4f}" in text and f"[{price.lower:.4f}, {price.upper:.4f}]" in text


def test_each_failure_has_its_own_evidence() -> None:
    calm = picture(shift=0.0)
    assert failures(calm, ("drift", "warn", "performance", "quality")) == []
    below = replace(calm, floor=Floored(verdict=Verdict.FAIL, reason=because("performance.below_floor", **FLOOR_NUMBERS)))
    assert [one.code for one in failures(below, ("drift", "performance"))] == ["performance.below_floor"]
    error = QualityFinding(severity="error", column="price", reason=because("future.bad"), rows=1, examples=())
    bad = replace(calm, report=replace(calm.report, quality=(error,)))
    assert [one.code for one in failures(bad, ("quality",))] == ["report.failed_quality"]
    assert [one.code for one in failures(picture(), ("warn",))] == ["report.failed_warn"]


def test_json_holds_every_part_of_a_report() -> None:
    document = json.loads(to_json(to_plain(plain(picture(), SETTINGS))))
    assert {"window", "rows", "columns", "performance", "alerts"} <= set(document)
    assert document["columns"]["price"]["since"].startswith("2026-03-26")
    assert document["dataset"]["discoveries"] == ["price"]
    assert document["estimated"][0]["method"] == "cbpe"
    assert document["coverage"]["lag_median"] == 5400.0
    assert document["slices"][1]["value"] == pytest.approx(0.151)
    assert (document["slices"][1]["column"], document["slices"][1]["slice"]) == ("plan", "yearly")
    assert document["quality"][0]["examples"] == ["01a22c84eab3711d00610c6f6e200bc6"]
    assert document["alerts"][0]["since"].startswith("2026-03-26")
    assert document["floor"]["verdict"] == "pass"


def test_a_column_that_moved_slowly_over_several_trainings_is_told_of() -> None:
    found = picture()
    name = next(name for name, column in found.report.columns.items() if column.state == "ok")
    columns = {**found.report.columns, name: replace(found.report.columns[name], first=0.31)}
    said = printed(replace(found, report=replace(found.report, columns=columns)))
    assert f"slow drift: {name} is as in the last training, and 0.31 from the first champion's" in said
    assert "slow drift" not in printed(found)
