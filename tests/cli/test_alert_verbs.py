"""`alerts`, `silence`, and what `check`, `status` and `tick` say of receivers, on projects without a model."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyball.core.reason import because
from flyball.journal.events import AlertFired, AlertResolved, Event, RetrainRequested
from flyball.settings import read_settings
from flyball.stores import open_stores
from listeners import closed_port, listening
from trained import Said, flyball

NOW = "2026-04-01T12:00:00Z"
T0 = datetime(2026, 4, 1, 11, tzinfo=UTC)
SPEC = """
[model]
name = "churn"
task = "binary"
[data]
source = "d.csv"
target = "y"
[train]
run = "pipeline:train"
[retrain]
on = ["alert"]
"""


def project(folder: Path, *receivers: str, more: str = "") -> Path:
    to = f"[alerts]\nto = [{', '.join(receivers)}]\n{more}\n" if receivers else ""
    (folder / "flyball.toml").write_text(SPEC + to)
    return folder


def webhook(url: str) -> str:
    return f'{{ kind = "webhook", url = "{url}" }}'


def happens(folder: Path, *events: Event) -> None:
    journal = open_stores(read_settings(folder)).journal
    journal.append("churn", events, expected=len(journal.read("churn")), actor="loop", at=T0)


def fired(key: str) -> AlertFired:
    return AlertFired(key=key, reason=because("alert.unwatched", key=key))


def ok(said: Said) -> Said:
    assert said.status == 0, said.err
    return said


def test_alerts_says_what_fires_the_critical_first(tmp_path: Path) -> None:
    happens(project(tmp_path), fired("drift:temp"), fired("performance:brier"))
    said = ok(flyball(tmp_path, "alerts", "--now", NOW, "--json")).json
    assert [(one["key"], one["severity"], one["since"]) for one in said["firing"]] == [
        ("performance:brier", "critical", "2026-04-01T11:00:00Z"),
        ("drift:temp", "warning", "2026-04-01T11:00:00Z"),
    ]
    assert said["firing"][1]["reason"] == "drift:temp is no longer watched"
    shown = ok(flyball(tmp_path, "alerts", "--now", NOW))
    assert "2 alerts fire" in shown.out and "performance:brier" in shown.out
    assert "nobody is told of alerts" in shown.err


def test_a_silence_is_in_the_journal_in_alerts_and_in_status_until_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ACTOR", "ann")
    happens(project(tmp_path, '{ kind = "log" }'), fired("drift:temp"), fired("performance:brier"))
    said = ok(flyball(tmp_path, "silence", "drift:*", "--for", "24h", "--reason", "a holiday", "--now", NOW))
    assert "until 2026-04-02 12:00 UTC; firing now: 1" in said.err and "has fired yet" not in said.err
    typo = ok(flyball(tmp_path, "silence", "drfit:*", "--for", "1h", "--reason", "a slip", "--now", NOW))
    assert "nobody is told of drfit:*" in typo.err and "no alert of that name has fired yet" in typo.err
    ok(flyball(tmp_path, "silence", "drfit:*", "--end", "--now", NOW))
    found = ok(flyball(tmp_path, "alerts", "--now", NOW, "--json")).json
    assert [{name: one[name] for name in ("pattern", "actor", "reason", "until", "covers")} for one in found["silences"]] == [
        {"pattern": "drift:*", "actor": "ann", "reason": "a holiday", "until": "2026-04-02T12:00:00Z", "covers": 1}
    ]
    assert {one["key"]: one["silenced_until"] for one in found["firing"]} == {
        "drift:temp": "2026-04-02T12:00:00Z",
        "performance:brier": None,
    }
    status = ok(flyball(tmp_path, "status", "--now", NOW, "--json")).json
    assert status["silenced"] == ["drift:* until 2026-04-02 12:00 UTC by ann: a holiday"]
    assert "(silenced until 2026-04-02 12:00 UTC)" in status["alerts"][0] and "silenced" not in status["alerts"][1]
    assert ok(flyball(tmp_path, "alerts", "--now", "2026-04-02T12:00:00Z", "--json")).json["silences"] == []
    tick = ok(flyball(tmp_path, "tick", "--now", NOW, "--json"))
    assert tick.json["told"] == ["log stderr was told: performance:brier firing"]
    assert "churn: performance:brier fires" in tick.err and "drift:temp" not in tick.err
    ok(flyball(tmp_path, "silence", "drift:*", "--end", "--now", NOW))
    assert "drift:temp fires" in ok(flyball(tmp_path, "tick", "--now", NOW)).err
    assert ok(flyball(tmp_path, "alerts", "--now", NOW, "--json")).json["history"][0]["action"] == "silence ended"


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["drift:*"], 2, "--for and --reason"),
        (["drift:*", "--for", "24h"], 2, "--for 24h --reason"),
        (["drift:*", "--for", "soon", "--reason", "x"], 2, "--for"),
        (["drift:*", "--for", "0s", "--reason", "x"], 2, "longer than nothing"),
        (["drift:*", "--for", "400d", "--reason", "x"], 2, "a year at most"),
        (["drift:*", "--for", "9999w", "--reason", "x"], 2, "is longer than 3660 days"),
        (["", "--for", "1h", "--reason", "x"], 2, "needs the key of an alert"),
        (["a\nb", "--for", "1h", "--reason", "x"], 2, "needs the key of an alert"),
        (["drift:*", "--end"], 1, "there is no silence of 'drift:*'"),
        (["drift:*", "--end", "--for", "1h"], 2, "--end ends a silence now"),
    ],
)
def test_what_is_no_silence_is_refused_in_words(tmp_path: Path, words: list[str], status: int, part: str) -> None:
    said = flyball(project(tmp_path), "silence", *words)
    assert said.status == status and part in said.err
    assert open_stores(read_settings(tmp_path)).journal.read("churn") == []


def test_a_test_goes_to_every_receiver_and_says_of_each_whether_it_arrived(tmp_path: Path) -> None:
    with listening() as there:
        broken = f"http://127.0.0.1:{closed_port()}"
        project(tmp_path, webhook(f"{there.url}/a"), webhook(f"{broken}/very-secret"), webhook("env:NOT_SET_ANYWHERE"))
        said = flyball(tmp_path, "alerts", "--test", "--json", "--now", NOW)
        assert said.status == 1
        assert said.json == [
            {"receiver": f"webhook {there.url}", "taken": True, "error": None},
            {"receiver": f"webhook {broken}", "taken": False, "error": "no connection: Connection refused"},
            {"receiver": "webhook env:NOT_SET_ANYWHERE", "taken": False, "error": said.json[2]["error"]},
        ]
        assert "NOT_SET_ANYWHERE is not set" in said.json[2]["error"]
        assert there.heard[0].json["test"] is True
        assert "secret" not in flyball(tmp_path, "alerts", "--test").out
        project(tmp_path, webhook(f"{there.url}/a"), '{ kind = "log" }')
        assert flyball(tmp_path, "alerts", "--test").status == 0
    assert "names no receivers" in flyball(project(tmp_path), "alerts", "--test").err


def test_a_receiver_that_is_down_is_trouble_of_the_tick_of_status_and_of_alerts_and_no_failure(tmp_path: Path) -> None:
    port = closed_port()
    happens(project(tmp_path, webhook(f"http://127.0.0.1:{port}/very-secret")), fired("drift:temp"))
    tick = ok(flyball(tmp_path, "tick", "--now", NOW, "--json"))
    assert tick.json["trouble"].startswith(
        f"webhook http://127.0.0.1:{port} could not be told of 1 alert: no connection: Connection refused"
    )
    status = ok(flyball(tmp_path, "status", "--now", NOW, "--json")).json
    alerts = ok(flyball(tmp_path, "alerts", "--now", NOW, "--json")).json
    assert status["not told"] == [alerts["receivers"][0]["waiting"]] == [tick.json["trouble"]]
    later = (datetime(2026, 4, 1, 12, tzinfo=UTC) + timedelta(hours=25)).isoformat()
    assert "it was given up" in ok(flyball(tmp_path, "tick", "--now", later, "--json")).json["trouble"]
    history = ok(flyball(tmp_path, "alerts", "--now", later, "--json")).json["history"]
    assert [one["action"] for one in history] == ["not told", "alert"]
    whole = (tmp_path / "flyball.db").read_bytes() + (tmp_path / "flyball.db-wal").read_bytes()
    assert b"very-secret" not in whole and f":{port}".encode() in whole


def test_check_refuses_a_receiver_whose_variable_is_not_set_and_lists_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, '{ kind = "log" }', webhook("env:ALERT_URL"))
    said = flyball(tmp_path, "check")
    assert said.status == 1
    assert "alerts.to[1].url: the variable ALERT_URL is not set" in said.err and "export ALERT_URL=" in said.err
    monkeypatch.setenv("ALERT_URL", "https://hooks.example.com/very-secret")
    said = ok(flyball(tmp_path, "check"))
    assert "log stderr, webhook env:ALERT_URL" in said.out and "very-secret" not in said.out
    assert "very-secret" not in json.dumps(ok(flyball(tmp_path, "check", "--json")).json)


def test_alerts_shows_what_outside_alerts_ask_for(tmp_path: Path) -> None:
    reason = because("retrain.alert_bare", sender="Alertmanager", alerts="FeatureDrift")
    happens(project(tmp_path), RetrainRequested(key="k", reason=reason), fired("drift:a"), AlertResolved(key="drift:a", reason=reason))
    (asked,) = ok(flyball(tmp_path, "alerts", "--json")).json["requests"]
    assert (asked["key"], asked["answered"], asked["reason"]) == ("k", False, "Alertmanager asks for a training: FeatureDrift fires")
    assert "from outside" in ok(flyball(tmp_path, "alerts")).out


def test_alerts_close_ends_what_an_outside_alert_asks_for(tmp_path: Path) -> None:
    reason = because("retrain.alert_bare", sender="Alertmanager", alerts="FeatureDrift")
    happens(project(tmp_path), RetrainRequested(key="k", reason=reason))
    wrong = flyball(tmp_path, "alerts", "--close", "kk")
    assert wrong.status == 1 and "'kk'" in wrong.err and "open: k" in wrong.err
    assert ok(flyball(tmp_path, "alerts", "--close", "k", "--json")).json["requests"] == []
    assert flyball(tmp_path, "alerts", "--close", "k").status == 1


@pytest.mark.parametrize(
    ("receiver", "part"),
    [
        ('{ kind = "log", file = "/etc/alerts" }', "a file in the project"),
        ('{ kind = "log", file = "../alerts" }', "a file in the project"),
        (
            '{ kind = "email", server = "mail.example:25", from = "a@b", to = ["c@d"], tls = "none", password = "env:P" }',
            "for all to read",
        ),
    ],
)
def test_a_receiver_that_would_do_harm_is_refused(tmp_path: Path, receiver: str, part: str) -> None:
    said = flyball(project(tmp_path, receiver), "check")
    assert said.status == 1 and part in said.err
