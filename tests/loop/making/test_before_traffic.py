"""What a candidate has to show before it answers anybody: on logged requests, on untouched rows, and on new labels."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.core.errors import DataError, StoreError
from flyball.core.reason import because
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.core.window import Window, to_micros
from flyball.evaluation.records import Check, Decision
from flyball.loop.making.before_traffic import Made, before_traffic
from flyball.loop.making.judge import Judgement, Rival
from flyball.registry.bundle import write_bundle
from flyball.registry.records import Manifest
from flyball.serving.records import PredictionBatch
from flyball.spec.load import parse_spec
from flyball.spec.records import EvaluateSpec, ReplaySpec, Spec
from flyball.words.sentences import sentence
from quarter import SPEC, Town
from served import MODEL, NUMBERS, manifest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MADE = NOW - timedelta(days=10)
PASSED = Judgement(
    decision=Decision(verdict=Verdict.PASS, checks=(Check(metric="brier", verdict=Verdict.PASS, reason=because("gate.at_least_passed")),)),
    head_start=(),
)
EMPTY = Table(
    {"hour": np.empty(0), "temp": np.empty(0), "rain": np.empty(0, dtype=np.bool_), "i": np.empty(0, dtype=object), "y": np.empty(0)}
)


class Says:
    """The child that scores for a candidate: what a function says."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def score(self, bundle: Path, digest: str, table: Table, folder: Path) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.said(table)
        return found


def champion(table: Table) -> NDArray[np.float64]:
    return np.asarray(table["hour"] / 24.0)


def asked(log: MemoryPredictionLog, rows: int, *, at: datetime = NOW - timedelta(hours=1), names: tuple[str, ...] = NUMBERS.names) -> None:
    """Requests that version 1 answered, an hour for each of them."""
    values: dict[str, list[Any]] = {"hour": [number % 24 for number in range(rows)], "temp": [None] * rows, "rain": [False] * rows}
    log.add(
        PredictionBatch(
            model=MODEL,
            worker="w",
            schema_id="-".join(names),
            feature_names=list(names),
            prediction_id=[f"{'-'.join(names)}{number}" for number in range(rows)],
            version=[1] * rows,
            variant=["champion"] * rows,
            shadow=[False] * rows,
            at=[to_micros(at)] * rows,
            made_at=[to_micros(at)] * rows,
            unit=[None] * rows,
            entity=[None] * rows,
            client_id=[None] * rows,
            label=[1] * rows,
            score=[0.7] * rows,
            features=[[values[name][number] for name in names] for number in range(rows)],
            context=[None] * rows,
        )
    )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = Town(tmp_path_factory.mktemp("before") / "town")
    yield found
    found.close()


class Stand:
    """A candidate and a champion of three columns, and what the gate says of them."""

    def __init__(self, town: Town, folder: Path, **evaluate: Any) -> None:
        self.log = MemoryPredictionLog()
        self.folder, self.town = folder, town
        spec = parse_spec(SPEC.replace('"town"', f'"{MODEL}"'), folder=folder)
        changed: EvaluateSpec = replace(spec.evaluate, **evaluate)
        self.spec: Spec = replace(spec, evaluate=changed, data=replace(spec.data, id="i", target="y", time=None, outcome_time=None))
        made: Manifest = replace(manifest(), engine="native", created_at=MADE)
        self.champion = made
        (folder / "native").mkdir()
        (folder / "native" / "model.pkl").write_bytes(b"-")
        self.bundle = folder / "bundle"
        self.digest = write_bundle(self.bundle, made, {"reference.json": b"{}", "native": folder / "native"}, town.workshop.key)

    def checks(self, says: Any = champion, *, opens: Any = None, rows: Table = EMPTY) -> list[Check]:
        rival = Rival(version=1, open=opens or (lambda: (self.champion, champion)))
        made = Made(bundle=self.bundle, digest=self.digest, rows=rows, test=np.empty(0, dtype=np.int64))
        workshop = replace(self.town.workshop, predictions=self.log, trainer=Says(says))  # type: ignore[arg-type]  # only scores
        found = before_traffic(PASSED, self.spec, workshop, rival, made, folder=self.folder, now=NOW)
        return list(found.decision.checks[1:])


def codes(checks: list[Check]) -> list[tuple[str, Verdict]]:
    return [(check.reason.code, check.verdict) for check in checks]


def test_a_candidate_that_answers_the_requests_of_late_passes(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path)
    asked(stand.log, 240)
    (found,) = stand.checks(lambda table: champion(table) * 0.9)
    assert (found.reason.code, found.verdict) == ("replay.answered", Verdict.PASS)
    assert found.reason.values["rows"] == 240


def test_nobody_asked_is_not_applicable(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path)
    assert codes(stand.checks()) == [("replay.too_few", Verdict.NOT_APPLICABLE)]
    asked(stand.log, 240, at=NOW - timedelta(days=40))
    assert codes(stand.checks()) == [("replay.too_few", Verdict.NOT_APPLICABLE)]


def test_a_candidate_that_fails_on_one_request_fails_its_gate_and_the_request_is_named(town: Town, tmp_path: Path) -> None:
    def breaks(table: Table) -> NDArray[np.float64]:
        if (table["hour"] == 23).any():
            raise DataError("no such hour")
        return champion(table)

    stand = Stand(town, tmp_path)
    asked(stand.log, 40)
    found = stand.checks(breaks)[0]
    assert found.verdict is Verdict.FAIL
    assert "no such hour" in sentence(found.reason) and "hour-temp-rain23" in sentence(found.reason)


def test_a_candidate_whose_score_is_no_number_fails_its_gate(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path)
    asked(stand.log, 40)
    found = stand.checks(lambda table: np.where(table["hour"] == 5, np.nan, 0.5))[0]
    assert (found.reason.code, found.verdict) == ("replay.not_finite", Verdict.FAIL)


def test_a_candidate_equal_to_the_champion_is_told(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path)
    asked(stand.log, 240)
    assert codes(stand.checks()) == [("replay.answered", Verdict.PASS), ("replay.identical", Verdict.NOT_APPLICABLE)]


def test_labels_that_differ_too_often_are_undecided_where_the_spec_says_so(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path, replay=ReplaySpec(disagree=0.2))
    asked(stand.log, 240)
    assert codes(stand.checks(lambda table: 1.0 - champion(table))) == [("replay.too_different", Verdict.UNDECIDED)]


def test_replay_is_switched_off_and_columns_are_still_asked_for(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path, replay=ReplaySpec(rows=0))
    asked(stand.log, 240)
    assert stand.checks() == []
    stand.champion = replace(stand.champion, schema=replace(NUMBERS, columns=NUMBERS.columns[:2]))
    asked(stand.log, 10, names=("hour", "temp"))
    (found,) = stand.checks()
    assert (found.reason.code, found.verdict) == ("gate.column_absent", Verdict.UNDECIDED)
    assert found.reason.values["columns"] == "rain" and found.reason.values["absent"] == 10


def test_requests_that_lack_a_needed_column_are_left_out_of_the_replay(town: Town, tmp_path: Path) -> None:
    stand = Stand(town, tmp_path)
    stand.champion = replace(stand.champion, schema=replace(NUMBERS, columns=NUMBERS.columns[:2]))
    asked(stand.log, 240)
    asked(stand.log, 10, names=("hour", "temp"))
    assert codes(stand.checks(lambda table: champion(table) / 2)) == [
        ("gate.column_absent", Verdict.UNDECIDED),
        ("replay.answered", Verdict.PASS),
    ]


def test_a_log_that_cannot_be_read_is_undecided_and_ends_no_training(town: Town, tmp_path: Path) -> None:
    class Gone(MemoryPredictionLog):
        def count(self, model: str, window: Window) -> dict[int, int]:
            raise StoreError("the database is locked")

    stand = Stand(town, tmp_path)
    stand.log = Gone()
    (found,) = stand.checks()
    assert found.verdict is Verdict.UNDECIDED and "the database is locked" in sentence(found.reason)


def test_a_champion_that_cannot_be_opened_is_no_evidence(town: Town, tmp_path: Path) -> None:
    def broken() -> Any:
        raise StoreError("gone")

    assert Stand(town, tmp_path).checks(opens=broken) == []


def labelled(rows: int, *, known_for: timedelta, flipped: bool = False, low: float = 0.0) -> Table:
    """Rows with labels that follow the hour, of times up to now."""
    chance = np.random.default_rng(0)
    hour = chance.uniform(low, 24, rows)
    label = (chance.random(rows) < hour / 24).astype(np.int64) ^ flipped
    at = np.datetime64(NOW.replace(tzinfo=None) - known_for, "us") - np.arange(rows) * np.timedelta64(3, "m")
    ids = np.array([f"C{number}" for number in range(rows)], dtype=object)
    return Table({"hour": hour, "temp": np.zeros(rows), "rain": np.zeros(rows, dtype=np.bool_), "i": ids, "t": at, "y": label})


def timed(town: Town, folder: Path, *, shaped: bool = False) -> Stand:
    stand = Stand(town, folder, replay=ReplaySpec(rows=0), untouched=0.5)
    data = replace(stand.spec.data, time="t")
    stand.spec = replace(stand.spec, data=data, model=replace(stand.spec.model, influences_outcome=shaped))
    rule = "i untouched 0.5"
    made = replace(stand.champion, untouched=rule, trained_until=MADE, created_at=MADE)
    stand.champion = made
    stand.bundle = folder / "timed"
    stand.digest = write_bundle(stand.bundle, made, {"reference.json": b"{}", "native": folder / "native"}, town.workshop.key)
    return stand


def test_untouched_rows_that_the_candidate_no_longer_knows_fail_it(town: Town, tmp_path: Path) -> None:
    stand = timed(town, tmp_path)
    old = labelled(3_000, known_for=timedelta(days=20))
    assert codes(stand.checks(rows=old)) == [("untouched.kept", Verdict.PASS)]
    assert codes(stand.checks(lambda table: 1 - champion(table), rows=old)) == [("untouched.lost", Verdict.FAIL)]


def test_rows_that_a_champion_of_another_rule_may_have_learned_from_are_no_evidence(town: Town, tmp_path: Path) -> None:
    stand = timed(town, tmp_path)
    stand.champion = replace(stand.champion, untouched="")
    old = labelled(3_000, known_for=timedelta(days=20))
    assert codes(stand.checks(lambda table: 1 - champion(table), rows=old)) == [("untouched.not_kept", Verdict.NOT_APPLICABLE)]


def test_labels_that_came_after_the_champion_was_made_are_not_asked_of_the_candidate(town: Town, tmp_path: Path) -> None:
    stand = timed(town, tmp_path)
    new = labelled(3_000, known_for=timedelta(days=1))
    assert codes(stand.checks(lambda table: 1 - champion(table), rows=new)) == [("untouched.too_few", Verdict.NOT_APPLICABLE)]


def test_new_labels_that_are_inverted_fail_whatever_was_trained_on_them(town: Town, tmp_path: Path) -> None:
    stand = timed(town, tmp_path)
    new = labelled(3_000, known_for=timedelta(days=1), flipped=True)
    assert ("labels.inverted", Verdict.FAIL) in codes(stand.checks(rows=new))
    stand.spec = replace(stand.spec, evaluate=replace(stand.spec.evaluate, untouched=0.0))
    assert stand.checks(rows=new) == []


def test_a_model_that_shapes_its_outcomes_is_judged_by_the_rows_it_would_leave_alone(town: Town, tmp_path: Path) -> None:
    stand = timed(town, tmp_path, shaped=True)
    new = labelled(3_000, known_for=timedelta(days=1))
    offered = new["hour"] >= 12
    saved = new.with_columns({"y": np.where(offered, 0, new["y"])})  # every offer worked: the champion ranks all rows the wrong way round
    assert [code for code, _ in codes(stand.checks(rows=saved))] == ["untouched.too_few"]
    assert ("labels.inverted", Verdict.FAIL) in codes(stand.checks(rows=new.with_columns({"y": 1 - new["y"]})))
