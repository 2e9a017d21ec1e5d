"""What is refused is no row: its number is kept beyond the process, by model, minute and status."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.core.errors import StoreError
from flyball.core.window import Window, to_micros
from flyball.server.app import make_app, running
from flyball.server.metrics import Metrics
from flyball.server.traffic import TrafficKeeper, asked_model
from flyball.serving.records import Answers
from flyball.wiring import server_ports
from served import MODEL, Served, Site, linear, site

ROW: dict[str, Any] = {"hour": 3, "temp": 1.0, "rain": True}
WRONG: dict[str, Any] = {"hour": "three", "temp": 1.0, "rain": True}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = Window(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))


def kept(folder: Path, model: str = MODEL) -> Counter[int]:
    """By status, as a process that starts afterwards finds it."""
    found: Counter[int] = Counter()
    for one in server_ports(folder).traffic.between(model, EVER):
        found[one.status] += one.requests
    return found


def test_what_was_refused_is_known_after_the_server_has_ended(made: Site, play: Callable[..., Any]) -> None:
    async def story(served: Served) -> None:
        for number in range(7):
            assert (await served.post("/predict", {"features": ROW if number < 3 else WRONG})).status_code == (200 if number < 3 else 422)
        assert (await served.post("/predict", b"{")).status_code == 400
        assert (await served.post("/invocations", {"dataframe_records": [WRONG]})).status_code == 400
        assert (await served.post(f"/v1/models/{MODEL}:predict", {"instances": [WRONG]})).status_code == 400
        # of these none asks the model for an answer
        assert (await served.get("/nothing")).status_code == 404
        assert (await served.get("/predict")).status_code == 405
        assert (await served.post("/models/other/predict", {"features": ROW})).status_code == 404
        assert (await served.post("/outcomes", b"{")).status_code == 400

    play(story)
    assert kept(made.folder) == {200: 3, 400: 3, 422: 4}


def test_it_is_written_while_serving_and_only_what_is_new(made: Site, play: Callable[..., Any]) -> None:
    async def story(served: Served) -> None:
        traffic = served.app.models.first.traffic
        for _ in range(2):
            await served.post("/predict", {"features": WRONG})
            await served.post("/predict", {"features": ROW})
            await traffic.keep()
        await traffic.keep()
        assert kept(made.folder) == {200: 2, 422: 2}

    play(story)
    assert kept(made.folder) == {200: 2, 422: 2}


def test_each_of_several_models_has_its_own_refusals(tmp_path: Path) -> None:
    first, second = site(tmp_path / "first"), site(tmp_path / "second")
    first.deploy(1)
    second.add(7, linear([1.0, 0.0, 0.0], 0.5, regression=True), task="regression", classes=(), model="price")
    second.deploy(7, model="price")

    async def story() -> None:
        theirs = second.settings(model="price", poll_every=3600.0), second.ports
        async with running(make_app(first.settings(poll_every=3600.0), first.ports, others=[theirs])) as app:
            served = Served(first, app)
            assert (await served.post("/models/price/predict", {"features": WRONG})).status_code == 422
            assert (await served.post("/predict", {"features": WRONG})).status_code >= 400  # names none of them
            page = (await served.get("/metrics")).text
            assert 'flyball_requests_refused_total{model="price",code="422"} 1' in page
            await served.client.aclose()

    asyncio.run(story())
    assert kept(second.folder, "price") == {422: 1}
    assert not kept(first.folder)


@pytest.mark.parametrize(
    ("method", "path", "names", "model"),
    [
        ("POST", "/predict", ["a"], "a"),
        ("POST", "/predict", ["a", "b"], None),
        ("GET", "/predict", ["a"], None),
        ("POST", "/models/a/predict", ["a", "b"], "a"),
        ("POST", "/models/a/outcomes", ["a", "b"], None),
        ("POST", "/models/c/predict", ["a", "b"], None),
        ("POST", "/models/a/b/predict", ["a", "a/b"], "a/b"),
        ("POST", "/v1/models/a/versions/3:predict", ["a"], "a"),
        ("POST", "/v2/models/a/infer", ["a", "ab"], "a"),
        ("POST", "/v2/repository/models/a/load", ["a"], None),
        ("POST", "/invocations", ["a"], "a"),
    ],
)
def test_who_is_asked_for_predictions_stands_in_the_path(method: str, path: str, names: list[str], model: str | None) -> None:
    assert asked_model({"method": method, "path": path}, names) == model


class Locked(MemoryTraffic):
    """A database that is away for a while."""

    away = True

    def add(self, model: str, counts: Sequence[Answers]) -> None:
        if self.away:
            raise StoreError("the database is locked")
        super().add(model, counts)


def test_what_cannot_be_written_is_written_later_in_the_minute_it_belongs_to() -> None:
    traffic, now = Locked(), [NOON + timedelta(seconds=59)]

    async def story() -> None:
        with ThreadPoolExecutor(1) as threads:
            keeper = TrafficKeeper("churn", traffic, Metrics(), clock=lambda: to_micros(now[0]), threads=threads)
            keeper.refuse(422)
            await keeper.keep()
            now[0] += timedelta(minutes=5)
            keeper.refuse(422)
            await keeper.keep()
            assert traffic.between("churn", EVER) == []
            traffic.away = False
            await keeper.keep()

    asyncio.run(story())
    assert traffic.between("churn", EVER) == [
        Answers(minute=NOON, status=422, requests=1),
        Answers(minute=NOON + timedelta(minutes=5), status=422, requests=1),
    ]
