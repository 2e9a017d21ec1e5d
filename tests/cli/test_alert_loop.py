"""From an alert of another system to a training, over a real server and real ticks."""

import httpx

from trained import Shop, change, flyball, running

ROUTE = "/alerts/alertmanager"


def group(status: str, key: str = '{}:{alertname="FeatureDrift"}') -> dict[str, object]:
    labels = {"alertname": "FeatureDrift", "model": "churn"}
    alert = {"status": status, "labels": labels, "annotations": {"summary": "PSI 0.31"}}
    return {"version": "4", "groupKey": key, "status": status, "commonLabels": labels, "alerts": [alert]}


def decisions(shop: Shop, now: str) -> list[str]:
    said = flyball(shop.folder, "tick", "--now", now, "--json")
    assert said.status == 0, said.err
    return [one["action"] for one in said.json["decisions"]]


def test_an_alert_from_outside_that_waits_for_outcomes_is_told_once_and_gone_when_it_is_over(own: Shop) -> None:
    change(own.folder, 'on = ["performance", "drift"]', 'on = ["alert"]')
    with running(own.folder, "serve") as (url, _):
        for _ in range(3):
            assert httpx.post(f"{url}{ROUTE}", json=group("firing")).status_code == 200
        assert decisions(own, "2025-04-02T00:00:00Z") == ["alert waits"]
        assert decisions(own, "2025-04-02T00:01:00Z") == []
        status = flyball(own.folder, "status", "--json").json
        assert status["next training"].startswith("alert asks for one and waits: only 0 outcomes")
        assert httpx.post(f"{url}{ROUTE}", json=group("resolved")).json()["result"] == "closed"
    assert "waits" not in flyball(own.folder, "status", "--json").json["next training"]
    actions = [one["action"] for one in flyball(own.folder, "alerts", "--json").json["history"]]
    assert actions == ["request over", "asked from outside"]


def test_a_server_of_a_spec_that_takes_none_says_so(own: Shop) -> None:
    with running(own.folder, "serve") as (url, _):
        answer = httpx.post(f"{url}{ROUTE}", json=group("firing"))
    assert answer.status_code == 403
    assert "restart the server" in answer.json()["error"]
