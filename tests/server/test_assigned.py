"""Pinned units and units that are held back, in the server: the short way and the general one, the log, repeats, batch files."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from flyball.serving.records import Prediction
from flyball.serving.traffic import Split, choose
from served import Served, Site, linear

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}


@pytest.mark.parametrize("short_way", [True, False])
def test_pinned_and_held_back_units_are_answered_and_logged_alike_by_either_way(play: Play, made: Site, short_way: bool) -> None:
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))
    split = Split(overrides={"u1": "challenger", "u2": "champion"}, holdback=0.3)

    async def story(served: Served) -> None:
        deployment = made.deploy(1, challenger=2, share=0.5)
        await served.look()
        if not short_way:
            served.app.predictor._live_of_lane = served.app.reloader.live
        assert (served.app.predictor.lane is not None) is short_way
        answers: dict[str, dict[str, Any]] = {}
        for number in range(60):
            request = {"features": {**ROW, "temp": 1.0 - number % 2 * 9}, "unit": f"u{number}"}
            answers[f"u{number}"] = (await served.post("/predict", request)).json()
        await served.logged()
        kinds = set()
        for unit, answer in answers.items():
            found = made.ports.predictions.find(answer["prediction_id"])
            assert found is not None
            row: Prediction = found[0]
            chosen = choose(deployment, split, unit, "")
            assert (row.variant, answer["variant"], answer["version"]) == (chosen.logged, chosen.variant, row.version)
            acts = isinstance(row.score, float) and row.score >= 0.5
            kinds.add((row.variant, acts))
            if row.variant == "holdback":
                assert answer["prediction"] == 0 == row.label and row.propensity == (0.3 if acts else 1.0) and row.version == 1
                assert isinstance(row.score, float) and answer["confidence"] == pytest.approx(1 - row.score)
            else:
                assert answer["prediction"] == int(acts)
                assert row.propensity == (None if row.variant == "override" else 0.5)
        assert {("holdback", True), ("holdback", False), ("override", True), ("champion", True), ("challenger", False)} <= kinds

    play(story, overrides=split.overrides, holdback=split.holdback)


def test_without_a_challenger_the_propensity_is_that_of_the_answer(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        for number in range(60):
            await served.post("/predict", {"features": [[3, 1.0, True], [3, -9.0, False]], "unit": f"u{number}"})
        last = (await served.post("/predict", {"features": [[3, 1.0, True], [3, -9.0, False]], "unit": "u0"})).json()
        await served.logged()
        rows = [made.ports.predictions.find(name) for name in last["prediction_id"]]
        held = choose(made.deploy(1), Split(holdback=0.4), "u0", "").logged == "holdback"
        assert [row[0].propensity for row in rows if row is not None] == ([0.4, 1.0] if held else [0.6, 1.0])
        assert last["prediction"] == ([0, 0] if held else [1, 0])

    play(story, holdback=0.4)


def test_a_request_without_a_unit_is_held_back_for_itself_and_a_repeat_is_answered_the_same(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        asked = [{"features": ROW, "prediction_id": f"mine-{number}"} for number in range(40)]
        first = [(await served.post("/predict", one)).json() for one in asked]
        assert 0 < sum(one["prediction"] == 0 for one in first) < 40
        await served.logged()
        served.app.predictor._remembered.clear()
        assert [(await served.post("/predict", one)).json() for one in asked] == first

    play(story, holdback=0.5)


def test_a_regression_holds_nobody_back(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, 1.0, 0.0], 0.0, regression=True), task="regression", classes=())

    async def story(served: Served) -> None:
        made.deploy(2)
        await served.look()
        answers = [(await served.post("/predict", {"features": ROW, "unit": f"u{number}"})).json() for number in range(10)]
        assert {answer["prediction"] for answer in answers} == {1.0}

    play(story, holdback=1.0)


def test_settings_with_overrides_reach_a_worker(made: Site) -> None:
    from flyball.server.settings import settings_from_json, settings_to_json

    settings = made.settings(overrides={"tester": "challenger"}, holdback=0.02)
    assert settings_from_json(settings_to_json(settings)) == settings
    assert json.loads(settings_to_json(settings))["holdback"] == 0.02
