"""A model on another server as an engine: what it is sent, what its answers mean, and every way in which they can be none."""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from backends import TF, V2, Backend, backend
from behaving import MANIFEST
from flyball.adapters.remote.address import address_of
from flyball.adapters.remote.describe import Described, Wish, _tf, _v2, describe
from flyball.adapters.remote.engine import RemoteEngine
from flyball.core.errors import DataError, StoreError, UnsupportedError, UsageError
from flyball.core.table import Table
from flyball.registry.records import Manifest
from flyball.serving.backend import BackendBusyError, BackendError, BackendLateError

T = TypeVar("T")
ROWS = [[0.2, 7.0], [0.9, 8.0]]


@pytest.fixture(scope="module")
def server() -> Iterator[Backend]:
    with backend() as found:
        yield found


@pytest.fixture(params=["/v1/models/m", "/v2/models/m"])
def asked(request: pytest.FixtureRequest, server: Backend) -> Iterator[tuple[RemoteEngine, Backend]]:
    found = describe(address_of(server.url + request.param), Wish(classes=("no", "yes")))
    engine = RemoteEngine(found.backend, manifest_of(found), deadline=0.5)
    yield engine, server
    server.mood = "well"
    engine.close()


def manifest_of(found: Described) -> Manifest:
    return replace(MANIFEST, engine="remote", schema=found.schema, task=found.task, classes=found.classes, outputs=found.outputs)


def ask(engine: RemoteEngine, *, aside: bool) -> list[float]:
    """The scores, asked from an event loop or from a thread."""
    found: list[float] = (in_loop(engine, engine.score_rows_async(ROWS)) if aside else engine.score_rows(ROWS)).tolist()
    return found


def in_loop(engine: RemoteEngine, asked: Awaitable[T]) -> T:
    """What comes of it, in a loop of its own whose connections are closed at its end."""

    async def whole() -> T:
        try:
            return await asked
        finally:
            await engine.aclose()

    return asyncio.run(whole())


@pytest.mark.parametrize("aside", [True, False])
def test_rows_go_there_and_scores_come_back(asked: tuple[RemoteEngine, Backend], aside: bool) -> None:
    engine, _ = asked
    assert ask(engine, aside=aside) == pytest.approx([0.2, 0.9])
    assert engine.score_one(ROWS[1]) == pytest.approx(0.9)
    table = Table({"f0": np.array([0.2] * 2500), "f1": np.zeros(2500)})
    assert engine.score(table).shape == (2500,)
    assert engine.score(Table({"f0": np.empty(0), "f1": np.empty(0)})).shape == (0,)
    assert (engine.inline, engine.trouble) == (False, "")


@pytest.mark.parametrize("aside", [True, False])
@pytest.mark.parametrize(
    ("mood", "error", "told"),
    [
        ("garbage", BackendError, "not JSON"),
        ("fewer", BackendError, "for 2 rows"),
        ("shape", BackendError, "for 2 rows"),
        ("texts", BackendError, "no number"),
        ("500", BackendError, "the status 500"),
        ("404", BackendError, "the status 404"),
        ("moved", BackendError, "the status 302"),
        ("cut", BackendError, "broke off"),
        ("503", BackendBusyError, "too much to do"),
        ("429", BackendBusyError, "too much to do"),
        ("504", BackendLateError, "in time"),
        ("slow", BackendLateError, "within 0.5 s"),
    ],
)
def test_what_is_no_answer_is_told_and_never_a_score(
    asked: tuple[RemoteEngine, Backend], mood: str, error: type[BackendError], told: str, aside: bool
) -> None:
    engine, server = asked
    server.mood = mood
    with pytest.raises(error) as refused:
        ask(engine, aside=aside)
    assert told in refused.value.message
    assert server.url not in refused.value.message
    assert "secret" not in refused.value.message
    assert engine.trouble == refused.value.message
    server.mood = "well"
    assert ask(engine, aside=aside) == pytest.approx([0.2, 0.9])
    assert engine.trouble == ""


def test_a_score_that_is_missing_is_no_finite_number(asked: tuple[RemoteEngine, Backend]) -> None:
    engine, server = asked
    server.mood = "nan"
    assert np.isnan(engine.score_rows(ROWS)).all()


def test_a_server_that_went_away_is_told_and_found_again() -> None:
    with backend() as server:
        found = describe(address_of(f"{server.url}/v2/models/m"), Wish())
        engine = RemoteEngine(found.backend, manifest_of(found), deadline=1.0)
        assert engine.score_rows(ROWS).tolist() == pytest.approx([0.2, 0.9])
    with pytest.raises(BackendError, match="cannot be reached"):
        engine.score_rows(ROWS)
    with pytest.raises(BackendError, match="cannot be reached"):
        in_loop(engine, engine.score_rows_async(ROWS))
    engine.asked_at = float("-inf")
    in_loop(engine, engine.probe())
    assert engine.trouble == "the model's server cannot be reached"
    engine.close()


def test_many_requests_share_few_connections(server: Backend) -> None:
    found = describe(address_of(f"{server.url}/v2/models/m"), Wish())
    engine = RemoteEngine(found.backend, manifest_of(found))

    async def many() -> list[float]:
        answers = await asyncio.gather(*(engine.score_rows_async([[number / 100, 0.0]]) for number in range(100)))
        return [one.item(0) for one in answers]

    assert in_loop(engine, many()) == pytest.approx([number / 100 for number in range(100)])
    engine.close()


def test_a_value_that_cannot_be_sent_is_the_fault_of_the_row(server: Backend) -> None:
    found = describe(address_of(f"{server.url}/v2/models/m"), Wish())
    binary = replace(found.backend, binary_tensors=True)
    with pytest.raises(DataError):
        RemoteEngine(binary, manifest_of(found)).score_rows([["x", 1.0]])


def test_what_a_server_says_of_its_model_becomes_columns_and_classes(server: Backend) -> None:
    v2 = describe(address_of(f"{server.url}/v2/models/m"), Wish())
    assert (v2.schema.names, v2.task, v2.classes, v2.version) == (("f0", "f1"), "binary", (0, 1), "1")
    tf = describe(address_of(f"{server.url}/v1/models/m"), Wish(features=("age", "income"), classes=("no", "yes")))
    assert (tf.schema.names, tf.task, tf.classes, tf.version) == (("age", "income"), "binary", ("no", "yes"), "3")
    several = describe(address_of(f"{server.url}/v1/models/m"), Wish())
    assert (several.task, several.outputs) == ("regression", ("y_0", "y_1"))


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(features=("a",)), "--features names 1"),
        (Wish(features=("a", "a")), "--features names 2"),
        (Wish(classes=("a", "b", "c")), "--classes names 3"),
        (Wish(output="probabilites"), "did you mean 'probabilities'?"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(server: Backend, wish: Wish, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        describe(address_of(f"{server.url}/v2/models/m"), wish)
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([], "announces no inputs"),
        ([{"name": "image", "datatype": "FP32", "shape": [-1, 224, 224, 3]}], "not values side by side"),
        ([{"name": "x", "datatype": "FP32", "shape": [-1, -1]}], "not values side by side"),
        ([{"name": "x"}], "not what the Open Inference Protocol says"),
        ([{"name": "x", "datatype": "FP32", "shape": [-1, 10**9]}], "can be served"),
    ],
)
def test_a_model_that_reads_no_rows_of_values_is_refused(server: Backend, inputs: object, told: str) -> None:
    server.v2 = {**V2, "inputs": inputs}
    try:
        with pytest.raises(UnsupportedError) as refused:
            describe(address_of(f"{server.url}/v2/models/m"), Wish())
    finally:
        server.v2 = dict(V2)
    assert told in refused.value.message


def test_columns_of_their_own_are_told_apart_by_their_types() -> None:
    found = _v2({"inputs": [{"name": "age", "datatype": "INT64", "shape": [-1, 1]}, {"name": "plan", "datatype": "BYTES", "shape": [-1]}]})
    assert [(one.name, one.datatype, one.dims) for one in found.inputs] == [("age", "INT64", (1,)), ("plan", "BYTES", ())]
    assert _tf(TF).inputs[0].dims == (2,)
    with pytest.raises(UnsupportedError, match="serving_default"):
        _tf({"metadata": {}})


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(StoreError, match="does not answer"):
        describe(address_of("http://127.0.0.1:1/v2/models/m"), Wish())


def test_of_what_a_server_says_of_its_model_no_more_is_read_than_may_be(server: Backend) -> None:
    server.mood = "packed"
    with pytest.raises(StoreError, match="more than 8 MiB"):
        describe(address_of(f"{server.url}/v2/models/m"), Wish())
