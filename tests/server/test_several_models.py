"""Several models in one server, asked by the clients of other servers."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flyball.server.app import make_app, running
from served import MODEL, Served, Site, linear, site

NAME = "price / m² : 1"
ROW: dict[str, Any] = {"hour": 3, "temp": 1.0, "rain": True}


def other(folder: Path) -> Site:
    """A regression by another name."""
    site(folder)  # its folders
    made = Site(folder)
    made.add(7, linear([1.0, 0.0, 0.0], 0.5, regression=True), task="regression", classes=(), model=NAME)
    made.deploy(7, model=NAME)
    return made


def test_each_is_asked_by_its_name_whatever_characters_it_has(tmp_path: Path) -> None:
    first, second = site(tmp_path / "first"), other(tmp_path / "second")
    first.deploy(1)

    async def story() -> None:
        theirs = second.settings(model=NAME, poll_every=3600.0), second.ports
        async with running(make_app(first.settings(poll_every=3600.0), first.ports, others=[theirs])) as app:
            served = Served(first, app)
            encoded = quote(NAME, safe="")
            answers = [await served.post(f"/models/{name}/invocations", {"dataframe_records": [ROW]}) for name in (MODEL, encoded)]
            assert [answer.json() for answer in answers] == [{"predictions": [1]}, {"predictions": [3.5]}]
            unnamed = await served.post("/invocations", {"dataframe_records": [ROW]})
            assert unnamed.status_code == 400 and "/models/NAME/invocations" in unnamed.json()["message"]
            assert unnamed.json()["error_code"] == "INVALID_PARAMETER_VALUE"
            answer = await served.post(f"/v1/models/{encoded}:regress", {"examples": [ROW]})
            assert answer.json() == {"results": [3.5]}
            assert (await served.get(f"/v1/models/{encoded}/versions/7")).status_code == 200
            assert (await served.get(f"/v1/models/{MODEL}/versions/7")).status_code == 404
            assert (await served.get("/ping")).status_code == 200
            await served.client.aclose()

    asyncio.run(story())


def test_the_server_is_ready_when_each_of_them_is(tmp_path: Path) -> None:
    first, second = site(tmp_path / "first"), other(tmp_path / "second")

    async def story() -> None:
        theirs = second.settings(model=NAME, poll_every=3600.0), second.ports
        async with running(make_app(first.settings(poll_every=3600.0), first.ports, others=[theirs])) as app:
            served = Served(first, app)
            assert (await served.get("/ping")).status_code == 503
            assert (await served.get(f"/v1/models/{MODEL}")).status_code == 503
            assert (await served.get(f"/v1/models/{quote(NAME, safe='')}")).status_code == 200
            first.deploy(1)
            await served.look()
            assert (await served.get("/ping")).status_code == 200
            await served.client.aclose()

    asyncio.run(story())


def test_an_alert_finds_its_model_by_its_label_or_by_the_route(tmp_path: Path) -> None:
    first, second = site(tmp_path / "first"), other(tmp_path / "second")
    first.deploy(1)

    def group(model: str, key: str) -> dict[str, Any]:
        labels = {"alertname": "Late", "model": model}
        return {
            "version": "4",
            "groupKey": key,
            "status": "firing",
            "commonLabels": labels,
            "alerts": [{"status": "firing", "labels": labels}],
        }

    async def story() -> None:
        theirs = second.settings(model=NAME, takes_alerts=True), second.ports
        async with running(make_app(first.settings(takes_alerts=True), first.ports, others=[theirs])) as app:
            served = Served(first, app)
            assert (await served.post("/alerts/alertmanager", group(NAME, "a"))).json()["model"] == NAME
            assert (await served.post(f"/models/{quote(NAME, safe='')}/alerts/alertmanager", group("x", "b"))).json()["model"] == NAME
            assert (await served.post("/alerts/alertmanager", group("nobody", "c"))).status_code == 404
            answer = await served.post("/alerts/alertmanager", {"version": "4"})
            assert answer.status_code == 422 and "POST /models/NAME/alerts/alertmanager" in answer.json()["error"]

    asyncio.run(story())
    assert (len(second.ports.journal.read(NAME)), len(first.ports.journal.read(MODEL))) == (2, 0)
