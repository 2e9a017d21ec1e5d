"""The short way of one row says, logs, counts and refuses exactly what the general way does, whatever the body."""

import asyncio
import contextlib
import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.core.errors import FlyballError, RequestError
from flyball.core.schema import Column, Schema
from flyball.server.lane import Lane
from flyball.serving.codecs import Answer, answer_parts, decode_request, encode_answer, encode_float
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.records import Deployment, Label
from predictors import Serving
from served import manifest

COLUMNS = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="temp", kind="number", nullable=True),
        Column(name="rain", kind="boolean", nullable=False),
        Column(name="carrier", kind="category", nullable=True, categories=("AA", "UA")),
    )
)


class Sums:
    """An engine whose score follows from the row, and which cannot score a temp of 13."""

    name = "onnx"
    inline = True

    def score_one(self, row: Row) -> float:
        hour, temp, rain, carrier = row
        if temp == 13:
            raise ValueError("13")
        if temp == 14:
            return float("nan")
        whole = float(hour or 0) * 1e-3 + float(temp or 0.0) * 0.1 + float(bool(rain)) + len(str(carrier or "")) * 0.01
        return whole % 1.0

    def score_rows(self, rows: Any) -> Any:
        return np.array([self.score_one(row) for row in rows])

    def score(self, features: Any) -> Any:
        raise NotImplementedError


def live_model(schema: Schema = COLUMNS, *, share: float = 0.0, challenger: Schema | None = None, **changes: Any) -> LiveModel:
    versions = {1: LiveVersion(1, manifest(schema=schema, **changes), Sums())}  # type: ignore[arg-type]  # an engine of a test
    if share:
        versions[2] = LiveVersion(2, manifest(schema=challenger or schema, **changes), Sums())  # type: ignore[arg-type]  # likewise
    return LiveModel(
        Deployment(
            model="mödel",
            seq=1,
            champion=1,
            challenger=2 if share else None,
            challenger_share=share,
            seed="s",
            shadow=(),
            previous=None,
            bundles={},
        ),
        versions,
    )


def general(live: LiveModel, **changes: Any) -> Serving:
    """The same without the short way."""
    made = Serving(live, **changes)
    made.predictor._live_of_lane = live
    assert made.predictor.lane is None
    return made


numbers = st.one_of(
    st.integers(-10, 30),
    st.floats(-20, 20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(2**53 - 2, 2**53 + 2),
    st.sampled_from([13, 14, -0.0, 1e39, 3.4028235e38, 10**30, 7.0]),
)
values = st.one_of(numbers, st.booleans(), st.none(), st.text(max_size=4), st.sampled_from(["AA", "UA", "a:b", 'x"y\\', "x" * 1025]))
usual = st.tuples(st.integers(0, 23), numbers | st.none(), st.booleans(), st.sampled_from(["AA", "UA", None, "a:b"])).map(list)
row_lists = st.one_of(usual, usual, usual, st.lists(values, max_size=5))
row_dicts = st.one_of(
    usual.map(lambda row: dict(zip(COLUMNS.names, row, strict=True))),
    st.dictionaries(st.sampled_from([*COLUMNS.names, "snow", "a:b"]), values, max_size=5),
)
features = st.one_of(row_lists, row_dicts, st.lists(row_lists | row_dicts, max_size=3), values)
requests = st.fixed_dictionaries(
    {"features": features},
    optional={
        "unit": st.one_of(st.text(max_size=3), st.sampled_from(["u1", "u2", "a:b", "", "x" * 257, 3, None])),
        "id": st.one_of(st.sampled_from(["f1", "", None, 1]), st.lists(st.sampled_from(["f1", "f2", None]), max_size=3)),
        "context": st.just({"k": 1}),
        "at": st.just("2026-01-01T00:00:00Z"),
        "units": st.just("u"),
    },
)


def mangled(body: bytes, how: int) -> bytes:
    """The same body as others write it, or no longer JSON."""
    match how:
        case 1:
            return body.replace(b'"features"', b'"\\u0066eatures"', 1)
        case 2:
            return body[:-1] + b', "features": [1, 2.0, true, "AA"]}'
        case 3:
            return body.replace(b", ", b" ,\n\t")
        case 4:
            return body[:-1]
        case 5:
            return body.replace(b"1", b"NaN", 1)
        case 6:
            return body[:-1] + b', "unit": "u9"}'
        case 7:
            return body.replace(b":", b"\xff:", 1)
        case _:
            return body


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("unseen", ["count", "refuse"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests, how=st.integers(0, 20))
def test_the_short_way_and_the_general_way_say_log_count_and_refuse_alike(share: float, unseen: str, asked: Any, how: int) -> None:
    body = mangled(json.dumps(asked).encode(), how)
    live = live_model(share=share)
    short, long = Serving(live, unseen=unseen), general(live, unseen=unseen)
    assert short.predictor.lane is not None
    said = [one.tell(body) for one in (short, long)]
    # The general way may draw an id again after the short way gave up; which ids they are is chance either way.
    plain = [re.sub(rb'"[0-9a-f]{32}"', b'""', one) if isinstance(one, bytes) else one for one in said]
    if isinstance(asked.get("unit"), str) or not share or how in (2, 6):
        assert plain[0] == plain[1]
        rows = [[repr(row._replace(prediction_id="")) for row in one.log.rows] for one in (short, long)]
        assert rows[0] == rows[1]
        counts = [{key: cell.number for key, cell in one.metrics.counters.items() if cell.number} for one in (short, long)]
        assert counts[0] == counts[1]
        assert (sum(short.metrics.latency()[0]) == 1) == isinstance(said[0], bytes)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(row_lists | row_dicts, min_size=1, max_size=4),
    how=st.integers(0, 20),
    extra=st.sampled_from(["", ', "unit": "a:b"', ', "id": ["x"]']),
)
def test_many_rows_are_read_the_same_straight_and_value_by_value(rows: list[Any], how: int, extra: str) -> None:
    contract = live_model().contract

    def read(body: bytes) -> str:
        try:
            return repr(decode_request(body, contract, max_rows=3))
        except RequestError as error:
            return f"{error.message} {error.field}"

    body = mangled(json.dumps({"features": rows}).encode()[:-1] + extra.encode() + b"}", how)
    # What has a context, even none, is never read straight.
    straight, by_value = read(body), read(body[:-1] + b', "context": null}')
    assert straight == by_value or "JSON" in straight


def test_a_plain_row_does_take_the_short_way() -> None:
    serving = Serving(live_model(share=0.5))
    lane = serving.predictor.lane
    assert isinstance(lane, Lane)
    for features in ([3, 1.0, True, "AA"], [3, 5, True, None], {"carrier": "UA", "rain": False, "temp": None, "hour": 1}):
        for extra in ({}, {"unit": "u1"}, {"unit": "u1", "id": "f"}):
            assert lane.answer(json.dumps({"features": features, **extra}).encode()) is not None
    not_plain: list[Any] = [[3, 1.0, True, "ZZ"], [[3, 1.0, True, "AA"]], [7.0, 1.0, True, "AA"]]
    for features in not_plain:
        with contextlib.suppress(msgspec.MsgspecError):
            assert lane.answer(json.dumps({"features": features}).encode()) is None
    assert [type(value) for value in serving.log.rows[3].features] == [int, float, bool, type(None)]


@given(
    label=st.none() | st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    number=st.floats(allow_nan=False, allow_infinity=False),
    model=st.text(),
    version=st.integers(1, 10**6),
)
def test_an_answer_from_its_parts_is_the_encoded_answer(label: Label | None, number: float, model: str, version: int) -> None:
    start, middle = answer_parts(model, version, "champion", label=label)
    whole = (
        Answer(number, None, model, version, "champion", "i") if label is None else Answer(label, number, model, version, "champion", "i")
    )
    assert start + encode_float(number) + middle + b'i"}' == encode_answer(whole)


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_models_of_other_tasks_have_the_short_way_too(task: str) -> None:
    live = live_model(task=task, classes=() if task == "regression" else ("a", "b"))
    if task == "multiclass":
        engine: Any = live.champion.engine
        engine.score_rows = lambda rows: np.array([[one, 1 - one] for one in map(engine.score_one, rows)])
    short, long = Serving(live), general(live)
    for temp in (1.0, 2.0, 7.5):
        body = json.dumps({"features": [3, temp, True, "AA"], "unit": "u"}).encode()
        assert short.tell(body) == long.tell(body)
    assert short.log.rows == long.log.rows and short.predictor.lane is not None


def test_rows_of_other_protocols_are_checked_all_at_once_and_refused_one_by_one() -> None:
    serving = Serving(live_model())
    good: list[object] = [[3, 1.0, True, "AA"], {"hour": 4, "temp": 2, "rain": False, "carrier": None}]
    found = asyncio.run(serving.predictor.infer(good, unit="u", context={"k": 1}))
    assert len({one.prediction_id for one in found.rows}) == 2 and [one.version for one in found.rows] == [1, 1]
    assert [tuple(row.features) for row in serving.log.rows] == [(3, 1.0, True, "AA"), (4, 2.0, False, None)]
    assert asyncio.run(serving.predictor.infer([])).rows == []
    for bad, field in (([3, float("nan"), True, "AA"], "temp"), ([3, float("inf"), True, "AA"], "temp"), ([3.5, 1.0, True, "AA"], "hour")):
        with pytest.raises(FlyballError) as caught:
            asyncio.run(serving.predictor.infer([good[0], bad]))
        assert caught.value.field == f"features[1].{field}"  # type: ignore[attr-defined]  # a RequestError
    assert len(serving.log.rows) == 2


def test_a_challenger_that_reads_a_new_column_breaks_no_client_and_takes_rows_only_where_both_can_answer() -> None:
    wider = Schema(columns=(*COLUMNS.columns[:3], Column(name="wind", kind="number", nullable=False)))
    live = live_model(COLUMNS, share=0.5, challenger=wider)
    assert live.contract.required == 4 and live.contract.names[-1] == "wind"
    serving = Serving(live)
    seen: dict[str, set[tuple[str, str]]] = {"old": set(), "new": set()}
    for number in range(60):
        old = [3, 1.0, True, "AA"]
        for client, row in (("old", old), ("new", [*old, 0.5])):
            answer = json.loads(serving.tell(json.dumps({"features": row, "unit": f"u{number}"}).encode()))
            seen[client].add((answer["variant"], serving.log.rows[-1].variant))
    assert seen == {"old": {("champion", "unassigned")}, "new": {("champion", "champion"), ("challenger", "challenger")}}
    assert 0 < serving.metrics.counted("model_fallbacks_total") < 60


def test_a_null_that_only_the_champion_knows_is_answered_by_it() -> None:
    strict = Schema(columns=tuple(replace(column, nullable=False) for column in COLUMNS.columns))
    serving = Serving(live_model(share=1.0, challenger=strict))
    assert json.loads(serving.tell(b'{"features": [3, null, true, "AA"]}'))["variant"] == "champion"
    assert json.loads(serving.tell(b'{"features": [3, 1.5, true, "AA"]}'))["variant"] == "challenger"
    assert [row.variant for row in serving.log.rows] == ["unassigned", "challenger"]


def test_with_the_log_off_answers_are_the_same_and_nothing_is_kept() -> None:
    live = live_model()
    kept, off = Serving(live), Serving(live, log="off")
    for body in (b'{"features": [3, 1.5, true, "AA"]}', b'{"features": [[3, 1.5, true, "AA"], [4, 1.5, true, "AA"]]}'):
        assert kept.tell(body) == off.tell(body)
    assert len(kept.log.rows) == 3 and off.log.rows == []
    assert off.metrics.counted("model_predictions_total") == 3
