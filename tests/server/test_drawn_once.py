"""A request without a unit is drawn for once, whatever way its answer takes in the end."""

import asyncio
import http.client
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyball.server.drawn import Drawn, DrawnAlready
from flyball.serving.records import Deployment
from flyball.serving.traffic import variant_of
from flyball.spec.records import Guardrails
from served import BREAKS, MODEL, Served, Site, body, linear, serving, site

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 5.0, "rain": True}
NOBODY = replace(Guardrails(), nan=None, errors=None)


def variants(made: Site, deployment: Deployment, ids: list[str]) -> Counter[tuple[str, str]]:
    """Of each answered row: what its id says, and what was logged."""
    made.ports.predictions.ingest()
    found = [made.ports.predictions.find(one) for one in ids]
    return Counter((variant_of(deployment, None, name), row[0].variant) for name, row in zip(ids, found, strict=True) if row)


def test_who_fails_a_request_without_a_unit_stays_the_one_it_was_drawn_for(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        deployment = made.deploy(1, challenger=2, share=0.5, guardrails=NOBODY)
        await served.look()
        ids = [(await served.post("/predict", {"features": ROW})).json()["prediction_id"] for _ in range(200)]
        await served.logged()
        found = variants(made, deployment, ids)
        assert set(found) == {("champion", "champion"), ("challenger", "unassigned")}
        assert found["challenger", "unassigned"] > 60, "half of them, and not a quarter"

    play(story)


def test_a_champion_that_fails_does_not_hand_its_requests_to_the_challenger_by_drawing_again(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))

    async def story(served: Served) -> None:
        deployment = made.deploy(2, challenger=1, share=0.5, guardrails=NOBODY)
        await served.look()
        answers = [await served.post("/predict", {"features": ROW}) for _ in range(200)]
        await served.logged()
        assert Counter(answer.status_code for answer in answers)[500] > 60
        ids = [answer.json()["prediction_id"] for answer in answers if answer.status_code == 200]
        assert set(variants(made, deployment, ids)) == {("challenger", "challenger")}
        assert not served.app.predictor._drawn._kept, "nothing waits for an answer that was given"

    play(story)


@pytest.mark.parametrize("champion", [1, 2])
def test_over_a_connection_too_whether_rows_are_gathered_or_not(tmp_path: Path, champion: int) -> None:
    made = site(tmp_path / "project")
    made.add(2, linear(BREAKS, 0.0))
    deployment = made.deploy(champion, challenger=3 - champion, share=0.5, guardrails=NOBODY)
    statuses: Counter[int] = Counter()
    ids: list[str] = []
    asked = body(features=ROW)
    with serving(made.settings()) as (url, _):
        address = url.removeprefix("http://")

        def ask() -> None:
            connection = http.client.HTTPConnection(address, timeout=10)
            for _ in range(100):
                connection.request("POST", "/predict", asked, {"content-type": "application/json"})
                answer = connection.getresponse()
                told = json.loads(answer.read())
                statuses[answer.status] += 1
                if answer.status == 200:
                    ids.append(told["prediction_id"])
            connection.close()

        async def both() -> None:
            await asyncio.gather(*(asyncio.to_thread(ask) for _ in range(3)))

        asyncio.run(both())
    found = variants(made, deployment, ids)
    if champion == 1:
        assert statuses == {200: 300}
        assert set(found) == {("champion", "champion"), ("challenger", "unassigned")} and found["challenger", "unassigned"] > 100
    else:
        assert statuses[500] > 100 and set(found) == {("challenger", "challenger")}


def test_of_requests_with_the_same_body_each_has_its_own_and_what_is_old_is_nobodys() -> None:
    drawn = DrawnAlready()
    assert drawn.take(b"a", 0) is None and not drawn.waits(b"a")
    for name in ("1", "2"):
        drawn.keep(b"a", Drawn([name], 1_000_000))
    assert drawn.waits(b"a") and not drawn.waits(b"b")
    assert drawn.take(b"a", 1_000_001) == Drawn(["1"], 1_000_000)
    assert drawn.take(b"a", 7_000_000) is None and not drawn.waits(b"a")
    for number in range(1000):
        drawn.keep(b"%d" % number, Drawn([MODEL], 0))
    assert len(drawn._kept) <= 100
