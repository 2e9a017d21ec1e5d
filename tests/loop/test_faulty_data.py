"""Data quality in the loop: what is asked alarms and blocks a training while it is faulty; what is trained on is checked before."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flyball.core.errors import DataError, RefusedError
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.journal.events import AlertFired, AlertResolved, Entry, RetrainStarted, Suppressed
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.engine import tick
from flyball.loop.evidence.quality import live_schema_findings
from flyball.loop.making.training import take_snapshot, train
from flyball.loop.memory import Memory
from flyball.loop.skew import skew
from flyball.monitoring.records import MonitorReport
from flyball.monitoring.skew import SkewReport
from flyball.serving.records import Answers, Outcome
from flyball.spec.records import Expectation, QualitySpec, Spec
from flyball.words.sentences import sentence
from quarter import DAY, FIRST, MODEL, PIPELINE, SPEC, Town, _batch, people

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported and used is not ours to answer for

Change = Callable[[pd.DataFrame], pd.DataFrame]
RULES = "[quality.expect]\nprice = { min = -20, max = 20 }\n"
SCHEMA = """
import pandera.pandas as pa


class Rows(pa.DataFrameModel):
    price: float = pa.Field(ge=-20, le=20)
    left: int = pa.Field(isin=[0, 1])
"""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path / "town", text=SPEC.replace('on = ["performance", "schedule"]', 'on = ["schedule"]') + RULES)
    yield made.begin()
    made.close()


def same(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def day(town: Town, change: Change = same, *, told: bool = True) -> list[Entry]:
    """One day: the model answers as ever, the log holds what was really sent, and the loop looks."""
    rows = people(town.day, town.seed, changed=False)
    deployment = town.world.deployments.current(MODEL)
    assert deployment is not None and deployment.champion is not None
    engine, schema = town._engine(deployment.bundles[deployment.champion])
    score = engine.score(Table({name: rows[name].to_numpy() for name in schema.names}))
    sent = change(rows.copy())
    if len(sent):
        town.world.predictions.add(_batch(sent, deployment.champion, score[: len(sent)], schema, shadow=False))
    town.day += 1
    if told and len(sent):
        outcomes = [
            Outcome(actual=int(left), at=known.to_pydatetime(), entity=name)
            for name, left, known in zip(sent["customer"], sent["left"], sent["known_at"], strict=True)
        ]
        town.world.outcomes.take(MODEL, outcomes, within=timedelta(days=2))
    return list(tick(town.world, town.spec, Memory(), now=town.now).entries)


def report(town: Town) -> MonitorReport:
    found = town.world.reports.latest(MODEL)
    assert found is not None
    return found


def state(town: Town) -> State:
    return fold(MODEL, town.world.journal.read(MODEL))


def spoiled(share: float, value: float = 99.0) -> Change:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index % round(1 / share) == 0, "price"] = value
        return rows

    return change


def test_days_in_order_have_no_findings(town: Town) -> None:
    for _ in range(3):
        assert not [entry for entry in day(town) if isinstance(entry.event, AlertFired)]
    assert report(town).quality == ()


def test_a_fault_fires_an_alert_blocks_the_training_that_is_due_and_resolves_when_it_is_over(town: Town) -> None:
    for _ in range(27):
        day(town)
    events = [entry.event for entry in day(town, spoiled(0.1))]
    (fired,) = [event for event in events if isinstance(event, AlertFired) and event.key == "quality:price"]
    assert "price is above 20, the most that [quality] expect allows, in 25 of the newest 250 rows" in sentence(fired.reason)
    (put_off,) = [event for event in events if isinstance(event, Suppressed | RetrainStarted)]
    assert isinstance(put_off, Suppressed)
    assert put_off.because.code == "suppressed.quality"
    assert sentence(put_off.because).startswith("what is asked of the model is faulty (price)")
    assert day(town, spoiled(0.1)) == []  # it is told once
    again = [entry.event for entry in day(town)]
    assert [type(event).__name__ for event in again if isinstance(event, AlertResolved | RetrainStarted)] == [
        "AlertResolved",
        "RetrainStarted",
    ]
    assert "quality:price" not in state(town).firing


def test_one_odd_row_is_told_and_stops_nothing(town: Town) -> None:
    def one(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index == 7, "price"] = -500.0
        return rows

    assert not [entry for entry in day(town, one) if isinstance(entry.event, AlertFired)]
    (finding,) = report(town).quality
    assert (finding.severity, finding.examples) == ("warning", ("p-d0-7",))


def test_logged_rows_that_break_a_rule_are_left_out_of_the_training_and_counted(town: Town) -> None:
    for _ in range(5):
        day(town, spoiled(0.1))
    day(town)
    result = train(town.spec, town.workshop, now=town.now)
    (told,) = [reason for reason in result.warnings if reason.code == "data.log_left_out"]
    assert told.values["rows"] == 5 * 25
    table = town.workshop.snapshots.restore(result.snapshot)
    assert table["price"].max() < 20


def test_a_source_that_breaks_a_rule_stops_the_training_with_counts_and_ids(town: Town) -> None:
    strict = replace(town.spec, quality=QualitySpec(expect={"price": Expectation(max=2.5), "customr": Expectation(unique=True)}))
    with pytest.raises(DataError) as stopped:
        take_snapshot(strict, town.workshop, now=town.now)
    text = str(stopped.value)
    assert "price is above 2.5, the most that [quality] expect allows, in " in text
    assert "rows, such as d-" in text
    assert "'customr', which the data does not have; did you mean 'customer'?" in text


def test_a_source_that_changed_by_itself_stops_the_training_and_one_that_was_changed_on_purpose_does_not(town: Town) -> None:
    path = town.folder / "data" / "history.parquet"
    rows = pd.read_parquet(path)
    rows["price"] = rows["price"].round(3).astype(str).where(rows.index % 400 != 0, "n/k")
    rows.to_parquet(path, index=False)
    bare = replace(town.spec, quality=QualitySpec())
    with pytest.raises(DataError, match=r"price held numbers when the champion was trained and holds text now, in \d+ rows, such as d-"):
        take_snapshot(bare, town.workshop, now=town.now)
    (town.folder / "quarter_pipeline.py").write_text(PIPELINE + "\n# now of another mind\n")
    assert take_snapshot(bare, town.workshop, now=town.now).rows > 0


def test_a_stopped_export_stops_the_training(town: Town) -> None:
    fresh = replace(town.spec, quality=QualitySpec(fresh=timedelta(days=3)))
    assert take_snapshot(fresh, town.workshop, now=FIRST + DAY).rows > 0
    with pytest.raises(DataError, match=r"the newest row is 4\.\d days old"):
        take_snapshot(fresh, town.workshop, now=FIRST + 4 * DAY + timedelta(hours=2))


def test_silence_is_an_alert_until_somebody_asks_again(town: Town) -> None:
    for _ in range(8):
        day(town)
    events = [entry.event for entry in day(town, lambda rows: rows.iloc[:0])]
    (fired,) = [event for event in events if isinstance(event, AlertFired)]
    assert fired.key == "quality:*"
    assert "nothing was asked in this window" in sentence(fired.reason)
    assert "quality:*" in state(town).firing
    day(town)
    assert "quality:*" not in state(town).firing


def test_refused_requests_alarm_until_they_stop_and_do_not_keep_the_model_from_being_trained(town: Town) -> None:
    for _ in range(6):
        day(town)
    ago = town.now + DAY - timedelta(minutes=30)  # seen by the next look
    town.world.traffic.add(MODEL, [Answers(minute=ago, status=200, requests=1000), Answers(minute=ago, status=422, requests=2000)])
    events = [entry.event for entry in day(town)]
    (fired,) = [event for event in events if isinstance(event, AlertFired)]
    assert fired.key == "quality:requests"
    assert "2,000 of 3,000 requests" in sentence(fired.reason)
    assert not [event for event in events if isinstance(event, Suppressed) and event.because.code == "suppressed.quality"]
    assert "quality:requests" in state(town).firing
    day(town)
    assert "quality:requests" not in state(town).firing


def test_a_new_model_that_nobody_asks_yet_is_not_silent(town: Town) -> None:
    for _ in range(3):
        assert not [entry for entry in day(town, lambda rows: rows.iloc[:0]) if isinstance(entry.event, AlertFired)]


def test_predictions_told_without_features_are_no_fault_of_any_column(town: Town) -> None:
    rows = people(0, town.seed, changed=False)
    _, schema = town._engine(state(town).versions[1].registered.bundle)
    batch = _batch(rows, 1, np.full(len(rows), 0.5), schema, shadow=False)
    town.world.predictions.add(replace(batch, worker="elsewhere", features=[None] * len(rows)))
    town.day += 1
    tick(town.world, town.spec, Memory(), now=town.now)
    assert (report(town).rows, report(town).quality) == (len(rows), ())
    found = compared(town, later(1))
    assert (found.served, found.matched) == (0, 0)


def with_schema(town: Town) -> Spec:
    (town.folder / "quarter_schema.py").write_text(SCHEMA)
    return replace(town.spec, quality=QualitySpec(schema="quarter_schema:Rows"))


def test_the_users_schema_stops_a_training_and_is_asked_of_live_rows_on_demand(town: Town) -> None:
    spec = with_schema(town)
    assert take_snapshot(spec, town.workshop, now=town.now).rows > 0
    day(town, spoiled(0.1))
    found = live_schema_findings(town.world, spec, state(town), 1, Memory(), town.workshop.trainer, now=town.now)
    assert [(one.severity, one.column, one.rows, one.share) for one in found] == [("error", "price", 25, 0.1)]
    assert found[0].examples[0] == "p-d0-0"
    path = town.folder / "data" / "history.parquet"
    rows = pd.read_parquet(path)
    rows.loc[:3, "price"] = 99.0
    rows.to_parquet(path, index=False)
    with pytest.raises(
        DataError, match=r"quarter_schema:Rows does not accept price: less_than_or_equal_to\(20\) fails in 4 rows, such as d-"
    ):
        take_snapshot(spec, town.workshop, now=town.now)


def test_without_rows_or_without_a_schema_the_live_check_says_so(town: Town) -> None:
    assert live_schema_findings(town.world, with_schema(town), state(town), 1, Memory(), town.workshop.trainer, now=town.now) == ()
    with pytest.raises(RefusedError, match="there is no schema"):
        live_schema_findings(town.world, town.spec, state(town), 1, Memory(), town.workshop.trainer, now=town.now)


def compared(town: Town, table: Table, spec: Spec | None = None) -> SkewReport:
    window = Window(start=FIRST - DAY, end=FIRST + 30 * DAY)
    return skew(town.world, spec or town.spec, state(town), Memory(), table, source="later", window=window)


def later(days: int, change: Change = same) -> Table:
    rows = change(pd.concat([people(number, 1, changed=False) for number in range(days)], ignore_index=True))
    columns = {name: rows[name].to_numpy() for name in ("price", "calls", "left")}
    times = rows["seen_at"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return Table({"customer": rows["customer"].to_numpy(dtype=object), "seen_at": times, **columns})


def test_what_was_served_is_compared_by_id(town: Town) -> None:
    def round_price(rows: pd.DataFrame) -> pd.DataFrame:
        rows["price"] = rows["price"].round(2)
        return rows

    day(town)
    day(town, round_price)
    found = compared(town, later(3))
    assert (found.by, found.served, found.matched, found.unmatched, found.training) == ("id", 500, 500, 0, 750)
    price, calls = found.columns
    assert (price.column, price.compared, calls.column, calls.differing) == ("price", 500, "calls", 0)
    assert 245 <= price.values <= 250
    assert price.pattern is not None and price.pattern.code == "skew.rounded_served"
    assert (found.only_served, found.only_training) == ((), ())
    assert price.examples[0].id.startswith("d1-") and price.examples[0].prediction_id.startswith("p-d1-")


def test_without_an_id_unit_and_time_tell_which_row_it_is(town: Town) -> None:
    day(town)
    timed = replace(town.spec, data=replace(town.spec.data, id=None, unit="customer"))
    assert (compared(town, later(1), timed).matched, compared(town, later(1), timed).nameless) == (0, 250)  # no unit was sent
    nothing = replace(town.spec, data=replace(town.spec.data, id=None))
    with pytest.raises(RefusedError, match="nothing tells which prediction belongs to which row"):
        compared(town, later(1), nothing)


def test_of_an_id_asked_again_the_latest_counts_and_strangers_are_counted(town: Town) -> None:
    def others(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index[20:23], "customer"] = ["stranger 1", "stranger 2", None]
        return rows

    def again(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index[:10], "customer"] = [f"d0-{number}" for number in range(10)]
        rows["calls"] += 1
        return rows

    day(town, others, told=False)
    rows = again(people(0, 1, changed=False)).iloc[:10]
    engine, schema = town._engine(state(town).versions[1].registered.bundle)
    batch = _batch(rows, 1, engine.score(Table({name: rows[name].to_numpy() for name in schema.names})), schema, shadow=False)
    hour = 3_600_000_000
    town.world.predictions.add(replace(batch, prediction_id=[f"again-{n}" for n in range(10)], at=[at + hour for at in batch.at]))
    found = compared(town, later(1))
    assert (found.served, found.matched, found.unmatched, found.nameless, found.repeated) == (260, 247, 2, 1, 10)
    (calls,) = [one for one in found.columns if one.differing]
    assert (calls.column, calls.values) == ("calls", 10)
    assert calls.pattern is not None and sentence(calls.pattern) == "in all 10 of them the served value is the training value +1"


def test_nothing_in_common_is_said_not_guessed(town: Town) -> None:
    found = compared(town, later(1))
    assert (found.served, found.matched, found.worst) == (0, 0, 0.0)
    assert np.isfinite(found.worst) and [one.compared for one in found.columns] == []
