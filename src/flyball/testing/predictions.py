"""What every prediction log keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

import secrets
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError
from flyball.core.window import Window, to_micros
from flyball.ports.history import OutcomeLog, PredictionLog
from flyball.serving.records import Maturity, Outcome, PredictionBatch
from flyball.testing.samples import NOON, predictions

HOUR = timedelta(hours=1)
DAY = Window(start=NOON - timedelta(hours=12), end=NOON + timedelta(hours=12))
ALWAYS = timedelta(0)
Flush = Callable[[PredictionBatch], None]


class PredictionLogSuite:
    """Inherit, and give the fixtures `log` (empty), `outcomes` (the log beside it) and `flush` (what a server does with a batch)."""

    def test_what_servers_flushed_is_taken_in_once(self, log: PredictionLog, flush: Flush) -> None:
        flush(predictions(["p1", "p2"]))
        assert log.ingest() == 2
        assert log.ingest() == 0
        flush(predictions(["p3"]))
        assert log.ingest() == 1
        assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p2", "p3"]

    def test_a_batch_added_again_brings_nothing_new(self, log: PredictionLog) -> None:
        batch = predictions(["p1", "p1", "p2"], shadow=[False, True, False], version=[1, 2, 1])
        assert log.add(batch) == 3
        assert log.add(batch) == 0
        assert log.count("churn", DAY) == {1: 2}

    def test_of_repeats_of_a_client_id_the_first_wins_and_both_ids_lead_to_it(self, log: PredictionLog) -> None:
        assert log.add(predictions(["p1", "p2"], client_id=["order-1", "order-1"], label=[0, 1])) == 1
        assert (
            log.add(predictions(["p3", "p3", "p4"], client_id=["order-1", None, "order-2"], shadow=[False, True, False], version=[1, 2, 1]))
            == 1
        )
        assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p4"]
        assert log.rows("churn", 2, DAY).prediction_id.tolist() == []
        for name in ("p1", "p2", "p3", "order-1"):
            found = log.find(name)
            assert found is not None
            assert (found[0].prediction_id, found[0].label) == ("p1", 0)

    def test_a_client_id_counts_per_model(self, log: PredictionLog) -> None:
        assert log.add(predictions(["p1"], client_id="order-1")) == 1
        assert log.add(predictions(["p2"], client_id="order-1", model="fraud")) == 1

    def test_a_window_holds_its_start_but_not_its_end(self, log: PredictionLog) -> None:
        log.add(predictions(["p3", "p1", "p2"], at=[NOON + HOUR, NOON - HOUR, NOON]))
        rows = log.rows("churn", 1, Window(start=NOON - HOUR, end=NOON + HOUR))
        assert rows.prediction_id.tolist() == ["p1", "p2"]
        assert rows.at.tolist() == [to_micros(NOON - HOUR), to_micros(NOON)]
        assert log.count("churn", Window(start=NOON, end=NOON + HOUR)) == {1: 1}
        assert len(log.rows("churn", 1, Window(start=NOON, end=NOON)).at) == 0

    def test_rows_come_in_order_of_event_time_with_their_day(self, log: PredictionLog) -> None:
        times = [NOON + HOUR * n for n in (30, 2, 25, 0, -13)]
        log.add(predictions(["a", "b", "c", "d", "e"], at=times, unit=["u", None, "v", "u", "w"], entity=[None, "x", "y", None, "z"]))
        rows = log.rows("churn", 1, Window(start=NOON - HOUR * 48, end=NOON + HOUR * 48))
        assert rows.prediction_id.tolist() == ["e", "d", "b", "c", "a"]
        assert (rows.day - rows.day[1]).tolist() == [-1, 0, 0, 1, 1]
        assert rows.unit.tolist() == ["w", "u", None, "v", "u"]
        assert rows.entity.tolist() == ["z", None, "x", "y", None]

    def test_nothing_is_logged_of_a_version_that_never_answered(self, log: PredictionLog) -> None:
        rows = log.rows("churn", 9, DAY, features=True)
        assert (len(rows.at), len(rows.actual), len(rows.score)) == (0, 0, 0)
        assert rows.features is not None
        assert log.count("churn", DAY) == {}
        assert log.find("p1") is None

    def test_shadow_rows_stand_under_their_version_with_the_features_and_the_outcome_of_the_answered_row(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        log.add(predictions(["p1", "p2"], features=[[41.0, "basic"], [42.0, "plus"]], score=[0.2, 0.3]))
        log.add(predictions(["p1", "p2"], version=2, shadow=True, features=None, score=[0.6, 0.7], unit="u"))
        assert outcomes.take("churn", [Outcome(actual=1, at=NOON + HOUR, prediction_id="p2")], within=ALWAYS).accepted == 1
        rows = log.rows("churn", 2, DAY, features=True)
        assert rows.prediction_id.tolist() == ["p1", "p2"]
        assert rows.score.tolist() == [0.6, 0.7]
        assert rows.actual.tolist() == [None, 1]
        assert rows.features is not None
        assert rows.features["age"].tolist() == [41.0, 42.0]
        assert log.count("churn", DAY) == {1: 2}
        found = log.find("p1")
        assert found is not None
        assert found[0].version == 1

    def test_a_version_has_the_rows_it_answered_and_those_it_shadowed(self, log: PredictionLog) -> None:
        log.add(predictions(["p1", "p1"], at=NOON, version=[1, 2], shadow=[False, True]))
        log.add(predictions(["p0"], at=NOON - HOUR, version=2))
        log.add(predictions(["p2"], at=NOON + HOUR, version=2))
        assert log.rows("churn", 2, DAY).prediction_id.tolist() == ["p0", "p1", "p2"]

    def test_what_is_compared_leaves_out_rows_that_asked_for_a_version_or_were_made_elsewhere(self, log: PredictionLog) -> None:
        log.add(predictions(["p1", "p2"], variant=["pinned", "champion"]))
        log.add(predictions(["p3"], worker="elsewhere-8000"))
        log.add(predictions(["p1", "p2", "p3", "p4"], version=2, shadow=True, features=None))
        assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["p1", "p2", "p3"]
        for features in (False, True):
            assert log.rows("churn", 1, DAY, features=features, compared=True).prediction_id.tolist() == ["p2"]
            assert log.rows("churn", 2, DAY, features=features, compared=True).prediction_id.tolist() == ["p2", "p4"]

    def test_a_prediction_enters_analysis_at_a_fixed_age_whether_or_not_its_label_came(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        log.add(predictions(["old", "late", "young"], at=[NOON - HOUR * 5, NOON - HOUR * 3, NOON - HOUR]))
        known = {"old": NOON - HOUR * 4, "late": NOON - HOUR * 3 + HOUR * 2 + timedelta(microseconds=1), "young": NOON}
        outcomes.take("churn", [Outcome(actual=name, at=at, prediction_id=name) for name, at in known.items()], within=ALWAYS)
        rows = log.rows("churn", 1, DAY, maturity=Maturity(age=HOUR * 2, by=NOON))
        assert rows.prediction_id.tolist() == ["old", "late"]
        assert rows.actual.tolist() == ["old", None]
        assert rows.outcome_at.tolist() == [to_micros(known["old"]), 0]
        exactly = log.rows("churn", 1, DAY, maturity=Maturity(age=HOUR, by=NOON))
        assert exactly.prediction_id.tolist() == ["old", "late", "young"]
        assert exactly.actual.tolist() == ["old", None, "young"]
        assert log.rows("churn", 1, DAY).actual.tolist() == ["old", "late", "young"]

    def test_without_an_age_an_outcome_counts_as_soon_as_it_is_known(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["soon", "late", "never"], at=[NOON - HOUR * 5, NOON - HOUR * 3, NOON - HOUR]))
        known = {"soon": NOON - HOUR * 4, "late": NOON}
        outcomes.take("churn", [Outcome(actual=name, at=at, prediction_id=name) for name, at in known.items()], within=ALWAYS)
        before = log.rows("churn", 1, DAY, maturity=Maturity(age=ALWAYS, by=NOON - timedelta(microseconds=1)))
        assert before.prediction_id.tolist() == ["soon", "late", "never"]
        assert before.actual.tolist() == ["soon", None, None]
        assert log.rows("churn", 1, DAY, maturity=Maturity(age=ALWAYS, by=NOON)).actual.tolist() == ["soon", "late", None]

    def test_features_come_back_as_typed_columns(self, log: PredictionLog) -> None:
        names = ["number", "whole", "text", "flag", "maybe", "empty"]
        values = [[0.1, 1, "a", True, None, None], [None, 2, None, False, True, None]]
        log.add(predictions(["p1", "p2"], feature_names=names, features=values))
        table = log.rows("churn", 1, DAY, features=True).features
        assert table is not None
        assert list(table.columns) == names
        assert {name: str(column.dtype) for name, column in table.columns.items()} == {
            "number": "float64",
            "whole": "float64",
            "text": "object",
            "flag": "bool",
            "maybe": "float64",
            "empty": "object",
        }
        assert np.array_equal(table["number"], [0.1, np.nan], equal_nan=True)
        assert np.array_equal(table["maybe"], [np.nan, 1.0], equal_nan=True)
        assert table["text"].tolist() == ["a", None]
        assert table["empty"].tolist() == [None, None]
        assert log.rows("churn", 1, DAY).features is None

    def test_the_newest_rows_are_those_of_the_latest_event_times_in_order(self, log: PredictionLog) -> None:
        log.add(predictions(["p1", "p2", "p3", "p4"], at=[NOON + HOUR * hour for hour in (3, 1, 4, 2)]))
        log.add(predictions(["p3", "p1"], at=[NOON + HOUR * 4, NOON + HOUR * 3], version=2, shadow=True))
        log.add(predictions(["p5"], at=NOON, version=2))
        assert log.rows("churn", 1, DAY, newest=2).prediction_id.tolist() == ["p1", "p3"]
        assert log.rows("churn", 1, DAY, newest=9).prediction_id.tolist() == ["p2", "p4", "p1", "p3"]
        assert log.rows("churn", 2, DAY, newest=2).prediction_id.tolist() == ["p1", "p3"]
        assert len(log.rows("churn", 1, DAY, newest=0).at) == 0

    def test_one_row_in_so_many_is_spread_over_all_and_the_same_at_every_look(self, log: PredictionLog) -> None:
        for first in range(0, 800, 100):  # answered and shadow rows by turns, as a rollout makes them
            log.add(predictions([f"p{first + row}" for row in range(100)], at=[NOON + HOUR * (first // 100)] * 100))
            log.add(predictions([f"p{first + row}" for row in range(100)], at=NOON + HOUR * (first // 100), version=2, shadow=True))
        for version in (1, 2):
            found = {every: log.rows("churn", version, DAY, one_in=every) for every in (1, 4, 8)}
            assert [len(found[every].at) for every in (1, 4, 8)] == [800, pytest.approx(200, abs=60), pytest.approx(100, abs=40)]
            assert np.unique(found[4].at).tolist() == np.unique(found[1].at).tolist()
            assert set(found[8].prediction_id.tolist()) <= set(found[4].prediction_id.tolist())
            assert found[4].prediction_id.tolist() == log.rows("churn", version, DAY, one_in=4).prediction_id.tolist()

    def test_with_the_features_comes_the_time_a_row_was_made(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2"], at=[NOON, NOON + HOUR], made_at=[NOON + HOUR * 3, NOON + HOUR]))
        log.add(predictions(["p1"], at=NOON, version=2, shadow=True))
        made = log.rows("churn", 1, DAY, features=True).made_at
        assert made is not None
        assert made.tolist() == [to_micros(NOON + HOUR * 3), to_micros(NOON + HOUR)]
        shadowed = log.rows("churn", 2, DAY, features=True).made_at
        assert shadowed is not None
        assert shadowed.tolist() == [to_micros(NOON + HOUR * 3)]
        assert log.rows("churn", 1, DAY).made_at is None

    def test_with_the_features_comes_which_rows_have_none(self, log: PredictionLog) -> None:
        log.add(predictions(["p1", "p2", "p3"], at=[NOON, NOON + HOUR, NOON + HOUR * 2], features=[None, [None, None], [1.0, "basic"]]))
        bare = log.rows("churn", 1, DAY, features=True).bare
        assert bare is not None
        assert bare.tolist() == [True, False, False]
        assert log.rows("churn", 1, DAY).bare is None

    def test_rows_of_different_contracts_have_missing_values_where_their_contract_has_no_column(self, log: PredictionLog) -> None:
        log.add(predictions(["p1"], features=[[1.0, "basic"]]))
        log.add(predictions(["p2"], feature_names=["plan", "tenure"], features=[["plus", 7]], schema_id="later", at=NOON + HOUR))
        table = log.rows("churn", 1, DAY, features=True).features
        assert table is not None
        assert table["plan"].tolist() == ["basic", "plus"]
        assert np.array_equal(table["age"], [1.0, np.nan], equal_nan=True)
        assert np.array_equal(table["tenure"], [np.nan, 7.0], equal_nan=True)

    def test_keys_of_the_context_come_along_if_they_are_asked_for_also_for_shadows(self, log: PredictionLog) -> None:
        log.add(predictions(["p1"], context={"shop": "x", "till": 3}))
        log.add(predictions(["p2"], context={"shop": None, "new": True}, at=NOON + HOUR))
        log.add(predictions(["p3"], context=None, at=NOON + HOUR * 2))
        log.add(predictions(["p1"], version=2, shadow=True, features=None, context=None))
        for features in (False, True):
            rows = log.rows("churn", 1, DAY, features=features, context=("shop", "new", "never"))
            assert rows.context is not None
            assert {name: column.tolist() for name, column in rows.context.columns.items()} == {
                "shop": ["x", None, None],
                "new": [None, True, None],
                "never": [None, None, None],
            }
            shadow = log.rows("churn", 2, DAY, features=features, context=("till",))
            assert shadow.context is not None
            assert shadow.context["till"].tolist() == [3]
        assert log.rows("churn", 1, DAY).context is None
        assert log.rows("churn", 9, DAY, context=("shop",)).context is not None

    @pytest.mark.parametrize("labels", [[True, False], ["a", "1"], [1, 0], [1.5, 1.0], [True, 1]])
    def test_labels_keep_their_type(self, log: PredictionLog, outcomes: OutcomeLog, labels: list[str | int | float | bool]) -> None:
        log.add(predictions(["p1", "p2"], label=labels))
        taken = [Outcome(actual=label, at=NOON, prediction_id=name) for name, label in zip(["p1", "p2"], labels, strict=True)]
        outcomes.take("churn", taken, within=ALWAYS)
        rows = log.rows("churn", 1, DAY)
        for found in (rows.label.tolist(), rows.actual.tolist()):
            assert [(type(value), value) for value in found] == [(type(value), value) for value in labels]

    def test_several_scores_per_row_make_a_matrix(self, log: PredictionLog) -> None:
        log.add(predictions(["p1", "p2"], score=[[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]))
        rows = log.rows("churn", 1, DAY)
        assert rows.score.tolist() == [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]
        found = log.find("p2")
        assert found is not None
        assert found[0].score == (0.3, 0.3, 0.4)

    def test_versions_with_different_classes_are_read_together(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2"], version=[1, 2], at=[NOON, NOON + HOUR], score=[[0.4, 0.6], [0.1, 0.2, 0.7]]))
        outcomes.take("churn", [Outcome(actual="a", at=NOON + HOUR * 2, prediction_id=name) for name in ("p1", "p2")], within=ALWAYS)
        rows = log.labelled("churn", known_by=NOON + HOUR * 2)
        assert np.array_equal(rows.score, [[0.4, 0.6, np.nan], [0.1, 0.2, 0.7]], equal_nan=True)

    def test_one_prediction_is_found_whole_by_its_own_id_and_by_the_clients(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(
            predictions(
                ["p1"],
                client_id="order-1",
                unit="u",
                entity="e",
                variant="challenger",
                version=3,
                worker="w7",
                context={"shop": "x", "n": None},
            )
        )
        by_own, by_client = log.find("p1"), log.find("order-1")
        assert by_own == by_client
        assert by_own is not None
        prediction, outcome = by_own
        assert outcome is None
        assert (prediction.model, prediction.version, prediction.variant, prediction.worker) == ("churn", 3, "challenger", "w7")
        assert (prediction.unit, prediction.entity, prediction.client_id) == ("u", "e", "order-1")
        assert (prediction.at, prediction.made_at, prediction.score, prediction.label) == (NOON, NOON, 0.5, 1)
        assert prediction.features == {"age": 0.0, "plan": "basic"}
        assert prediction.context == {"shop": "x", "n": None}
        outcomes.take("churn", [Outcome(actual="left", at=NOON + HOUR, prediction_id="order-1")], within=ALWAYS)
        found = log.find("p1")
        assert found is not None
        assert found[1] == Outcome(actual="left", at=NOON + HOUR, prediction_id="p1")

    def test_many_are_found_at_once_by_their_own_ids_as_one_by_one(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        ids = [f"p{number}" for number in range(1200)] + ["nul \0 and 温度"]
        times = [NOON + number * HOUR for number in range(len(ids))]
        log.add(predictions(ids, at=times, client_id=[f"c{name}" for name in ids], context=[{"n": name} for name in ids], unit="u"))
        log.add(predictions(["p0", "lone"], version=2, shadow=True))
        log.add(predictions(["again"], client_id="cp3"))
        outcomes.take("churn", [Outcome(actual=1, at=times[-1] + HOUR, prediction_id=name, value=2.5) for name in ids[::2]], within=ALWAYS)
        found = log.find_all([*ids, "lone", "again", "cp3", "nobody", "p0"])
        assert found == {name: log.find(name) for name in ids}
        assert [one[1] is None for one in found.values()].count(True) == len(ids) // 2
        assert log.find_all([]) == {}

    def test_answered_rows_are_counted_per_version(self, log: PredictionLog) -> None:
        log.add(predictions(["p1", "p2", "p3", "p3"], version=[1, 2, 2, 1], shadow=[False, False, False, True]))
        log.add(predictions(["p4"], version=5, model="fraud"))
        log.add(predictions(["p5"], version=7, at=NOON + timedelta(days=5)))
        assert log.count("churn", DAY) == {1: 1, 2: 2}

    def test_labelled_rows_are_those_of_all_versions_whose_outcome_was_known(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2", "p3"], at=[NOON + HOUR * 2, NOON, NOON + HOUR], version=[2, 1, 2], unit="u"))
        log.add(predictions(["p4", "p4"], at=NOON, version=[1, 2], shadow=[False, True]))
        log.add(predictions(["q1"], at=NOON, model="fraud"))
        known = {"p1": NOON + HOUR * 3, "p2": NOON + HOUR * 4, "p3": NOON + HOUR * 6}
        outcomes.take("churn", [Outcome(actual=name, at=at, prediction_id=name) for name, at in known.items()], within=ALWAYS)
        outcomes.take("fraud", [Outcome(actual=0, at=NOON, prediction_id="q1")], within=ALWAYS)
        rows = log.labelled("churn", known_by=NOON + HOUR * 4)
        assert rows.prediction_id.tolist() == ["p2", "p1"]
        assert rows.actual.tolist() == ["p2", "p1"]
        assert rows.outcome_at.tolist() == [to_micros(known["p2"]), to_micros(known["p1"])]
        assert rows.features is not None and rows.version is not None
        assert rows.version.tolist() == [1, 2]
        assert rows.features["age"].tolist() == [1.0, 0.0]
        assert log.labelled("churn", known_by=NOON + HOUR * 9, since=NOON + HOUR).prediction_id.tolist() == ["p3", "p1"]
        assert len(log.labelled("unheard of", known_by=NOON).at) == 0

    def test_rows_without_an_outcome_come_along_from_an_age_on_if_they_are_asked_for(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        ids = ["told", "later", "old", "young"]
        log.add(
            predictions(ids, at=[NOON, NOON + HOUR, NOON + HOUR * 2, NOON + HOUR * 2 + timedelta(microseconds=1)], version=[1, 2, 1, 1])
        )
        log.add(predictions(["old"], at=NOON + HOUR * 2, version=2, shadow=True))
        known = {"told": NOON + HOUR, "later": NOON + HOUR * 5}
        outcomes.take("churn", [Outcome(actual=name, at=at, prediction_id=name) for name, at in known.items()], within=ALWAYS)
        rows = log.labelled("churn", known_by=NOON + HOUR * 4, unlabelled_after=HOUR * 2)
        assert rows.prediction_id.tolist() == ["told", "later", "old"]
        assert rows.actual.tolist() == ["told", None, None]
        assert rows.outcome_at.tolist() == [to_micros(known["told"]), 0, 0]
        assert rows.features is not None
        assert len(rows.features["age"]) == 3
        since = log.labelled("churn", known_by=NOON + HOUR * 4, since=NOON + HOUR, unlabelled_after=HOUR * 2)
        assert since.prediction_id.tolist() == ["later", "old"]

    def test_a_batch_whose_columns_differ_in_length_is_refused_whole(self, log: PredictionLog) -> None:
        with pytest.raises(DataError, match="differ in length"):
            log.add(predictions(["p1", "p2"], score=[0.1]))
        with pytest.raises(DataError, match="differ in length"):
            log.add(predictions(["p1", "p2"], propensity=[0.1]))
        with pytest.raises(DataError, match="p2 has 1 features"):
            log.add(predictions(["p1", "p2"], features=[[1.0, "basic"], [2.0]]))
        assert log.count("churn", DAY) == {}

    @given(
        batches=st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.booleans()), max_size=8), max_size=6),
        every=st.integers(1, 3),
    )
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    def test_whatever_is_flushed_and_however_often_it_is_ingested_each_client_id_and_each_row_counts_once(
        self, log: PredictionLog, flush: Flush, batches: list[list[tuple[int, int, bool]]], every: int
    ) -> None:
        model = secrets.token_hex(8)  # examples share one log
        first: dict[str, str] = {}
        moved = 0
        for number, batch in enumerate(batches):
            ids = [f"{model}/{number}.{row}" for row in range(len(batch))]
            clients = [f"c{client}" if named else None for client, _, named in batch]
            for own, client in zip(ids, clients, strict=True):
                first.setdefault(client or own, own)
            flush(predictions(ids, at=[NOON + HOUR * offset for offset, _, _ in batch], client_id=clients, model=model))
            if number % every == 0:
                moved += log.ingest()
        moved += log.ingest()
        assert moved == len(first)
        found = log.rows(model, 1, Window(start=NOON, end=NOON + HOUR * 100))
        assert sorted(found.prediction_id.tolist()) == sorted(first.values())
        assert bool(np.all(np.diff(found.at) >= 0))
