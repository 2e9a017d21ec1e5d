"""Outcomes over HTTP: committed before the answer, and every refusal with its reason and status."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from served import Served, Site

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}
AT = {"at": "2013-03-01T05:00:00Z"}
LATER = {"at": "2013-03-01T08:00:00Z"}


def test_an_outcome_is_joined_by_prediction_id_client_id_entity_or_unit(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        first = (await served.post("/predict", {"features": ROW, **AT})).json()["prediction_id"]
        await served.post("/predict", {"features": ROW, "prediction_id": "mine", **AT})
        await served.post("/predict", {"features": ROW, "id": "f1", **AT})
        await served.post("/predict", {"features": ROW, "unit": "u1", **AT})
        told = [{"prediction_id": first}, {"prediction_id": "mine"}, {"id": "f1"}, {"unit": "u1"}]
        answer = await served.post("/outcomes", [{**one, "actual": 1, **LATER} for one in told])
        assert answer.status_code == 200 and answer.json() == {"accepted": 4, "rejected": []}
        found = made.ports.predictions.find(first)
        assert found is not None and found[1] is not None and found[1].actual == 1

    play(story, clock="request", matures=timedelta(days=1))


def test_the_status_says_what_was_wrong_when_nothing_was_taken(play: Play) -> None:
    async def story(served: Served) -> None:
        await served.post("/predict", {"features": ROW, "id": "f1", **AT})
        good = {"id": "f1", "actual": 0, **LATER}
        unknown = await served.post("/outcomes", {**good, "id": "nobody"})
        assert unknown.status_code == 404 and unknown.json()["rejected"][0]["prediction_id"] == "nobody"
        early = await served.post("/outcomes", {**good, "at": "2013-03-01T04:00:00Z"})
        assert early.status_code == 422
        assert (await served.post("/outcomes", good)).status_code == 200
        assert (await served.post("/outcomes", good)).status_code == 409
        both = await served.post("/outcomes", [good, {"id": "f1"}, {**good, "id": "nobody"}])
        assert both.status_code == 422 and len(both.json()["rejected"]) == 3

    play(story, clock="request")


def test_malformed_outcomes_are_refused_with_their_field(play: Play) -> None:
    async def story(served: Served) -> None:
        for item, field in (
            ({"actual": 1, **LATER}, "prediction_id"),
            ({"id": "f1", **LATER}, "actual"),
            ({"id": "f1", "actual": 7, **LATER}, "actual"),
            ({"id": "f1", "actual": True, **LATER}, "actual"),
            ({"id": "f1", "actual": None, **LATER}, "actual"),
            ({"id": "f1", "actual": [1], **LATER}, "actual"),
            ({"id": 7, "actual": 1, **LATER}, "id"),
            ({"id": "f1", "actual": 1}, "at"),
            ({"id": "f1", "actual": 1, "at": "yesterday"}, "at"),
            ({"id": "f1", "actual": 1, "when": 1, **LATER}, "when"),
            ({"id": "f1", "actual": 1, "value": "12", **LATER}, "value"),
            ({"id": "f1", "actual": 1, "value": True, **LATER}, "value"),
            ({"id": "f1", "actual": 1, "value": [1], **LATER}, "value"),
            ({"id": "f1", "actual": 1, "value": 1.7e308, **LATER}, "value"),
        ):
            answer = await served.post("/outcomes", item)
            assert answer.status_code == 422 and answer.json()["field"] == field
        assert (await served.post("/outcomes", [])).json() == {"accepted": 0, "rejected": []}
        assert (await served.post("/outcomes", b"{")).status_code == 400
        assert (await served.post("/outcomes", [{}] * 11)).status_code == 413

    play(story, clock="request", max_outcomes=10)


def test_two_outcomes_of_one_name_in_a_list_are_told_apart(play: Play) -> None:
    async def story(served: Served) -> None:
        await served.post("/predict", {"features": ROW, "id": "f1", **AT})
        answer = await served.post("/outcomes", [{"id": "f1", "actual": 1, **LATER}, {"id": "f1", "actual": 0, **LATER}])
        assert answer.status_code == 200
        assert answer.json()["accepted"] == 1 and "already" in answer.json()["rejected"][0]["error"]

    play(story, clock="request")


def test_outcomes_are_counted_by_what_became_of_them(play: Play) -> None:
    async def story(served: Served) -> None:
        await served.post("/outcomes", {"id": "nobody", "actual": 1, **LATER})
        assert 'flyball_outcomes_total{result="unknown"} 1' in (await served.get("/metrics")).text

    play(story, clock="request")


def test_what_an_outcome_was_worth_is_kept_and_what_is_no_finite_number_is_no_json(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        ids = [(await served.post("/predict", {"features": ROW, **AT})).json()["prediction_id"] for _ in range(3)]
        for name, value in zip(ids, (12.5, -3, None), strict=True):
            assert (await served.post("/outcomes", {"prediction_id": name, "actual": 1, "value": value, **LATER})).status_code == 200
        kept = [found[1].value for name in ids if (found := made.ports.predictions.find(name)) is not None and found[1] is not None]
        assert kept == [12.5, -3.0, None]
        for text in (b"NaN", b"1e400", b"Infinity"):
            answer = await served.post("/outcomes", b'{"id": "f1", "actual": 1, "value": ' + text + b', "at": "2013-03-01T08:00:00Z"}')
            assert answer.status_code == 400 and answer.json()["field"] == "value"

    play(story, clock="request")
