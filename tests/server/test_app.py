"""Every route, in one process: what is answered, what is refused, and that nothing ever becomes a 5xx or tells too much."""

import base64
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from flyball.core.schema import Column, Schema
from served import BREAKS, MIXED, MODEL, NUMBERS, Served, Site, body, linear, mixed

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}
V2 = {"hour": "INT64", "temp": "FP64", "rain": "BOOL"}
ROUTES = ("/predict", f"/models/{MODEL}/predict", "/outcomes")


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_a_prediction_says_what_it_is_and_who_made_it(play: Play) -> None:
    async def story(served: Served) -> None:
        answer = (await served.post("/predict", {"features": ROW})).json()
        assert list(answer) == ["prediction", "confidence", "model", "version", "variant", "prediction_id"]
        assert answer["prediction"] == 1 and answer["confidence"] == pytest.approx(sigmoid(1.5), abs=1e-6)
        assert (answer["model"], answer["version"], answer["variant"]) == (MODEL, 1, "champion")
        many = (await served.post("/predict", {"features": [list(ROW.values()), [3, -9.0, False]]})).json()
        assert many["prediction"] == [1, 0] and len(many["prediction_id"]) == 2 and many["version"] == 1
        assert many["confidence"] == pytest.approx([sigmoid(1.5), 1 - sigmoid(-4.5)], abs=1e-6)

    play(story)


def test_every_answered_row_reaches_the_log_once_with_all_that_was_said(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        request = {"features": ROW, "unit": "N1", "id": "f1", "context": {"gate": "A", "n": 2}}
        first = (await served.post("/predict", request)).json()
        await served.post("/predict", {"features": [ROW, ROW], "id": ["f2", "f3"]})
        assert await served.logged() == 3
        found = made.ports.predictions.find(first["prediction_id"])
        assert found is not None
        assert (found[0].unit, found[0].entity, found[0].label, found[0].worker) == ("N1", "f1", 1, "w0")
        assert found[0].features == {"hour": 3, "temp": 1.0, "rain": True} and found[0].context == {"gate": "A", "n": 2}
        assert found[0].score == pytest.approx(sigmoid(1.5), abs=1e-6)

    play(story)


def test_a_repeated_client_id_is_answered_the_same_and_counted_once(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        first = (await served.post("/predict", {"features": ROW, "prediction_id": "mine"})).json()
        again = (await served.post("/predict", {"features": {**ROW, "temp": -9.0}, "prediction_id": "mine"})).json()
        assert again == first
        mixed_up = (await served.post("/predict", {"features": [ROW, ROW], "prediction_id": ["new", "mine"]})).json()
        assert mixed_up["prediction_id"][1] == first["prediction_id"] != mixed_up["prediction_id"][0]
        assert await served.logged() == 2
        served.app.predictor._remembered.clear()  # as after a restart: the log knows it
        assert (await served.post("/predict", {"features": ROW, "prediction_id": "mine"})).json() == first

    play(story)


def test_simultaneous_repeats_are_one_prediction(play: Play) -> None:
    async def story(served: Served) -> None:
        import asyncio

        answers = await asyncio.gather(*(served.post("/predict", {"features": ROW, "prediction_id": "same"}) for _ in range(20)))
        assert len({answer.content for answer in answers}) == 1
        assert await served.logged() == 1

    play(story)


@pytest.mark.parametrize(
    ("features", "field"),
    [
        ({"hour": 3, "temp": 1.0}, "rain"),
        ({**ROW, "snow": 1}, "snow"),
        ({"hour": 3, "tmp": 1.0, "rain": True}, "tmp"),
        ({**ROW, "hour": "3"}, "hour"),
        ({**ROW, "hour": None}, "hour"),
        ({**ROW, "temp": True}, "temp"),
    ],
)
def test_a_request_that_does_not_fit_is_4xx_naming_the_field(play: Play, features: object, field: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.post("/predict", {"features": features})
        assert answer.status_code == 422 and answer.json()["field"] == field
        assert await served.logged() == 0

    play(story)


def test_nan_is_refused_by_name(play: Play) -> None:
    async def story(served: Served) -> None:
        answer = await served.post("/predict", b'{"features": {"hour": 3, "temp": NaN, "rain": true}}')
        assert answer.status_code == 400 and answer.json()["field"] == "temp"
        assert answer.json()["error"] == "'temp' is NaN or infinite, which is not JSON; write null for a missing value"
        listed = await served.post("/predict", b'{"features": [[3, 1.0, true], [3, -Infinity, true]]}')
        assert listed.status_code == 400 and listed.json()["field"] == "features[1].temp" and "'features[1].temp'" in listed.json()["error"]

    play(story)


def test_headers_and_methods_are_checked_before_anything_is_read(play: Play) -> None:
    async def story(served: Served) -> None:
        client, good = served.client, body(features=ROW)
        kind = {"content-type": "application/json"}
        tries = [
            (await client.post("/predict", content=good), 415),
            (await client.post("/predict", content=good, headers={"content-type": "text/plain"}), 415),
            (await client.post("/predict", content=good, headers={**kind, "content-encoding": "br"}), 415),
            (await client.post("/predict", content=good, headers={**kind, "host": "evil.example"}), 403),
            (await client.post("/predict", content=good, headers={**kind, "origin": "http://evil.example"}), 403),
            (await client.post("/outcomes", content=b"[]", headers={**kind, "origin": "http://127.0.0.1:8000"}), 403),
            (await client.post("/predict", content=b" " * 2_000_000, headers=kind), 413),
            (await client.get("/predict"), 405),
            (await client.get("/outcomes"), 405),
            (await client.put("/predict", content=good, headers=kind), 405),
            (await client.post("/health", content=b""), 405),
            (await client.get("/nowhere"), 404),
            (await client.post("/models/other/predict", content=good, headers=kind), 404),
        ]
        for answer, status in tries:
            assert answer.status_code == status
            assert set(answer.json()) <= {"error", "field"}
        assert (await client.post("/predict", content=good, headers={**kind, "host": "localhost:8000"})).status_code == 200
        assert (await client.post("/predict", content=good, headers={**kind, "origin": "http://127.0.0.1:8000"})).status_code == 200
        assert (await client.post("/predict", content=good, headers={"content-type": "application/json; charset=utf-8"})).status_code == 200
        assert (await client.post(f"/models/{MODEL}/predict", content=good, headers=kind)).status_code == 200

    play(story)


def test_only_health_is_told_to_who_calls_this_server_by_another_name(play: Play) -> None:
    async def story(served: Served) -> None:
        model = {"/v2/models/" + MODEL, f"/v1/models/{MODEL}/metadata", "/v2", "/version", "/v2/models/stats"}
        for path in {"/metrics", "/docs", "/openapi.json", "/nowhere", "/predict", *model}:
            for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example"):
                answer = await served.client.get(path, headers={"host": host})
                assert answer.status_code == 403 and "localhost" in answer.text, path
        for path in ("/health", "/health/live", "/health/ready", "/ping", "/v2/health/live", "/v2/health/ready"):
            assert (await served.client.get(path, headers={"host": "pod-7.example"})).status_code == 200
        for host in ("localhost:9", "LOCALHOST", "[::1]:8000", "127.0.0.1"):
            assert (await served.client.get("/metrics", headers={"host": host})).status_code == 200
        spelled = {path: (await served.client.get(path, headers={"host": "evil.example"})).json() for path in ("/v2", "/version")}
        assert set(spelled["/v2"]) == {"error"} and spelled["/version"]["error_code"] == "PERMISSION_DENIED"

    play(story)


def test_no_json_text_ever_makes_a_5xx(play: Play, conformance: Path) -> None:
    files = sorted((conformance / "jsontestsuite" / "test_parsing").glob("*.json"))
    assert len(files) > 300

    async def story(served: Served) -> None:
        for path in files:
            content = path.read_bytes()
            for route in ROUTES:
                answer = await served.post(route, content)
                assert answer.status_code < 500, path.name
                assert not (path.name.startswith("n_") and answer.status_code < 300), path.name
                if answer.status_code >= 400:
                    assert isinstance(answer.json()["error"], str)
                    assert "Traceback" not in answer.text and "/src/" not in answer.text

    play(story)


def test_naughty_strings_pass_through_unharmed_or_are_refused(play: Play, made: Site, conformance: Path) -> None:
    strings = [base64.b64decode(text) for text in json.loads((conformance / "blns" / "blns.base64.json").read_text())]

    async def story(served: Served) -> None:
        ids = {}
        for raw in strings:
            text = raw.decode("utf-8", "replace")
            answer = await served.post("/predict", {"features": ROW, "unit": text, "id": text, "context": {"note": text}})
            assert answer.status_code in (200, 422)
            if answer.status_code == 200:
                ids[answer.json()["prediction_id"]] = text
            for path in (f"/models/{quote(raw, safe='')}/predict", f"/{quote(raw)}"):
                assert (await served.client.get(path)).status_code < 500
        await served.logged()
        assert len(ids) > 300
        for prediction_id, text in ids.items():
            found = made.ports.predictions.find(prediction_id)
            assert found is not None and (found[0].unit, found[0].entity, found[0].context["note"]) == (text, text, text)

    play(story)


def test_time_comes_from_the_request_only_where_the_clock_says_so(play: Play, made: Site) -> None:
    async def wall(served: Served) -> None:
        answer = await served.post("/predict", {"features": ROW, "at": "2013-03-01T05:00:00Z"})
        assert answer.status_code == 422 and answer.json()["field"] == "at"

    async def request(served: Served) -> None:
        assert (await served.post("/predict", {"features": ROW})).json()["field"] == "at"
        answer = (await served.post("/predict", {"features": ROW, "at": "2013-03-01T00:00:00-05:00"})).json()
        await served.logged()
        found = made.ports.predictions.find(answer["prediction_id"])
        assert found is not None and found[0].at.isoformat() == "2013-03-01T05:00:00+00:00"

    play(wall)
    play(request, clock="request")


def test_an_unseen_category_is_counted_or_refused(play: Play, made: Site) -> None:
    made.add(2, mixed(0.0, {"AA": 1.0, "UA": -1.0}), schema=MIXED)
    made.deploy(2)
    request = {"features": {"hour": 1, "carrier": "ZZ", "temp": None}}

    async def counted(served: Served) -> None:
        assert (await served.post("/predict", request)).json()["confidence"] == pytest.approx(0.5, abs=1e-6)
        assert 'model_unseen_categories_total{feature_name="carrier"} 1' in (await served.get("/metrics")).text

    async def refused(served: Served) -> None:
        answer = await served.post("/predict", request)
        assert answer.status_code == 422 and answer.json()["field"] == "carrier"

    play(counted)
    play(refused, unseen="refuse")


def test_a_share_of_the_units_is_answered_by_the_challenger_and_each_unit_always_by_the_same(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.deploy(1, challenger=2, share=0.3)

    async def story(served: Served) -> None:
        variants = {}
        for number in range(400):
            answer = (await served.post("/predict", {"features": ROW, "unit": f"u{number}"})).json()
            assert answer["version"] == {"champion": 1, "challenger": 2}[answer["variant"]]
            variants[f"u{number}"] = answer["variant"]
        assert 0.2 < sum(v == "challenger" for v in variants.values()) / 400 < 0.4
        for unit in list(variants)[:50]:
            assert (await served.post("/predict", {"features": ROW, "unit": unit})).json()["variant"] == variants[unit]

    play(story)


def test_a_broken_challenger_costs_nobody_an_answer(play: Play, made: Site) -> None:
    made.add(2, linear(BREAKS, 0.0))
    made.deploy(1, challenger=2, share=1.0)

    async def story(served: Served) -> None:
        answer = (await served.post("/predict", {"features": {**ROW, "temp": 2.0}})).json()
        assert (answer["variant"], answer["version"]) == ("champion", 1)
        assert "model_fallbacks_total 1" in (await served.get("/metrics")).text

    play(story)


def test_shadows_score_every_row_after_the_answer_and_their_failures_are_counted(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.add(3, linear(BREAKS, 0.0))
    extra = Schema(columns=(*NUMBERS.columns, Column(name="wind", kind="number", nullable=False)))
    made.add(4, linear([0.0, 0.0, 0.0, 1.0], 0.0), schema=extra)
    made.deploy(1, shadow=(2, 3, 4))

    async def story(served: Served) -> None:
        answers = [
            (await served.post("/predict", {"features": features})).json() for features in (ROW, {**ROW, "temp": 2.0}, {**ROW, "wind": 2.0})
        ]
        assert {answer["version"] for answer in answers} == {1}
        assert await served.logged() == 3 + 3 + 2 + 1
        page = (await served.get("/metrics")).text
        for version, scored in ((2, 3), (3, 2), (4, 1)):
            assert f'model_shadow_predictions_total{{version="{version}"}} {scored}' in page
            assert scored == 3 or f'model_shadow_errors_total{{version="{version}"}} {3 - scored}' in page

    play(story)


def test_without_a_deployment_the_process_lives_and_is_not_ready(tmp_path: Path) -> None:
    import asyncio

    from flyball.server.app import make_app, running
    from served import site

    made = site(tmp_path / "empty")

    async def story() -> None:
        async with running(make_app(made.settings(poll_every=3600.0), made.ports)) as app:
            served = Served(made, app)
            answer = await served.post("/predict", {"features": ROW})
            assert answer.status_code == 503 and "no model" in answer.json()["error"] and answer.headers["retry-after"] == "1"
            assert (await served.get("/health/live")).status_code == 200
            assert (await served.get("/health/ready")).status_code == 503
            assert (await served.get("/health")).status_code == 503
            assert (await served.get("/docs")).status_code == 200
            made.deploy(1)
            await served.look()
            assert (await served.post("/predict", {"features": ROW})).status_code == 200
            assert (await served.get("/health/ready")).status_code == 200
            await served.client.aclose()

    asyncio.run(story())


def test_health_and_metrics_say_what_serves(play: Play) -> None:
    async def story(served: Served) -> None:
        await served.post("/predict", {"features": ROW})
        await served.app.log.flush()
        health = (await served.get("/health")).json()
        assert (health["status"], health["model"], health["version"], health["stale"]) == ("healthy", MODEL, 1, False)
        assert health["log"]["logged"] == 1 and health["log"]["lost"] == 0
        page = (await served.get("/metrics")).text
        assert f'model_predictions_total{{model="{MODEL}",version="1",variant="champion"}} 1' in page
        assert f'model_prediction_latency_seconds_count{{model="{MODEL}"}} 1' in page
        from prometheus_client.parser import text_string_to_metric_families

        names = {family.name for family in text_string_to_metric_families(page)}
        assert {"model_predictions", "model_prediction_latency_seconds", "model_feature_drift", "flyball_swaps"} <= names

    play(story)


def test_the_curl_line_of_the_docs_is_a_request_this_server_answers(play: Play) -> None:
    async def story(served: Served) -> None:
        page = await served.get("/docs")
        assert "script" not in page.text and "https://" not in page.text and "sha256-" in page.headers["content-security-policy"]
        import html
        import shlex

        line = shlex.split(html.unescape(re.findall(r"<pre><code>(curl.*?)</code>", page.text, re.S)[0]))
        assert line[1] == "http://127.0.0.1:8000/predict"
        assert (await served.post("/predict", line[line.index("-d") + 1].encode())).status_code == 200
        described = (await served.get("/openapi.json")).json()
        assert described["openapi"].startswith("3.1") and "/predict" in described["paths"]

    play(story)


def test_too_many_requests_at_once_are_turned_away(play: Play) -> None:
    async def story(served: Served) -> None:
        answer = await served.post("/predict", {"features": ROW})
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"

    play(story, max_concurrency=0)


def test_while_draining_requests_are_answered_and_connections_closed(play: Play) -> None:
    async def story(served: Served) -> None:
        served.app.draining = True
        answer = await served.post("/predict", {"features": ROW})
        assert answer.status_code == 200 and answer.headers["connection"] == "close"
        assert (await served.get("/health/ready")).status_code == 503

    play(story)


def test_a_score_that_is_no_number_is_the_models_fault_in_every_protocol_and_one_line_of_the_log(
    play: Play, made: Site, caplog: pytest.LogCaptureFixture
) -> None:
    made.add(2, linear(BREAKS, 0.0))
    row = {"hour": 3, "temp": 5.0, "rain": True}
    v2 = {"inputs": [{"name": name, "shape": [1], "datatype": kind, "data": [row[name]]} for name, kind in V2.items()]}

    async def story(served: Served) -> None:
        made.deploy(2)
        await served.look()
        told = "version 2 gave a score that is not a finite number"
        for path, content, said in (
            ("/predict", {"features": row}, {"error": told}),
            ("/predict", {"features": [row, row]}, {"error": told}),
            ("/invocations", {"dataframe_records": [row]}, {"error_code": "INTERNAL_ERROR", "message": told}),
            (f"/v1/models/{MODEL}:predict", {"instances": [row]}, {"error": told}),
            (f"/v2/models/{MODEL}/infer", v2, {"error": told}),
        ):
            answer = await served.post(path, content)
            assert (answer.status_code, answer.json()) == (500, said), path
        assert 'flyball_requests_refused_total{code="500"} 5' in (await served.get("/metrics")).text

    play(story)
    lines = [record for record in caplog.records if "a request failed" in record.getMessage()]
    assert len(lines) == 5 and all(record.exc_info is None for record in lines)
