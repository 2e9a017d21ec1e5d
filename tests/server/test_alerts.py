"""Alertmanager's webhook: an alert asks for a training once while it fires, whoever repeats it, and malformed ones ask for nothing."""

import asyncio
import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from alertmanagers import alertmanager
from flyball.adapters.notify.alertmanager import SOURCE
from flyball.journal.events import RequestClosed, RetrainRequested
from flyball.loop.telling.inbound import MOST_OPEN
from flyball.words.sentences import sentence
from served import MODEL, Served, Site, serving

ROUTE = "/alerts/alertmanager"
NAMED = f"/models/{MODEL}/alerts/alertmanager"
KEY = '{}:{alertname="FeatureDrift"}'


def group(status: str = "firing", key: str = KEY, **labels: str) -> dict[str, Any]:
    """A group of one alert, as Alertmanager 0.27 sends it."""
    labels = {"alertname": "FeatureDrift", "model": "churn", **labels}
    notes = {"summary": "PSI 0.31"}
    alert = {"status": status, "labels": labels, "annotations": notes, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z"}
    message = {
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "retrain",
        "groupLabels": {"alertname": "FeatureDrift"},
        "commonLabels": labels,
        "commonAnnotations": notes,
        "externalURL": "http://localhost:9093",
        "alerts": [{**alert, "generatorURL": "http://localhost/", "fingerprint": "0123456789abcdef"}],
    }
    return json.loads(json.dumps(message))  # type: ignore[no-any-return]  # nothing in it is the same twice


def events(site: Site) -> list[object]:
    return [entry.event for entry in site.ports.journal.read(MODEL)]


Play = Callable[..., Any]


def test_an_alert_asks_once_while_it_fires_and_again_when_it_fires_again(play: Play, made: Site) -> None:
    async def story(served: Served) -> list[str]:
        said = []
        for message in (group(), group(), group("resolved"), group("resolved"), group()):
            answer = await served.post(ROUTE, message)
            assert answer.status_code == 200, answer.text
            said.append(answer.json()["result"])
        return said

    assert play(story, takes_alerts=True) == ["requested", "known", "closed", "not open", "requested"]
    first, over, again = events(made)
    assert isinstance(first, RetrainRequested) and isinstance(over, RequestClosed) and isinstance(again, RetrainRequested)
    assert first.key == over.key == KEY
    assert sentence(first.reason) == "Alertmanager asks for a training: FeatureDrift fires (PSI 0.31)"
    assert {entry.actor for entry in made.ports.journal.read(MODEL)} == {"alertmanager"}


def test_the_payload_of_alertmanagers_own_documentation_is_taken(play: Play, made: Site, conformance: Path) -> None:
    payload = json.loads((conformance / "alertmanager" / "payloads.json").read_text())["webhook_v4"]

    async def story(served: Served) -> list[str]:
        return [(await served.post(path, payload)).json()["result"] for path in (ROUTE, NAMED, ROUTE)]

    assert play(story, takes_alerts=True) == ["requested", "known", "known"]
    assert len(events(made)) == 1


def test_the_same_alert_told_by_many_at_once_asks_once(play: Play, made: Site) -> None:
    async def story(served: Served) -> list[int]:
        answers = await asyncio.gather(*(served.post(ROUTE, group()) for _ in range(24)))
        return [answer.status_code for answer in answers]

    assert set(play(story, takes_alerts=True)) == {200}
    assert len(events(made)) == 1


def test_it_asks_once_over_a_restart_of_several_workers(made: Site) -> None:
    for _ in range(2):
        with serving(made.settings(takes_alerts=True, workers=2)) as (url, _):
            for _ in range(6):
                assert httpx.post(f"{url}{ROUTE}", json=group()).json()["result"] in ("requested", "known")
    assert len(events(made)) == 1


def test_a_spec_that_takes_no_alerts_is_told_in_words(play: Play, made: Site) -> None:
    async def story(served: Served) -> httpx.Response:
        return await served.post(ROUTE, group())

    answer = play(story)
    assert answer.status_code == 403
    assert "[retrain] on" in answer.json()["error"] and '"alert"' in answer.json()["error"]
    assert events(made) == []


def test_what_flyball_sent_itself_asks_for_nothing_unless_the_address_says_so(play: Play, made: Site) -> None:
    mine = group(source=SOURCE)
    mixed = group(key="mixed")
    mixed["alerts"].insert(0, mine["alerts"][0])
    half = deepcopy(mixed)
    half["alerts"][1]["status"] = "resolved"

    async def story(served: Served) -> list[str]:
        said = []
        for path, message in ((ROUTE, mine), (ROUTE, mixed), (ROUTE, half), (f"{ROUTE}?own=allow", mine)):
            said.append((await served.post(path, message)).json()["result"])
        assert (await served.post(f"{ROUTE}?own=maybe", mine)).json()["field"] == "own"
        return said

    assert play(story, takes_alerts=True) == ["own", "requested", "closed", "requested"], "of a mixed group the others count"


MALFORMED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "version as a number": (lambda body: body.update(version=4), "version"),
    "another version": (lambda body: body.update(version="5"), "version"),
    "no groupKey": (lambda body: body.pop("groupKey"), "groupKey"),
    "a groupKey of nothing": (lambda body: body.update(groupKey=""), "groupKey"),
    "a groupKey that is a list": (lambda body: body.update(groupKey=["a"]), "groupKey"),
    "another status": (lambda body: body.update(status="on fire"), "status"),
    "a status that is an object": (lambda body: body.update(status={}), "status"),
    "no alerts": (lambda body: body.pop("alerts"), "alerts"),
    "an empty list of alerts": (lambda body: body.update(alerts=[]), "alerts"),
    "very many alerts": (lambda body: body.update(alerts=body["alerts"] * 1001), "alerts"),
    "an alert that is a text": (lambda body: body.update(alerts=["x"]), "alerts[0]"),
    "an alert without a status": (lambda body: body["alerts"][0].pop("status"), "alerts[0].status"),
    "labels that are a list": (lambda body: body["alerts"][0].update(labels=[]), "alerts[0].labels"),
    "a label that is a number": (lambda body: body["alerts"][0]["labels"].update(n=1), "alerts[0].labels.n"),
    "an annotation that is null": (lambda body: body["alerts"][0]["annotations"].update(n=None), "alerts[0].annotations.n"),
    "common labels that are a text": (lambda body: body.update(commonLabels="x"), "commonLabels"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_alert_is_refused_by_its_field_and_asks_for_nothing(play: Play, made: Site, name: str) -> None:
    break_it, field = MALFORMED[name]
    body = deepcopy(group())
    break_it(body)

    async def story(served: Served) -> httpx.Response:
        return await served.post(ROUTE, body)

    answer = play(story, takes_alerts=True)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert events(made) == []


def test_what_is_no_post_of_json_from_here_is_refused(play: Play, made: Site) -> None:
    async def story(served: Served) -> list[int]:
        return [
            (await served.get(ROUTE)).status_code,
            (await served.post(ROUTE, b"[1]")).status_code,
            (await served.post(ROUTE, b"{")).status_code,
            (await served.client.post(ROUTE, content=b"{}", headers={"content-type": "text/plain"})).status_code,
            (await served.post(ROUTE, group(), origin="https://evil.example")).status_code,
            (await served.post(ROUTE, group(), host="evil.example")).status_code,
            (await served.post("/models/nobody/alerts/alertmanager", group())).status_code,
            (await served.post("/alerts/pagerduty", group())).status_code,
            (await served.post(ROUTE, b" " * (2 * 1024 * 1024))).status_code,
        ]

    assert play(story, takes_alerts=True) == [405, 422, 400, 415, 403, 403, 404, 404, 413]
    assert events(made) == []


def test_a_key_and_a_summary_from_outside_are_bounded_and_clean(play: Play, made: Site) -> None:
    long, other = "k" * 100_000, "k" * 100_001
    body = group(key=long, alertname="a\x1b[2J" + "b" * 5000)
    body["commonAnnotations"] = {"summary": "one\ntwo\x00" + "s" * 5000}

    async def story(served: Served) -> list[str]:
        return [(await served.post(ROUTE, one)).json()["result"] for one in (body, body, group(key=other))]

    assert play(story, takes_alerts=True) == ["requested", "known", "requested"]
    (first, second) = events(made)
    assert isinstance(first, RetrainRequested) and isinstance(second, RetrainRequested)
    assert first.key != second.key and len(first.key) <= 500
    told = sentence(first.reason)
    assert told.isprintable() and len(told) < 600 and "one two" in told


def test_a_sender_gone_wild_cannot_fill_the_journal(play: Play, made: Site) -> None:
    async def story(served: Served) -> list[int]:
        return [(await served.post(ROUTE, group(key=f"k{number}"))).status_code for number in range(MOST_OPEN + 5)]

    assert play(story, takes_alerts=True) == [200] * MOST_OPEN + [429] * 5
    assert len(events(made)) == MOST_OPEN


def test_a_real_alertmanager_asks_for_one_training_however_often_it_repeats_itself(made: Site, tmp_path: Path) -> None:
    with serving(made.settings(takes_alerts=True)) as (url, _), alertmanager(tmp_path / "am", webhook=f"{url}{ROUTE}") as there:
        alert = {"labels": {"alertname": "FeatureDrift", "model": MODEL}, "annotations": {"summary": "PSI 0.31"}}

        def tell(**more: str) -> None:
            httpx.post(f"{there}/api/v2/alerts", json=[{**alert, **more}]).raise_for_status()

        def until(kinds: list[type]) -> None:
            end = time.monotonic() + 40
            while [type(event) for event in events(made)] != kinds:
                assert time.monotonic() < end, events(made)
                time.sleep(0.1)

        tell()
        until([RetrainRequested])
        time.sleep(2.5)  # it repeats itself every second
        until([RetrainRequested])
        tell(endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        until([RetrainRequested, RequestClosed])
