"""Answers to many rows at once are the answers the server gives one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.loop.live import open_live
from flyball.serving.batch import BatchRows, answer, log_batches, packed, shadow_batches, shadowed, take
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import Engine, Row, Scores
from flyball.serving.records import Deployment
from flyball.serving.segments import encode
from flyball.serving.traffic import Split, answer_propensity, choose, variant_of
from scored import WITH_CARRIER, airport
from served import NUMBERS, linear, manifest

ROWS = 300


def rows(units: list[str | None] | None = None, *, gaps: bool = True) -> BatchRows:
    chance = np.random.default_rng(0)
    temp = chance.normal(size=ROWS)
    if gaps:
        temp[::7] = np.nan
    columns = {"hour": chance.integers(0, 24, ROWS), "temp": temp, "rain": chance.uniform(size=ROWS) < 0.5}
    return BatchRows(
        table=Table(columns),
        ids=[f"{n:032x}" for n in range(ROWS)],
        unit=units or [f"u{n % 40}" if n % 5 else None for n in range(ROWS)],
        entity=[None] * ROWS,
        at=np.arange(ROWS, dtype=np.int64),
    )


def live(folder: Path, **deployed: object) -> LiveModel:
    made = airport(folder)
    wider = Schema(columns=(*made_schema(), Column(name="wind", kind="number", nullable=False)))
    made.add(5, linear([0.0, 1.0, 0.0, 1.0], 0.0), schema=wider)
    return open_live(made.bundles, made.deploy(1, **deployed), trusted=False)  # type: ignore[arg-type]  # the arguments of `deploy`


def made_schema() -> tuple[Column, ...]:
    return NUMBERS.columns


def values(of: BatchRows, number: int) -> list[object]:
    found = [of.table[name][number].item() for name in ("hour", "temp", "rain")]
    return [None if value != value else value for value in found]


def test_each_row_is_answered_by_the_version_and_with_the_score_that_a_request_gets(tmp_path: Path) -> None:
    model, batch = live(tmp_path / "p", challenger=2, share=0.4), rows()
    said = answer(model, batch)
    assert (said.fallbacks, len(said.broken)) == (0, 0)
    seen = 0
    for arm in said.arms:
        for place, number in enumerate(arm.rows.tolist()):
            assert arm.variant == variant_of(model.deployment, batch.unit[number], batch.ids[number])
            version, read = model.readers(arm.variant, [values(batch, number)])  # type: ignore[list-item]  # labels
            one = version.scored(read)
            assert (arm.version.version, arm.label[place]) == (one.version, one.labels[0])
            assert arm.score[place] == pytest.approx(one.scores[0], abs=1e-7)
            assert arm.confidence is not None and arm.confidence[place] == pytest.approx(one.confidences[0], abs=1e-7)
            seen += 1
    assert seen == ROWS and len(said.arms) == 2


def test_a_challenger_that_reads_a_column_nobody_brought_leaves_the_rows_to_the_champion(tmp_path: Path) -> None:
    model, batch = live(tmp_path / "p", challenger=5, share=1.0), rows()
    (arm,) = answer(model, batch).arms
    assert (arm.version.version, arm.variant, arm.logged) == (1, "champion", "unassigned")
    wind = np.where(np.arange(ROWS) % 2 == 0, np.nan, 1.0)
    half = BatchRows(table=batch.table.with_columns({"wind": wind}), ids=batch.ids, unit=batch.unit, entity=batch.entity, at=batch.at)
    said = answer(model, half)
    assert [(arm.version.version, arm.logged, len(arm.rows)) for arm in said.arms] == [
        (1, "unassigned", ROWS // 2),
        (5, "challenger", ROWS // 2),
    ]


def test_shadows_score_what_they_can_read_and_the_rest_is_counted(tmp_path: Path) -> None:
    model, batch = live(tmp_path / "p", shadow=(3, 5)), rows()
    first, second = shadowed(model, batch.table)
    assert (len(first.arm.rows), first.missed) == (ROWS, 0)
    assert (len(second.arm.rows), second.missed) == (0, ROWS)


@pytest.mark.parametrize("gaps", [True, False])
def test_what_is_logged_is_what_was_read_and_said(tmp_path: Path, gaps: bool) -> None:
    model, batch = live(tmp_path / "p", challenger=2, share=0.4, shadow=(3,)), rows(gaps=gaps)
    said = answer(model, batch)
    logged = [decoded(one) for one in log_batches(model, batch, said.arms, worker="w", made_at=1)]
    features = {name: row for one in logged for name, row in zip(one["prediction_id"], one["features"], strict=True)}
    assert len(features) == ROWS
    for number, name in enumerate(batch.ids):
        assert features[name][:3] == values(batch, number) and features[name][3:] == [None] * (len(model.contract.names) - 3)
        assert [type(value) for value in features[name][:3] if value is not None] == [
            type(v) for v in values(batch, number) if v is not None
        ]
    shadows = [
        decoded(one) for one in shadow_batches(model, batch, [one.arm for one in shadowed(model, batch.table)], worker="w", made_at=1)
    ]
    assert all(one["shadow"] == [True] * len(one["at"]) and set(one["features"]) == {None} for one in shadows)
    assert [name for one in shadows for name in one["prediction_id"]] == batch.ids


def decoded(batch: object) -> dict[str, list[Any]]:
    return msgspec.msgpack.decode(encode(batch)[8:])  # type: ignore[arg-type, no-any-return]  # a batch; a map of columns


def test_text_is_logged_as_it_was_read(tmp_path: Path) -> None:
    made = airport(tmp_path / "p", carriers=True)
    model = open_live(made.bundles, made.deploy(1), trusted=False)
    texts = np.array(["AA", None, "ÄÖ"], dtype=object)
    table = Table({"hour": np.array([1, 2, 3]), "carrier": texts, "temp": np.array([0.5, np.nan, 1.0])})
    batch = BatchRows(table=table, ids=["a", "b", "c"], unit=[None] * 3, entity=["x", None, "y"], at=np.arange(3))
    (one,) = log_batches(model, batch, answer(model, batch).arms, worker="w", made_at=1)
    assert decoded(one)["features"] == [[1, "AA", 0.5], [2, None, None], [3, "ÄÖ", 1.0]]
    assert model.contract.names == WITH_CARRIER.names
    assert take(batch, np.array([2])).entity == ["y"]


@given(
    st.integers(1, 40).flatmap(
        lambda width: st.lists(
            st.tuples(*[(st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.booleans())[n % 3] for n in range(width)]),
            max_size=5,
        )
    )
)
def test_packed_columns_are_the_rows(given_rows: list[tuple[float | int | bool, ...]]) -> None:
    if not given_rows:
        return
    kinds = (np.float64, np.int64, np.bool_)
    columns = [np.array(column, dtype=kinds[n % 3]) for n, column in enumerate(zip(*given_rows, strict=True))]
    assert msgspec.msgpack.decode(packed(columns)) == [list(row) for row in given_rows]


class TwoNumbers:
    """An engine of two outputs: the hour, and the hour doubled."""

    name = "native"
    inline = False

    def score(self, features: Table) -> Scores:
        hour = features["hour"].astype(np.float64)
        return np.stack([hour, 2 * hour], axis=1)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        return np.array([[float(row[0] or 0), 2 * float(row[0] or 0)] for row in rows])

    def score_one(self, row: Row) -> float:
        raise AssertionError("there are two")


def test_a_model_of_several_outputs_is_logged_as_their_json_and_scored_as_their_numbers() -> None:
    several = manifest(task="regression", classes=(), outputs=("now", "later"), schema=NUMBERS)
    deployment = Deployment(
        model="m", seq=1, champion=1, challenger=None, challenger_share=0.0, seed="s", shadow=(), previous=None, bundles={1: "d"}
    )
    model = LiveModel(deployment, {1: LiveVersion(1, several, cast(Engine, TwoNumbers()))})
    batch = rows()
    (arm,) = answer(model, batch).arms
    hours = batch.table["hour"].tolist()
    assert arm.label.tolist() == [f"[{hour}.0,{2 * hour}.0]" for hour in hours]
    assert arm.score.tolist() == [[hour, 2 * hour] for hour in hours] and arm.confidence is None
    logged = [decoded(one) for one in log_batches(model, batch, [arm], worker="w", made_at=1)]
    assert logged[0]["label"] == arm.label.tolist() and logged[0]["score"] == arm.score.tolist()


def test_pinned_and_held_back_rows_are_answered_and_logged_as_the_server_does(tmp_path: Path) -> None:
    batch = rows()
    split = Split(overrides={"u1": "challenger", "u2": "champion"}, holdback=0.3)
    for number, deployed in enumerate(({"challenger": 2, "share": 0.4}, {})):
        model = live(tmp_path / f"p{number}", **deployed)
        seen = 0
        for arm in answer(model, batch, split).arms:
            for place, row in enumerate(arm.rows.tolist()):
                chosen = choose(model.deployment, split, batch.unit[row], batch.ids[row])
                there = chosen.variant if model.challenger is not None else "champion"
                fallen = chosen.variant != there
                assert (arm.variant, arm.logged) == (there, chosen.logged if not fallen or chosen.logged == "override" else "unassigned")
                acts = bool(arm.score[place] >= 0.5)
                chance = answer_propensity(chosen.logged, chosen.propensity, split, acts=acts)
                assert (None if arm.propensity is None else arm.propensity[place]) == chance
                assert arm.label[place] == (0 if arm.logged == "holdback" else int(acts))
                seen += 1
        assert seen == ROWS
        (first, *_) = log_batches(model, batch, answer(model, batch, split).arms, worker="w", made_at=1)
        assert len(first.propensity) in (0, len(first.at))


def test_without_pinned_units_and_holdback_a_batch_without_traffic_logs_no_propensity(tmp_path: Path) -> None:
    model = live(tmp_path / "p")
    assert {arm.propensity for arm in answer(model, rows()).arms} == {None}
