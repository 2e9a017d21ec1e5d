"""What is posted to Alertmanager: valid by its own description, taken and resolved by a real one, bounded whatever the data."""

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from alertmanagers import alertmanager
from flyball.adapters.notify.alertmanager import alerts
from flyball.core.codec import to_json
from flyball.spec.records import Receiver
from listeners import listening
from notices import NOON, Post, line, notification

HOSTILE = [
    "drift:" + "é" * 5000,
    "drift:" + "é" * 5001,
    "drift:a\nb\x00c",
    "drift:",
    "drift",
    "weird·kind:x",
    "quality:{}\"',=",
    ":",
    "x" * 9999,
]


@pytest.fixture(scope="module")
def described() -> Any:
    """Alertmanager's own description of its API."""
    folder = Path(os.environ.get("FLYBALL_CONFORMANCE", Path(__file__).parents[3].parent / "shared" / "conformance"))
    path = folder / "alertmanager" / "openapi.v2.yaml"
    if not path.is_file():
        pytest.skip(f"no description of Alertmanager at {path}: set FLYBALL_CONFORMANCE")
    definitions = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["definitions"]
    schema = {"definitions": definitions, "$ref": "#/definitions/postableAlerts"}
    return jsonschema_rs.Draft4Validator(schema, validate_formats=True)


def posted(*keys: str, **changes: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = alerts(notification(*(line(key) for key in keys), **changes), "en")
    return found


def test_what_is_posted_is_what_alertmanagers_description_asks_for(described: Any) -> None:
    for message in (
        posted("drift:temp", "performance:brier", "deployment"),
        posted(*HOSTILE, link="https://w.example/a?b"),
        posted(link="no link"),
    ):
        described.validate(json.loads(to_json(message)))
    assert not described.is_valid([{"labels": {"a": 1}}]), "the description can refuse"


def test_labels_say_what_it_is_about_and_where_it_comes_from() -> None:
    drift, performance, deployment = posted("drift:temp", "performance:brier", "deployment", link="https://w.example")
    assert drift["labels"] == {"alertname": "FlyballDrift", "model": "churn", "severity": "warning", "source": "flyball", "column": "temp"}
    assert performance["labels"]["alertname"] == "FlyballPerformance" and performance["labels"]["metric"] == "brier"
    assert set(deployment["labels"]) == {"alertname", "model", "severity", "source"}
    assert drift["annotations"]["summary"] == "churn: drift:temp"
    assert drift["annotations"]["description"].startswith("temp moved by 0.67")
    assert drift["annotations"]["window"] == "2026-03-31T12:00:00.000Z/2026-04-01T12:00:00.000Z"
    assert (drift["startsAt"], drift["generatorURL"]) == ("2026-04-01T12:00:00.000Z", "https://w.example")


def test_what_fires_holds_for_two_days_and_what_is_over_ends_when_it_did() -> None:
    over = line(status="resolved", until=NOON + timedelta(hours=1))
    firing, resolved = alerts(notification(line("drift:rain"), over, at=NOON + timedelta(hours=2)), "en")
    assert firing["endsAt"] == "2026-04-03T14:00:00.000Z"
    assert resolved["endsAt"] == "2026-04-01T13:00:00.000Z"
    assert firing["labels"] != resolved["labels"]


def test_labels_are_short_and_still_tell_long_names_apart() -> None:
    found = [one["labels"] for one in posted(*HOSTILE)]
    assert all(len(value) <= 200 and value.isprintable() for labels in found for value in labels.values())
    assert len({tuple(sorted(labels.items())) for labels in found}) == len(HOSTILE) - 1, "only `drift` and `drift:` are the same"


def test_an_address_may_end_with_the_path_or_before_it(tmp_path: Path) -> None:
    with listening() as there:
        for url in (there.url, f"{there.url}/", f"{there.url}/prefix", f"{there.url}/api/v2/alerts"):
            assert Post(tmp_path).send(Receiver(kind="alertmanager", url=url)) == ""
    assert [one.path for one in there.heard] == ["/api/v2/alerts", "/api/v2/alerts", "/prefix/api/v2/alerts", "/api/v2/alerts"]


def test_a_real_alertmanager_takes_them_shows_them_and_lets_them_end(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    fires = line(since=now - timedelta(hours=1))
    hostile = [line(key, since=now) for key in HOSTILE if key not in ("drift:", ":")]
    with alertmanager(tmp_path / "alertmanager") as url:
        post, receiver = Post(tmp_path), Receiver(kind="alertmanager", url=url)
        assert post.send(receiver, notification(fires, *hostile, at=now)) == ""
        assert post.send(receiver, notification(at=now, test=True)) == ""
        shown = active(url)
        assert len(shown) == 2 + len(hostile)
        (ours,) = [one for one in shown if one["labels"].get("column") == "temp"]
        assert ours["annotations"]["description"].startswith("temp moved by 0.67")
        over = replace(fires, status="resolved", until=datetime.now(UTC))
        assert post.send(receiver, notification(over, at=datetime.now(UTC))) == ""
        until = time.monotonic() + 20
        while any(one["labels"].get("column") == "temp" for one in active(url)):
            assert time.monotonic() < until, "it is not over"
            time.sleep(0.1)
        assert len(active(url)) == 1 + len(hostile)


def active(url: str) -> list[dict[str, Any]]:
    """The alerts it holds to fire."""
    found: list[dict[str, Any]] = httpx.get(f"{url}/api/v2/alerts").raise_for_status().json()
    return found
