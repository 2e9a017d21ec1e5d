"""Predictions made elsewhere over HTTP: committed before the answer, idempotent, refused one by one."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

import pytest

from flyball.core.errors import RequestError, StoreError
from flyball.server.answers import HttpError, Reply
from flyball.server.made_elsewhere import ElsewhereTaker, request_schema
from flyball.serving.elsewhere import KEYS
from served import MODEL, Served, Site

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}
ONE = {"features": ROW, "prediction": 1, "confidence": 0.8, "version": 7, "at": "2013-03-01T05:00:00Z"}


def taker(served: Served, **changes: Any) -> ElsewhereTaker:
    app = served.app
    settings = changes.pop("settings", app.settings)
    return ElsewhereTaker(
        settings, served.site.ports, app.reloader, app.log, app.metrics, clock=lambda: 1_362_000_000_000_000, threads=ThreadPoolExecutor(1)
    )


async def post(taking: ElsewhereTaker, value: object) -> tuple[int, dict[str, Any]]:
    reply: Reply = await taking.answer(json.dumps(value).encode())
    return reply.status, json.loads(reply.body)


def test_predictions_are_in_the_log_when_the_answer_goes_out_and_take_outcomes(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        taking = taker(served)
        rows = [{**ONE, "unit": f"u{n}", "id": f"f{n}", "prediction_id": f"mine-{n}"} for n in range(3)]
        assert await post(taking, {"predictions": rows}) == (200, {"accepted": 3, "known": 0, "rejected": []})
        found = made.ports.predictions.find("mine-1")
        assert found is not None
        assert (found[0].version, found[0].unit, found[0].entity, found[0].label, found[0].score) == (7, "u1", "f1", 1, 0.8)
        assert found[0].features == ROW
        told = await served.post("/outcomes", [{"prediction_id": "mine-1", "actual": 1}, {"id": "f2", "actual": 0}])
        assert told.json() == {"accepted": 2, "rejected": []}
        assert await post(taking, rows) == (200, {"accepted": 3, "known": 3, "rejected": []})

    play(story, matures=timedelta(days=36500))


def test_one_prediction_alone_is_taken_or_refused_by_its_field(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        taking = taker(served)
        assert (await post(taking, ONE))[1] == {"accepted": 1, "known": 0, "rejected": []}
        assert (await post(taking, ONE))[1] == {"accepted": 1, "known": 1, "rejected": []}
        with pytest.raises(RequestError) as refused:
            await post(taking, {**ONE, "version": "v7"})
        assert refused.value.field == "version" and "context" in refused.value.hint

    play(story)


def test_of_several_the_bad_ones_are_named_by_index_and_the_good_ones_taken(play: Play) -> None:
    async def story(served: Served) -> None:
        taking = taker(served)
        status, said = await post(taking, {"predictions": [ONE, {**ONE, "prediction": 5, "prediction_id": "x"}, 7]})
        assert (status, said["accepted"]) == (200, 1)
        assert [(one["index"], one["prediction_id"]) for one in said["rejected"]] == [(1, "x"), (2, "")]
        assert "the classes are 0, 1" in said["rejected"][0]["error"]
        status, said = await post(taking, {"predictions": [{**ONE, "score": 2}]})
        assert (status, said["accepted"], said["error"]) == (422, 0, said["rejected"][0]["error"])
        assert await post(taking, {"predictions": []}) == (200, {"accepted": 0, "known": 0, "rejected": []})

    play(story)


def test_a_body_of_another_shape_is_refused(play: Play) -> None:
    async def story(served: Served) -> None:
        taking = taker(served)
        for body, field in (
            ({"predictions": {}}, "predictions"),
            ({"predictions": [], "at": 1}, "at"),
            ("x", ""),
            ({"prediction": 1, "x": 1}, "x"),
        ):
            with pytest.raises(RequestError) as refused:
                await post(taking, body)
            assert refused.value.field == field
        with pytest.raises(HttpError) as large:
            await post(taking, {"predictions": [ONE] * 11})
        assert large.value.status == 413

    play(story, max_rows=10)


def test_without_a_model_there_is_nothing_to_hold_predictions_against(made: Site, play: Play) -> None:
    async def story(served: Served) -> None:
        taking = taker(served)
        served.app.reloader.live = None
        with pytest.raises(StoreError, match="no model is deployed"):
            await post(taking, ONE)

    play(story)


def test_many_at_once_wait_for_their_turn_and_too_many_are_told_to_come_back(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        taking = taker(served)
        bodies = [{**ONE, "prediction_id": f"p{n}"} for n in range(40)]
        answers = await asyncio.gather(*(post(taking, body) for body in bodies), return_exceptions=True)
        refused = [one for one in answers if isinstance(one, HttpError)]
        assert all(one.status == 429 for one in refused)
        taken = [one for one in answers if not isinstance(one, BaseException)]
        assert len(taken) + len(refused) == 40 and all(status == 200 for status, _ in taken)
        assert sum(made.ports.predictions.find(f"p{n}") is not None for n in range(40)) == len(taken)

    play(story)


def test_the_model_of_the_log_is_the_servers(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        await post(taker(served), {**ONE, "prediction_id": "p"})
        found = made.ports.predictions.find("p")
        assert found is not None and found[0].model == MODEL

    play(story)


def test_the_schema_names_every_key_that_is_taken() -> None:
    one, many, several = cast(list[dict[str, Any]], request_schema(timed=True)["anyOf"])
    assert set(one["properties"]) == set(KEYS) and one["required"] == ["at"]
    assert several["properties"]["predictions"] == many == {"type": "array", "items": one}
