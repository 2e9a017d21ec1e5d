"""The reference: built, written, read, calibrated."""

import json

import numpy as np
import pytest

from flyball.core.errors import DataError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.halves import choosing_half
from flyball.data.profile import Reference, build_reference, reference_digest, reference_from_json, reference_to_json, score_columns

ROWS = 6000
DAY = 86_400_000_000  # microseconds


def _times(days: np.ndarray) -> np.ndarray:
    """A time of each day, counted from 1970."""
    return days.astype(np.int64) * DAY + DAY // 3


SCHEMA = Schema(
    columns=(
        Column(name="amount", kind="number", nullable=True),
        Column(name="visits", kind="integer", nullable=False),
        Column(name="member", kind="boolean", nullable=False),
        Column(name="city", kind="category", nullable=True),
        Column(name="nothing", kind="number", nullable=True),
    )
)


def _table(rng: np.random.Generator) -> Table:
    amount = rng.lognormal(3, 1, ROWS)
    amount[::10] = np.nan
    city = rng.choice(np.array(["Aachen", "Bergen", "Cádiz"], dtype=object), ROWS)
    city[0] = None
    return Table(
        {
            "amount": amount,
            "visits": rng.poisson(3, ROWS),
            "member": rng.random(ROWS) < 0.3,
            "city": city,
            "nothing": np.full(ROWS, np.nan),
            "not in the schema": np.zeros(ROWS),
        }
    )


def _reference() -> Reference:
    rng = np.random.default_rng(0)
    return build_reference(_table(rng), SCHEMA, {"score": rng.random(500)}, _times(np.arange(ROWS) // 200))


def test_a_reference_counts_every_row_of_every_column_and_score() -> None:
    reference = _reference()
    assert set(reference.columns) == {*SCHEMA.names, "score"}
    assert {name: column.rows for name, column in reference.columns.items()} == {**dict.fromkeys(SCHEMA.names, ROWS), "score": 500}
    assert {name: column.missing for name, column in reference.columns.items()} == {
        "amount": 600, "visits": 0, "member": 0, "city": 1, "nothing": ROWS, "score": 0,
    }  # fmt: skip
    assert set(reference.columns["city"].categories) == {"Aachen", "Bergen", "Cádiz"}


def test_a_reference_survives_json_exactly() -> None:
    reference = _reference()
    again = reference_from_json(reference_to_json(reference))
    assert again == reference
    assert reference_digest(again) == reference_digest(reference)


def test_a_column_needs_at_most_twenty_kilobytes() -> None:
    rng = np.random.default_rng(0)
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False), Column(name="c", kind="category", nullable=False)))
    many = np.array([f"a rather long name of a category, number {i}" for i in rng.integers(0, 10**6, 50_000)], dtype=object)
    integers = np.where(rng.random(50_000) < 0.9, rng.integers(0, 250, 50_000) / 7.0, rng.normal(size=50_000))
    reference = build_reference(Table({"x": integers, "c": many}), schema, {}, _times(np.arange(50_000) // 100))
    sizes = [len(json.dumps(column)) for column in json.loads(reference_to_json(reference))["columns"].values()]
    assert max(sizes) <= 20_000


def test_a_reference_keeps_no_row() -> None:
    names = np.array([f"customer {i}" for i in range(10_000)] + ["nobody"] * 60 + ["a few"] * 4, dtype=object)
    schema = Schema(columns=(Column(name="name", kind="category", nullable=False),))
    column = build_reference(Table({"name": names}), schema, {}).columns["name"]
    assert column.categories == ("nobody",)
    nobody, others, missing = column.counts
    assert 15 < nobody < 45, "half of its rows chose the name, the others are counted"
    assert 4700 < others < 5300
    assert missing == 0


def _flat(rng: np.random.Generator, categories: int, rows: int, *, gaps: float = 0.0) -> np.ndarray:
    found = np.array([f"c{at}" for at in range(categories)], dtype=object)[rng.integers(0, categories, rows)]
    found[rng.random(rows) < gaps] = None
    return found


def test_the_half_that_is_counted_did_not_choose_the_names() -> None:
    rng = np.random.default_rng(0)
    schema = Schema(columns=(Column(name="x", kind="category", nullable=True),))
    shares = []
    for _ in range(20):
        column = build_reference(Table({"x": _flat(rng, 1000, 20_000, gaps=0.1)}), schema, {}).columns["x"]
        assert len(column.categories) == 500
        assert column.missing / column.rows == pytest.approx(0.1, abs=0.01)
        assert column.rows == pytest.approx(10_000, abs=400)
        shares.append(sum(column.counts[:500]) / (column.rows - column.missing))
    assert np.mean(shares) == pytest.approx(0.5, abs=0.004), "500 of 1000 equal categories hold half of the rows, whoever was lucky"


def test_the_two_halves_of_a_name_are_as_unlike_as_two_samples() -> None:
    rng = np.random.default_rng(0)
    texts = _flat(rng, 400, 40_000).tolist()
    chooses = choosing_half(texts, None)
    number = np.array([int(text[1:]) for text in texts])
    first, second = (np.bincount(number[half], minlength=400) for half in (chooses, ~chooses))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15
    assert np.var(first - second) == pytest.approx(100, rel=0.2), "so much have two independent counts of 50 on average"


def test_many_categories_in_any_order_of_rows_give_the_same_reference() -> None:
    rng = np.random.default_rng(0)
    values, days = _flat(rng, 900, 12_000, gaps=0.05), np.arange(12_000) // 400
    schema = Schema(columns=(Column(name="x", kind="category", nullable=True),))
    order = rng.permutation(12_000)
    one = build_reference(Table({"x": values}), schema, {}, _times(days), season="week")
    other = build_reference(Table({"x": values[order]}), schema, {}, _times(days[order]), season="week")
    assert reference_to_json(one) == reference_to_json(other)
    column = one.columns["x"]
    assert column.season is not None
    hours = column.season.counts(168)
    assert hours.sum() == column.rows
    assert hours[:, -1].sum() == column.missing


def test_the_calibration_is_what_left_out_windows_did() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(60), 100)
    calm = rng.normal(size=6000)
    seasonal = calm + 1.5 * np.sin(days / 60 * 4 * np.pi)
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in ("calm", "seasonal")))
    columns = build_reference(Table({"calm": calm, "seasonal": seasonal}), schema, {}, _times(days)).columns
    thresholds = {name: {c.days: c.distance for c in column.calibration} for name, column in columns.items()}
    assert set(thresholds["calm"]) == {5 / 1440, 1, 2, 4, 7}
    assert max(thresholds["calm"].values()) < 0.2
    assert thresholds["seasonal"][1] > 0.4


def test_the_calibration_of_shares_sees_days_that_are_alone_with_something() -> None:
    days = np.repeat(np.arange(20), 50)
    hot = np.where(days == 7, 40.0 + np.arange(1000) % 50, np.arange(1000) % 30)
    town = np.where(days == 3, "fair", "market").astype(object)
    gone = np.where(days == 9, np.nan, np.arange(1000) % 7)
    schema = Schema(
        columns=(
            Column(name="hot", kind="number", nullable=False),
            Column(name="town", kind="category", nullable=False),
            Column(name="gone", kind="number", nullable=True),
        )
    )
    columns = build_reference(Table({"hot": hot, "town": town, "gone": gone}), schema, {}, _times(days)).columns
    assert columns["hot"].calibration[0].out_of_range == 0.9  # capped: a whole day was like no other
    assert columns["town"].calibration[0].new_categories == 0.9
    assert columns["gone"].calibration[0].missing == pytest.approx(0.9 * 0.95)  # of the 95 % that are usually there
    assert columns["hot"].calibration[0].missing == 0.0


def test_days_in_any_order_give_the_same_calibration() -> None:
    rng = np.random.default_rng(0)
    days, values = np.repeat(np.arange(30), 40), rng.normal(size=1200)
    order = rng.permutation(1200)
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    one = build_reference(Table({"x": values}), schema, {}, _times(days + 16_000))
    other = build_reference(Table({"x": values[order]}), schema, {}, _times(days[order] + 16_000))
    assert one == other


def test_answers_are_a_category_of_their_own() -> None:
    schema = Schema(columns=(Column(name="answer", kind="number", nullable=False),))
    labels = np.array(["yes", "no", "yes"], dtype=object)
    said = score_columns(np.zeros(3), ("no", "yes"), schema, labels)
    assert list(said) == ["score", "model_answer"]
    reference = build_reference(Table({"answer": np.zeros(3)}), schema, said)
    assert reference.columns["model_answer"].categories == ("yes", "no")
    assert list(score_columns(np.zeros(3), (), schema, labels)) == ["score"], "a regression answers with its score"


def test_scores_have_names_that_no_feature_has() -> None:
    schema = Schema(columns=(Column(name="score", kind="number", nullable=False),))
    assert list(score_columns(np.zeros(3), ("no", "yes"), schema)) == ["model_score"]
    assert list(score_columns(np.zeros((3, 2)), ("a", "b"), schema)) == ["score_a", "score_b"]
    with pytest.raises(DataError, match="same name"):
        build_reference(Table({"score": np.zeros(3)}), schema, {"score": np.zeros(3)})


def test_times_of_another_number_are_refused() -> None:
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    with pytest.raises(DataError, match="3 rows, its times are 2"):
        build_reference(Table({"x": np.zeros(3)}), schema, {}, np.zeros(2, dtype=np.int64))


@pytest.mark.parametrize("change", ["counts", "edges", "schema_version", "kind"])
def test_a_damaged_reference_is_refused(change: str) -> None:
    plain = json.loads(reference_to_json(_reference()))
    amount = plain["columns"]["amount"]
    match change:
        case "counts":
            amount["counts"].pop()
        case "edges":
            amount["edges"].reverse()
        case "schema_version":
            plain["schema_version"] = 3
        case _:
            amount["kind"] = "text"
    with pytest.raises(DataError):
        reference_from_json(json.dumps(plain).encode())


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"schema_version": 1, "rows": NaN, "columns": {}}'])
def test_nonsense_is_no_reference(content: bytes) -> None:
    with pytest.raises(DataError):
        reference_from_json(content)


def test_an_empty_table_gives_a_reference_without_rows() -> None:
    empty = Table({name: np.empty(0) for name in SCHEMA.names})
    reference = build_reference(empty, SCHEMA, {}, np.empty(0, dtype=np.int64))
    assert reference_from_json(reference_to_json(reference)) == reference


def test_windows_of_minutes_are_calibrated_where_they_have_rows_enough() -> None:
    rng = np.random.default_rng(0)
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))

    def lengths(rows: int, days: float) -> dict[float, float]:
        times = np.sort(rng.random(rows) * days * DAY).astype(np.int64)
        column = build_reference(Table({"x": rng.normal(size=rows)}), schema, {}, times).columns["x"]
        return {round(known.days * 1440): known.distance for known in column.calibration if not known.pooled}

    dense, thin, short = lengths(100_000, 3), lengths(9000, 30), lengths(20_000, 0.1)
    assert min(dense) == 5
    assert min(thin) == 720, "300 rows a day: half a day has 150"
    assert set(short) == {5, 15}, "two and a half hours hold nine quarters"
    assert dense[60] < 0.05, "nothing happened: the margin decides"


def test_dates_without_a_time_of_day_calibrate_days_only() -> None:
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    values, days = np.random.default_rng(0).normal(size=20_000), np.arange(20_000) // 500
    column = build_reference(Table({"x": values}), schema, {}, days.astype(np.int64) * DAY).columns["x"]
    assert [known.days for known in column.calibration] == [5 / 1440, 1, 2, 4]
    assert column.calibration[0].distance == column.calibration[1].distance, "there is one hour only"


def test_an_hour_like_no_other_is_in_the_calibration_of_hours() -> None:
    rng = np.random.default_rng(0)
    minutes = np.sort(rng.integers(0, 20 * 1440, 200_000))
    values = rng.normal(size=200_000) + 2.0 * np.sin(2 * np.pi * minutes / 1440)
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    reference = build_reference(Table({"x": values}), schema, {}, minutes.astype(np.int64) * 60_000_000, season="day")
    column = reference.columns["x"]
    plain = {round(known.days * 24): known.distance for known in column.calibration}
    hourly = {round(known.days * 24): known.distance for known in column.seasonal}
    assert plain[1] > 0.5
    assert hourly[1] < 0.1
    assert reference_from_json(reference_to_json(reference)) == reference
    assert len(reference_to_json(reference)) < 20_000


def test_a_season_without_times_is_refused() -> None:
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    with pytest.raises(DataError, match="needs times"):
        build_reference(Table({"x": np.zeros(3)}), schema, {}, season="week")


def test_the_digest_is_that_of_the_cells() -> None:
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    values = np.arange(3000.0)
    one = build_reference(Table({"x": values}), schema, {})
    other = build_reference(Table({"x": values}), schema, {}, _times(np.arange(3000) // 100), season="day")
    assert reference_digest(one) == reference_digest(other)
    assert reference_digest(one) != reference_digest(build_reference(Table({"x": values + 1}), schema, {}))


@pytest.mark.parametrize("change", ["packed", "starts"])
def test_a_damaged_season_is_refused(change: str) -> None:
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False),))
    reference = build_reference(Table({"x": np.arange(3000.0)}), schema, {}, _times(np.arange(3000) // 100), season="day")
    plain = json.loads(reference_to_json(reference))
    season = plain["columns"]["x"]["season"]
    season[change] = season["packed"][8:] if change == "packed" else season["starts"][::-1]
    with pytest.raises(DataError):
        reference_from_json(json.dumps(plain).encode())
