"""The data plane without a server: labels, confidences and scores from one call of the engine, projected to each version's schema."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from flyball.core.errors import DataError, IntegrityError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.registry.records import EngineName
from flyball.serving.contract import Value
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import Row
from flyball.serving.records import Deployment
from served import NUMBERS, manifest


class Fixed:
    """An engine that gives the scores it was made with and remembers the rows it was asked for."""

    name: EngineName = "onnx"
    inline = True

    def __init__(self, *scores: float | list[float]) -> None:
        self.scores = np.array(scores, dtype=np.float64)
        self.asked: list[list[object]] = []
        self.calls = 0

    def score(self, features: Table) -> NDArray[np.float64]:
        """As told."""
        return self.scores[: features.rows]

    def score_rows(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """As told."""
        self.calls += 1
        self.asked = [list(row) for row in rows]
        return self.scores[: len(rows)]

    def score_one(self, row: Row) -> float:
        """As told."""
        return self.score_rows([row]).item(0)


ROW: list[Value] = [3, 1.0, True]


def test_a_binary_label_is_cut_at_the_threshold_and_confidence_is_of_the_label() -> None:
    engine = Fixed(0.3, 0.1, 0.9)
    live = LiveVersion(1, manifest(threshold=0.3, classes=("no", "yes")), engine)
    assert live.scored([ROW]) == (1, ["yes"], [0.3], [0.3])
    many = live.scored([ROW] * 3)
    assert (many.labels, many.confidences) == (["yes", "no", "yes"], [0.3, 0.9, 0.9])
    assert engine.calls == 2


def test_multiclass_gives_the_likeliest_class_and_all_scores() -> None:
    live = LiveVersion(1, manifest(task="multiclass", classes=("a", "b", "c")), Fixed([0.2, 0.5, 0.3], [0.6, 0.3, 0.1]))
    assert live.scored([ROW]) == (1, ["b"], [0.5], [[0.2, 0.5, 0.3]])
    assert live.scored([ROW] * 2).labels == ["b", "a"]


def test_a_regression_has_no_confidence() -> None:
    live = LiveVersion(1, manifest(task="regression", classes=()), Fixed(12.5, -1.0))
    assert live.scored([ROW]) == (1, [12.5], [None], [12.5])
    assert live.scored([ROW] * 2).confidences == [None, None]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_never_becomes_an_answer(bad: float) -> None:
    for engine, rows in ((Fixed(bad), [ROW]), (Fixed(0.5, bad), [ROW] * 2)):
        with pytest.raises(DataError, match="not a finite number"):
            LiveVersion(1, manifest(task="regression", classes=()), engine).scored(rows)
    with pytest.raises(IntegrityError, match="own schema"):
        LiveVersion(1, manifest(task="regression", classes=()), Fixed(bad, bad, bad)).warm()


def test_too_few_scores_are_no_answer() -> None:
    with pytest.raises(DataError, match="1 scores for 2 rows"):
        LiveVersion(1, manifest(), Fixed(0.5)).scored([ROW] * 2)


def test_each_version_gets_its_own_columns_in_its_own_order() -> None:
    other = Schema(columns=(NUMBERS.columns[2], Column(name="wind", kind="number", nullable=True), NUMBERS.columns[0]))
    champion, challenger, shadow = Fixed(0.9), Fixed(0.1), Fixed(0.2)
    versions = {
        1: LiveVersion(1, manifest(), champion),
        2: LiveVersion(2, manifest(schema=other), challenger),
        3: LiveVersion(3, manifest(schema=Schema(columns=NUMBERS.columns[:1])), shadow),
    }
    deployment = Deployment(
        model="m", seq=1, champion=1, challenger=2, challenger_share=0.5, seed="s", shadow=(3,), previous=None, bundles={}
    )
    live = LiveModel(deployment, versions)
    row = live.contract.row({"hour": 3, "temp": None, "rain": True, "wind": 2.0})
    for variant, version, engine, asked in (("champion", 1, champion, [[3, None, True]]), ("challenger", 2, challenger, [[True, 2.0, 3]])):
        reader, read = live.readers(variant, [row])  # type: ignore[arg-type]  # a variant
        assert reader.scored(read).version == version and engine.asked == asked
    (projection,) = live.shadows
    assert projection.complete(row) and [list(one) for one in projection([row])] == [[3]]


def test_a_shadow_is_not_asked_for_rows_that_lack_what_it_needs() -> None:
    strict = Schema(columns=(Column(name="temp", kind="number", nullable=False),))
    versions = {1: LiveVersion(1, manifest(), Fixed(0.5)), 2: LiveVersion(2, manifest(schema=strict), Fixed(0.5))}
    deployment = Deployment(
        model="m", seq=1, champion=1, challenger=None, challenger_share=0.0, seed="s", shadow=(2,), previous=None, bundles={}
    )
    (projection,) = LiveModel(deployment, versions).shadows
    assert projection.complete([3, 1.0, True]) and not projection.complete([3, None, True])


def test_a_deployment_without_a_champion_serves_nothing() -> None:
    deployment = Deployment(
        model="m", seq=1, champion=None, challenger=None, challenger_share=0.0, seed="s", shadow=(), previous=None, bundles={}
    )
    with pytest.raises(DataError, match="no champion"):
        LiveModel(deployment, {})


def test_a_version_that_reads_a_column_in_another_way_is_left_out_and_the_others_stay() -> None:
    other = Schema(columns=(Column(name="rain", kind="category", nullable=False),))
    versions = {number: LiveVersion(number, manifest(), Fixed(0.5)) for number in (1, 4)}
    versions |= {number: LiveVersion(number, manifest(schema=other), Fixed(0.5)) for number in (2, 3)}
    deployment = Deployment(
        model="m", seq=1, champion=1, challenger=2, challenger_share=0.5, seed="s", shadow=(3, 4, 5), previous=None, bundles={}
    )
    live = LiveModel(deployment, versions, {5: "its file is gone"})
    assert live.challenger is None and live.readers("challenger", [ROW])[0].version == 1 and set(live.versions) == {1, 4}
    assert [shadow.live.version for shadow in live.shadows] == [4] and live.contract.names == NUMBERS.names
    assert sorted(live.left_out) == [2, 3, 5] and "'rain'" in live.left_out[2] and "its file is gone" in live.left_out[5]
