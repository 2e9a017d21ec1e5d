"""The MLflow scoring protocol: MLflow's own cases, every input format, and what is refused in which shape."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import RequestError
from flyball.core.schema import Column, Schema
from flyball.server.answers import HttpError
from flyball.server.dialects.frames import Frames
from flyball.server.dialects.mlflow_scoring import _any_rows
from flyball.serving.codecs import MalformedError
from flyball.serving.contract import Contract
from served import MIXED, MODEL, NUMBERS, Served, Site, linear, mixed

Play = Callable[..., Any]
CSV = "text/csv"
TWO = Schema(columns=tuple(Column(name=name, kind="number", nullable=True) for name in "01"))
INTEGER = Schema(columns=(Column(name="bad_integer", kind="integer", nullable=False),))
ZIP = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="carrier", kind="category", nullable=False, categories=("95120",)),
        Column(name="temp", kind="number", nullable=True),
    )
)
ROW: dict[str, Any] = {"hour": 3, "temp": 1.0, "rain": True}


def frame(names: list[str], *rows: list[Any]) -> dict[str, Any]:
    return {"dataframe_split": {"columns": names, "data": list(rows)}}


def code(answer: httpx.Response) -> str:
    """The error code of an answer that must be MLflow's error."""
    content = answer.json()
    assert answer.status_code >= 400 and set(content) == {"error_code", "message"} and isinstance(content["message"], str)
    assert answer.headers["content-type"] == "application/json"
    return str(content["error_code"])


def test_mlflows_own_cases_are_answered_as_mlflow_answers_them(play: Play, made: Site, conformance: Path) -> None:
    cases = json.loads((conformance / "mlflow" / "scoring_cases.json").read_bytes())
    models = {"zip": (2, mixed(1.0, {"95120": 50.0}), ZIP), "bad_integer": (3, linear([1.0], 0.0), INTEGER)}
    made.add(4, linear([1.0, 1.0], 0.0), schema=TWO)
    for version, content, schema in models.values():
        made.add(version, content, schema=schema)
    looked_at = []

    async def story(served: Served) -> None:
        for case in cases["cases"]:
            body = case["body"]
            version = next((one[0] for name, one in models.items() if name in body), 4)
            if version == 2:  # the case's columns under the names of the model that stands in here
                body = body.replace("zip", "carrier").replace("cost", "temp").replace("score", "hour")
            made.deploy(version)
            await served.look()
            answer = await served.client.post("/invocations", content=body, headers={"content-type": case["content_type"]})
            assert answer.status_code == case.get("status", 200), case["name"]
            if answer.status_code >= 400:
                assert code(answer) == case.get("error_code", code(answer)), case["name"]
                assert case.get("message_contains", "") in answer.json()["message"], case["name"]
            elif "predictions_len" in case:
                assert len(answer.json()["predictions"]) == case["predictions_len"], case["name"]
            looked_at.append(case["name"])

    play(story)
    assert len(looked_at) == 23


def test_a_row_is_answered_the_same_in_every_format(play: Play) -> None:
    names = ["temp", "rain", "hour"]
    rows: list[list[Any]] = [[1.0, True, 3], [None, True, 3], [-9.5, False, 3]]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    columns = {name: [row[name] for row in records] for name in names}
    ordered = [[row["hour"], row["temp"], row["rain"]] for row in records]
    bodies: list[dict[str, Any]] = [
        frame(names, *rows),
        frame(["hour", "temp", "rain"], *ordered),
        {"dataframe_split": {"index": ["a", "b", "c"], "data": ordered}},
        {"dataframe_split": {"index": None, "columns": None, "data": ordered}},
        {"dataframe_records": records},
        {"instances": records},
        {"instances": ordered},
        {"instances": columns},
        {"inputs": records},
        {"inputs": ordered},
        {"inputs": columns},
        {"inputs": {name: [[value] for value in values] for name, values in columns.items()}},
    ]
    texts = [
        "temp,rain,hour\n1.0,True,3\n,TRUE,3\n-9.5,false,3\n",
        ',hour,"temp",rain\n0,3,1,true\n1,3.0,NaN,True\n2,3,"-9.5",False\n',
        "\ufefftemp,rain,hour\r\n1.0,True,3\r\n\r\nNA,true,3\r\n-95e-1,FALSE,3",
    ]

    async def story(served: Served) -> None:
        for body in bodies:
            answer = await served.post("/invocations", body)
            assert answer.status_code == 200 and answer.json() == {"predictions": [1, 1, 0]}, (body, answer.text)
        for text in texts:
            answer = await served.client.post("/invocations", content=text, headers={"content-type": CSV})
            assert answer.json() == {"predictions": [1, 1, 0]}, (text, answer.text)
        one = await served.post("/invocations", {"inputs": {"hour": 3, "temp": -1.0, "rain": False}})
        assert one.json() == {"predictions": [0]}

    play(story)


def test_what_mlflow_passes_over_is_passed_over(play: Play) -> None:
    async def story(served: Served) -> None:
        more = {**ROW, "other": "x", "a:b": 1}
        for body in (
            frame(list(more), list(more.values())),
            {"dataframe_records": [more]},
            {"inputs": {name: [value] for name, value in more.items()}},
            {"inputs": [more], "params": {"temperature": 1}, "anything": [1]},
        ):
            answer = await served.post("/invocations", body)
            assert answer.json() == {"predictions": [1]}, body
        uneven = {"dataframe_records": [{"hour": 3, "rain": True}, ROW]}
        assert (await served.post("/invocations", uneven)).json() == {"predictions": [1, 1]}

    play(story)


def test_a_bare_nan_is_a_missing_value_as_mlflows_client_writes_it_and_nothing_else_is(play: Play) -> None:
    async def story(served: Served) -> None:
        answer = await served.post("/invocations", b'{"dataframe_records": [{"hour": 3, "temp": NaN, "rain": true}]}')
        assert answer.json() == {"predictions": [1]}
        names = await served.post("/invocations", b'{"dataframe_records": [{"NaN, \\" NaN": NaN, "hour": 3, "temp": 1, "rain": true}]}')
        assert names.json() == {"predictions": [1]}
        for wrong in (b"Infinity", b"-NaN", b"NaNs", b"1e400", b"NaN NaN", b'"NaN'):
            answer = await served.post("/invocations", b'{"dataframe_records": [{"hour": 3, "temp": %s, "rain": true}]}' % wrong)
            assert code(answer) == "BAD_REQUEST", wrong

    play(story)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (frame(["hour", "temp"], [3, 1.0]), "the column 'rain' is missing"),
        (frame(["hour", "temp", "rian"], [3, 1.0, True]), "you sent 'rian'"),
        (frame(["hour", "temp", "rain"], [3, 1.0, True], [3, 1.0]), "row 1 holds 2 values, the frame has 3 columns"),
        (frame(["hour", "temp", "rain"], [3, 1.0, True], [3, "warm", True]), "row 1: 'temp' must be a number, not the text 'warm'"),
        (frame(["hour", "temp", "rain"], [3.5, 1.0, True]), "'hour' must be an integer, not 3.5"),
        (frame(["hour", "temp", "rain"], [None, 1.0, True]), "'hour' is null"),
        (frame(["hour", "temp", "rain"], [3, 1.0, 1]), "'rain' must be true or false"),
        (frame(["hour", "temp", "rain", "hour"], [3, 1.0, True, 4]), "two columns are named 'hour'"),
        (frame(["hour", "temp", "rain"]), "no rows"),
        ({"dataframe_split": {"columns": ["hour", {"a": 1}], "data": [[1, 2]]}}, "the name of a column must be a text"),
        ({"dataframe_split": {"columns": "hour", "data": [[1, 2]]}}, "'columns' must be a list of names"),
        ({"dataframe_split": {"columns": ["hour"], "data": {}}}, "'data' must be a list of rows"),
        ({"dataframe_split": {"columns": ["hour"], "data": [[1]], "index": 3}}, "not a valid dataframe representation"),
        ({"dataframe_split": {"columns": ["hour"], "data": [[1]], "dtype": {}}}, "must have the key 'data'"),
        ({"dataframe_split": {"columns": ["hour"]}}, "must have the key 'data'"),
        ({"dataframe_split": {"data": [[3, 1.0]]}}, "holds 2 values"),
        ({"dataframe_records": []}, "no rows"),
        ({"dataframe_records": [[3, 1.0, True]]}, "record 0 must be an object"),
        ({"inputs": {"hour": [3], "temp": [1.0, 2.0], "rain": [True]}}, "'temp' has 2 values, 'hour' has 1"),
        ({"inputs": {"hour": [3], "temp": 1.0, "rain": [True]}}, "'temp' must be a list"),
        ({"inputs": [3, 1.0, True]}, "a row must be a list of 3 values"),
        ({"inputs": [[[3, 1.0, True]]]}, "holds 1 values"),
        ({"inputs": {}}, "the column 'hour' is missing"),
        ({"inputs": []}, "no rows"),
        ({"instances": "x"}, "'instances' must be a list of rows"),
        ({"messages": []}, "exactly one of the keys"),
    ],
    ids=str,
)
def test_a_wrong_input_is_refused_by_name_in_mlflows_shape(play: Play, body: dict[str, Any], said: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.post("/invocations", body)
        assert answer.status_code == 400 and code(answer) in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
        assert said in answer.json()["message"]

    play(story)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"hour,temp,rain\n", "no rows"),
        (b"\n\n", "the CSV is empty"),
        (b"hour,temp,rain\n3,1.0\n", "row 0 holds 2 values"),
        (b"hour,temp,rain\n3,1.0,true\n3,warm,true\n", "row 1: 'temp' must be a number, not the text 'warm'"),
        (b"hour,temp,rain\n3,1_0,true\n", "not the text '1_0'"),
        (b"hour,temp,rain\n3,inf,true\n", "'temp' is too large"),
        (b"hour,temp,rain\n,1.0,true\n", "'hour' is null"),
        (b"hour,temp,rain\n3.5,1.0,true\n", "'hour' must be an integer"),
        (b"hour,temp,rain\n3,1.0,1\n", "'rain' must be true or false"),
        (b'hour,temp,rain\n3,"1.0,true\n', "the body is not CSV"),
        (b"hour,temp\n3,1.0\n", "the column 'rain' is missing"),
        (b"\xff\xfe", "not UTF-8"),
    ],
    ids=str,
)
def test_a_wrong_csv_is_refused_by_name(play: Play, text: bytes, said: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.client.post("/invocations", content=text, headers={"content-type": CSV})
        assert answer.status_code == 400 and code(answer) in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
        assert said in answer.json()["message"]

    play(story)


def test_a_key_that_stands_twice_is_refused_wherever_it_stands(play: Play) -> None:
    data = b'"data": [[3, 1.0, true]]'
    columns = b'"columns": ["hour", "temp", "rain"]'
    bodies = [
        b'{"dataframe_split": {%s, %s, %s}}' % (columns, data, data),
        b'{"dataframe_split": {%s, %s, %s}}' % (columns, data, columns),
        b'{"dataframe_split": {%s, %s}, "dataframe_split": {%s, %s}}' % (columns, data, columns, data),
        b'{"dataframe_records": [{"hour": 3, "temp": 1, "rain": true, "hour": 4}]}',
        b'{"inputs": {"hour": [3], "temp": [1], "rain": [true], "temp": [2]}}',
    ]

    async def story(served: Served) -> None:
        for body in bodies:
            answer = await served.post("/invocations", body)
            assert code(answer) == "BAD_REQUEST" and "stands twice" in answer.json()["message"], body

    play(story)


def test_columns_of_any_name_find_their_place(play: Play, made: Site) -> None:
    odd = ["a:b", '"c"', "dé:", "{x:1}"]
    made.add(
        2, linear([1.0, -2.0, 4.0, 8.0], 0.0), schema=Schema(columns=tuple(Column(name=n, kind="number", nullable=False) for n in odd))
    )
    made.deploy(2)

    async def story(served: Served) -> None:
        await served.look()
        for _ in range(2):  # the second time their places are known
            for order in (odd, odd[::-1]):
                answer = await served.post("/invocations", frame(order, [float(name == odd[1]) for name in order]))
                assert answer.json() == {"predictions": [0]}, answer.text
                answer = await served.post("/invocations", frame(order, [float(name == odd[2]) for name in order]))
                assert answer.json() == {"predictions": [1]}, answer.text

    play(story)


def test_text_columns_are_read_as_text_and_a_known_category_is_never_missing(play: Play, made: Site) -> None:
    known = Schema(
        columns=(*MIXED.columns[:1], Column(name="carrier", kind="category", nullable=True, categories=("7", "NA")), MIXED.columns[2])
    )
    made.add(2, mixed(-1.0, {"7": 50.0, "NA": 60.0}), schema=known)
    made.deploy(2)

    async def story(served: Served) -> None:
        await served.look()
        text = "hour,carrier,temp\n3,7,1\n3,NA,1\n3,,1\n3,null,1\n"
        answer = await served.client.post("/invocations", content=text, headers={"content-type": CSV})
        assert answer.json() == {"predictions": [1, 1, 0, 0]}
        assert await served.logged() == 4
        number = await served.post("/invocations", frame(["hour", "carrier", "temp"], [3, 7, 1]))
        assert "'carrier' must be a text" in number.json()["message"]

    play(story)


def test_headers_say_who_asks_and_who_answered(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        said = {"X-Flyball-Unit": "customer-7", "X-Flyball-Prediction-Id": "mine"}
        one = await served.post("/invocations", {"inputs": [[3, 1.0, True]]}, **said)
        again = await served.post("/invocations", {"inputs": [[3, -9.0, False]]}, **said)
        assert one.json() == again.json() == {"predictions": [1]}
        assert one.headers["x-flyball-version"] == "1" and one.headers["x-flyball-variant"] == "champion"
        name = one.headers["x-flyball-prediction-id"]
        assert again.headers["x-flyball-prediction-id"] == name
        two = await served.post("/invocations", {"inputs": [[3, 1.0, True], [3, -9.0, False]]}, **said)
        assert two.json() == {"predictions": [1, 0]} and "x-flyball-prediction-id" not in two.headers
        assert await served.logged() == 3
        found = made.ports.predictions.find(name)
        assert found is not None and (found[0].unit, found[0].client_id) == ("customer-7", "mine")
        second = made.ports.predictions.find("mine/1")
        assert second is not None and second[0].label == 0
        told = await served.post("/outcomes", {"prediction_id": "mine/1", "actual": 1})
        assert told.json() == {"accepted": 1, "rejected": []}
        for wrong in ({"X-Flyball-Unit": ""}, {"X-Flyball-Prediction-Id": "x" * 300}, {"X-Flyball-At": "2026-01-31T12:00:00Z"}):
            answer = await served.post("/invocations", {"inputs": [[3, 1.0, True]]}, **wrong)
            assert code(answer) == "INVALID_PARAMETER_VALUE"

    play(story)


def test_the_unit_in_the_header_is_answered_by_its_own_variant(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, 0.0, 0.0], -9.0))
    made.deploy(1, challenger=2, share=0.5)

    async def story(served: Served) -> None:
        await served.look()
        variants = set()
        for unit in map(str, range(20)):
            native = (await served.post("/predict", {"features": ROW, "unit": unit})).json()
            answer = await served.post("/invocations", {"dataframe_records": [ROW]}, **{"X-Flyball-Unit": unit})
            assert answer.headers["x-flyball-variant"] == native["variant"]
            assert answer.json() == {"predictions": [native["prediction"]]}
            variants.add(native["variant"])
        assert variants == {"champion", "challenger"}

    play(story)


def test_a_server_on_the_requests_clock_takes_the_time_from_a_header(play: Play) -> None:
    async def story(served: Served) -> None:
        body = {"dataframe_records": [ROW]}
        assert (await served.post("/invocations", body, **{"X-Flyball-At": "2026-01-31T12:00:00Z"})).status_code == 200
        assert code(await served.post("/invocations", body)) == "INVALID_PARAMETER_VALUE"
        assert code(await served.post("/invocations", body, **{"X-Flyball-At": "yesterday"})) == "INVALID_PARAMETER_VALUE"

    play(story, clock="request")


def test_ping_says_whether_there_is_something_to_answer_with(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        answer = await served.get("/ping")
        assert (answer.status_code, answer.content) == (200, b"\n")
        assert (await served.get("/version")).text == "3.17.0"
        served.app.draining = True
        assert (await served.get("/ping")).status_code == 503
        assert (await served.post("/invocations", {"dataframe_records": [ROW]})).status_code == 200
        for path in ("/ping", "/version"):
            assert code(await served.post(path, b"{}")) == "BAD_REQUEST"
        refused = await served.get("/invocations")
        assert refused.status_code == 405 and refused.headers["allow"] == "POST" and code(refused) == "BAD_REQUEST"

    play(story)


def test_without_a_version_ping_and_invocations_say_so(play: Play, tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        assert (await served.get("/ping")).status_code == 503
        answer = await served.post("/invocations", {"dataframe_records": [ROW]})
        assert answer.status_code == 503 and code(answer) == "TEMPORARILY_UNAVAILABLE" and answer.headers["retry-after"] == "1"

    play(story, model="another")


def test_a_model_may_be_named_in_the_path(play: Play) -> None:
    async def story(served: Served) -> None:
        body = {"dataframe_records": [ROW]}
        assert (await served.post(f"/models/{MODEL}/invocations", body)).json() == {"predictions": [1]}
        assert (await served.post("/models/flight%2Ddelay/invocations", body)).json() == {"predictions": [1]}
        unknown = await served.post("/models/flight%2Fdelay/invocations", body)
        assert unknown.status_code == 404 and code(unknown) == "RESOURCE_DOES_NOT_EXIST"

    play(story)


def test_a_page_of_another_origin_is_refused_whatever_it_sends(play: Play) -> None:
    async def story(served: Served) -> None:
        for kind in ("application/json", CSV):
            answer = await served.post("/invocations", b"{}", origin="http://evil.example", **{"content-type": kind})
            assert answer.status_code == 403 and code(answer) == "PERMISSION_DENIED"
        missing = await served.client.post("/invocations", content=b"{}")
        assert missing.status_code == 415 and code(missing) == "BAD_REQUEST"
        large = await served.post("/invocations", b" " * (1024 * 1024 + 1))
        assert large.status_code == 413 and code(large) == "BAD_REQUEST"

    play(story)


def test_a_column_that_only_a_shadow_reads_may_be_left_out() -> None:
    number = Column(name="a", kind="number", nullable=False)
    contract = Contract([Schema(columns=(number,))], [Schema(columns=(number, Column(name="b", kind="number", nullable=False)))])
    frames = Frames(contract, max_rows=2)
    assert frames.named(["x", "a"], [[9, 1.0]]) == [[1.0, None]]
    assert frames.named(["b", "a"], [[2.0, 1.0]]) == [[1.0, 2.0]]
    assert frames.records([{"a": 1.0}, {"a": 2.0, "b": 3.0}]) == [[1.0, None], [2.0, 3.0]]
    assert frames.columns({"a": [1.0, 2.0]}) == [[1.0, None], [2.0, None]]
    with pytest.raises(MalformedError):
        frames.named(["a", "a"], [[1.0, 1.0]])
    calls: list[Callable[[], object]] = [
        lambda: frames.records([{"a": 1.0}, {}, {}]),
        lambda: frames.columns({"a": [1.0, 2.0, 3.0]}),
        lambda: frames.table(b"a\n1\n2\n3\n"),
    ]
    for call in calls:
        with pytest.raises(RequestError, match="at most 2"):
            call()


@pytest.mark.parametrize(("kind", "around"), [("application/json", b'{"inputs": %s}'), (CSV, b"%s")])
def test_json_of_any_kind_is_refused_as_a_value_without_breaking_anything(play: Play, conformance: Path, kind: str, around: bytes) -> None:
    files = sorted((conformance / "jsontestsuite").rglob("*.json"))

    async def story(served: Served) -> None:
        for file in files:
            content = around.replace(b"%s", file.read_bytes())
            answer = await served.client.post("/invocations", content=content, headers={"content-type": kind})
            assert answer.status_code == 400 and code(answer) in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE"), file.name

    play(story)
    assert len(files) > 300


@pytest.mark.parametrize("depth", [50, 200, 450, 900, 990, 2000, 100_000])
def test_deep_nesting_is_refused_however_deep_it_is(play: Play, depth: int) -> None:
    async def story(served: Served) -> None:
        for before, after in ((b"[", b"]"), (b'{"a":', b"}")):
            nested = before * depth + b"1" + after * depth
            for body in (
                b'{"inputs": %s}',
                b'{"dataframe_split": {"columns": ["a"], "data": [%s]}}',
                b'{"dataframe_records": [{"a": %s}]}',
            ):
                assert code(await served.post("/invocations", body % nested)) in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")

    play(story)


def test_a_model_that_answers_too_late_is_temporarily_unavailable(play: Play) -> None:
    async def story(served: Served) -> None:
        late = served.app.dialects[0].refused(HttpError(504, "the model did not answer within 1 s"))
        assert late.status == 504 and json.loads(late.body)["error_code"] == "TEMPORARILY_UNAVAILABLE"

    play(story)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["dataframe_split", "dataframe_records", "inputs", "instances", "data", "columns", "hour", "temp", "rain"]),
                inner,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_value_whatever_becomes_an_error_nobody_foresaw(body: Any) -> None:
    frames = Frames(Contract([NUMBERS]), max_rows=100)
    try:
        for row in _any_rows(frames, json.dumps(body).encode()):
            frames.contract.row(row)
    except RequestError as refused:
        assert refused.message


@given(st.permutations(["hour", "temp", "rain", "more", "a:b"]), st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), max_size=5))
@settings(max_examples=60, deadline=None)
def test_columns_find_their_place_in_whatever_order_and_format_they_come(order: list[str], data: list[list[int]]) -> None:
    frames = Frames(Contract([NUMBERS]), max_rows=100)
    records = [dict(zip(order, row, strict=True)) for row in data]
    expected = [[record[name] for name in NUMBERS.names] for record in records]
    bodies: list[dict[str, Any]] = [frame(order, *data)]
    if data:
        bodies += [{"dataframe_records": records}, {"inputs": {name: [record[name] for record in records] for name in order}}]
    for body in bodies:
        assert _any_rows(frames, json.dumps(body).encode()) == expected
    assert frames.split(json.dumps(order).encode(), data) == expected
