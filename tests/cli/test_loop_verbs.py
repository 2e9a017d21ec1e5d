"""`tick` at simulated times and `up` under load, on a real trained project."""

import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flyball.api.client import Client
from flyball.core.errors import RequestError
from trained import CUSTOMER, MODEL, Shop, change, flyball, running


def test_a_tick_with_nothing_to_do_does_nothing_twice(own: Shop) -> None:
    for _ in range(2):
        said = flyball(own.folder, "tick", "--now", "2025-03-04T00:00:00Z", "--json")
        assert said.status == 0, said.err
        assert said.json["decisions"] == []
        assert (said.json["model"], said.json["trouble"]) == (MODEL, "")


def test_ticks_train_by_schedule_and_promote_what_passes(own: Shop) -> None:
    change(own.folder, 'on = ["performance", "drift"]', 'on = ["schedule"]\nevery = "30d"')
    change(own.folder, "n_estimators = 5", "n_estimators = 30")
    logged(own.folder, "2025-03-20T00:00:00Z")
    assert tick(own.folder, "2025-03-30T00:00:00Z") == []
    (started,) = tick(own.folder, "2025-04-02T00:00:00Z")
    assert (started["action"], started["version"]) == ("retrain", None)
    assert "30 d" in started["reason"] or "30d" in started["reason"]
    until = time.monotonic() + 120
    decisions: list[dict[str, Any]] = tick(own.folder, "2025-04-02T00:01:00Z")
    # The version may be promoted before the training's process is seen to have ended: both must have been told.
    while not {"promote", "retrain registered"} <= {one["action"] for one in decisions}:
        assert time.monotonic() < until, decisions
        time.sleep(0.3)
        decisions += tick(own.folder, "2025-04-02T00:02:00Z")
    assert aliases(own.folder) == {1: [], 2: ["previous"], 3: [], 4: ["champion"]}
    story = flyball(own.folder, "why", "4", "--json").json
    assert [event["action"] for event in story["events"]][:2] == ["retrain", "registered"]
    assert flyball(own.folder, "models", "--json").json[-1]["cause"] == "schedule"
    assert tick(own.folder, "2025-04-02T01:00:00Z") == []


def test_a_look_that_waits_sees_the_end_of_the_training_it_began(own: Shop) -> None:
    change(own.folder, 'on = ["performance", "drift"]', 'on = ["schedule"]\nevery = "30d"')
    change(own.folder, "n_estimators = 5", "n_estimators = 30")
    logged(own.folder, "2025-03-20T00:00:00Z")
    said = flyball(own.folder, "tick", "--wait", "--now", "2025-04-02T00:00:00Z", "--json")
    assert said.status == 0, said.err
    actions = [one["action"] for one in said.json["decisions"]]
    assert actions[0] == "retrain" and "retrain registered" in actions, actions
    assert "waiting for the training" in said.err
    again = flyball(own.folder, "tick", "--wait", "--now", "2025-04-02T01:00:00Z", "--json")
    assert again.json["decisions"] == [] and "waiting" not in again.err


def test_a_frozen_loop_does_not_train(own: Shop) -> None:
    change(own.folder, 'on = ["performance", "drift"]', 'on = ["schedule"]\nevery = "1d"')
    logged(own.folder, "2025-03-20T00:00:00Z")
    flyball(own.folder, "freeze", "--reason", "audit", "--now", "2025-03-04T00:00:00Z")
    assert tick(own.folder, "2025-06-01T00:00:00Z") == []
    assert not list((own.folder / ".flyball").glob("jobs/*"))


def test_a_tick_refuses_a_time_that_is_none(own: Shop) -> None:
    said = flyball(own.folder, "tick", "--now", "yesterday")
    assert said.status == 2
    assert "--now yesterday" in said.err and "2026-01-31T00:00:00Z" in said.err


def test_promotions_under_load_fail_no_request_and_up_ends_cleanly(own: Shop) -> None:
    with running(own.folder, "up", "--no-dashboard", "--every", "1s") as (url, process):
        stop, answers, errors = threading.Event(), list[int](), list[Exception]()

        def ask() -> None:
            with Client(url) as client:
                while not stop.is_set():
                    try:
                        answers.append(client.predict(CUSTOMER)["version"])
                    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what this test is about
                        errors.append(error)

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for one in clients:
            one.start()
        try:
            wait_for(answers, 2)
            for version in (1, 2):
                said = flyball(own.folder, "promote", f"{MODEL}@{version}", "--reason", "a trial under load")
                assert said.status == 0, said.err
                wait_for(answers, version)
            assert flyball(own.folder, "rollback").status == 0
            wait_for(answers, 1)
        finally:
            stop.set()
            for one in clients:
                one.join(30)
        assert errors == []
        status = flyball(own.folder, "status", "--json").json
        assert status["workers"] and status["champion"].startswith("1 ")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert set(answers) == {1, 2}
    flyball(own.folder, "tick")
    from flyball.adapters.sqlite.database import Database
    from flyball.settings import read_settings

    with Database(read_settings(own.folder).database) as database, database.read() as connection:
        (logged,) = connection.execute("SELECT count(*) FROM predictions").fetchone()
    assert logged == len(answers)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_up_may_be_stopped_in_the_midst_of_its_first_look(own: Shop, sign: signal.Signals) -> None:
    with running(own.folder, "up", "--no-dashboard", "--every", "1s") as (_, process):
        time.sleep(0.8)  # about where its first look imports what it needs
        process.send_signal(sign)
        assert process.wait(60) == 0


def test_a_server_does_not_outlive_the_up_that_started_it_however_that_ends(own: Shop) -> None:
    with running(own.folder, "up", "--no-dashboard", "--every", "60s") as (url, process):
        server = json.loads((own.folder / ".flyball" / "server.json").read_text())["pid"]
        with Client(url) as client:
            client.predict(CUSTOMER)
        process.kill()
        process.wait(10)
        until = time.monotonic() + 30
        while Path(f"/proc/{server}").exists():
            assert time.monotonic() < until, "the server goes on"
            time.sleep(0.05)
        host, _, port = url.removeprefix("http://").partition(":")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, int(port)), timeout=5).close()
    assert not (own.folder / ".flyball" / "server.json").exists()  # it ended as when asked to


def test_what_a_server_refused_makes_the_answer_after_it_has_ended(own: Shop) -> None:
    with running(own.folder, "serve") as (url, _), Client(url) as client:
        client.predict(CUSTOMER)
        for _ in range(60):
            with pytest.raises(RequestError):
                client.predict({**CUSTOMER, "monthly_charges": "much"})
    said = flyball(own.folder, "monitor", "--fail-on", "quality")
    assert said.status == 1 and "were refused with 422" in said.out + said.err
    assert "1 error, requests first" in said.err, said.err
    found = flyball(own.folder, "monitor", "--json").json
    assert found["answer"]["call"] == "act", found["answer"]
    assert "quality:requests" in [alert["key"] for alert in _ticked(own.folder)]


def _ticked(folder: Path) -> list[dict[str, Any]]:
    """What fires after one tick of now."""
    said = flyball(folder, "tick", "--json")
    assert said.status == 0, said.err
    alerts: list[dict[str, Any]] = flyball(folder, "alerts", "--json").json["firing"]
    return alerts


def logged(folder: Path, at: str) -> None:
    """One prediction and its outcome: enough for a spec that asks for one."""
    change(folder, "min_outcomes = 500", "min_outcomes = 1")
    with running(folder, "serve", "--clock", "request") as (url, _), Client(url) as client:
        made = client.predict(CUSTOMER, unit="C1", id="C1", at=at)
        client.outcomes({"prediction_id": made["prediction_id"], "actual": 1, "at": at})


def wait_for(answers: list[int], version: int) -> None:
    seen, until = len(answers), time.monotonic() + 60
    while version not in answers[seen:]:
        assert time.monotonic() < until, f"version {version} never answered"
        time.sleep(0.02)


def tick(folder: Path, now: str) -> list[dict[str, Any]]:
    said = flyball(folder, "tick", "--now", now, "--json")
    assert said.status == 0, said.err
    decisions: list[dict[str, Any]] = said.json["decisions"]
    return decisions


def aliases(folder: Path) -> dict[int, list[str]]:
    return {one["version"]: one["aliases"] for one in flyball(folder, "models", "--json").json}
