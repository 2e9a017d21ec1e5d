"""The client with `await`: many requests at once, the same answers and the same errors as the other."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from flyball.api.async_client import AsyncClient
from flyball.core.errors import NotFoundError, RequestError, StoreError, UsageError
from served import MODEL, serving, site

ROW = {"hour": 3, "temp": 1.0, "rain": True}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = site(tmp_path_factory.mktemp("awaited"))
    made.deploy(1)
    with serving(made.settings(matures=timedelta(days=1))) as (url, _):
        yield url


def test_requests_run_beside_each_other_and_each_gets_its_own_answer(url: str) -> None:
    async def story() -> None:
        async with AsyncClient(url, connections=8) as client:
            assert (await client.health())["status"] == "healthy"
            rows = [{**ROW, "temp": -5.0 if number % 3 == 0 else 5.0} for number in range(60)]
            answers = await asyncio.gather(*(client.predict(row, unit=f"u{number}") for number, row in enumerate(rows)))
            assert [one["prediction"] for one in answers] == [0 if number % 3 == 0 else 1 for number in range(60)]
            assert len({one["prediction_id"] for one in answers}) == 60
            told = await client.outcomes([{"prediction_id": one["prediction_id"], "actual": 1} for one in answers])
            assert told == {"accepted": 60, "rejected": []}

    asyncio.run(story())


def test_many_rows_come_back_in_order(url: str) -> None:
    async def story() -> None:
        async with AsyncClient(url, model=MODEL, connections=3) as client:
            rows = [{**ROW, "temp": -5.0 if number % 3 == 0 else 5.0} for number in range(100)]
            answers = [one async for one in client.predict_many(rows, rows_per_request=7)]
            assert [one["prediction"] for one in answers] == [0 if number % 3 == 0 else 1 for number in range(100)]
            async with aclosing(client.predict_many(rows, rows_per_request=7)) as some:
                async for _ in some:
                    break
            # a reader that stops early leaves nothing running
            assert len(asyncio.all_tasks()) == 1
            with pytest.raises(UsageError):
                _ = [one async for one in client.predict_many(rows, rows_per_request=0)]

    asyncio.run(story())


def test_what_goes_wrong_is_an_error_that_says_what(url: str) -> None:
    async def story() -> None:
        async with AsyncClient(url) as client:
            with pytest.raises(RequestError, match="did you mean 'temp'") as caught:
                await client.predict({"hour": 3, "tempp": 1.0, "rain": True})
            assert caught.value.field == "tempp"
            with pytest.raises(NotFoundError):
                await client.outcomes({"prediction_id": "nobody", "actual": 1})
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
        async with AsyncClient(nowhere, retries=1) as client:
            with pytest.raises(StoreError, match="does not answer"):
                await client.predict(ROW)

    asyncio.run(story())
    with pytest.raises(UsageError):
        AsyncClient("ftp://x")
    with pytest.raises(UsageError):
        AsyncClient(url, connections=0)
