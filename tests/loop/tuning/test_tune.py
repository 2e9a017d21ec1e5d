"""A search over a small town: which rows it sees, what it proposes, how it goes on, and what it says of trials that fail."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from flyball.adapters.optuna.study import OptunaStudy
from flyball.core.errors import DataError, SpecError, UserCodeError
from flyball.loop.tuning.records import TuneReport, TuneRequest, TuneRows
from flyball.loop.tuning.tune import search_name, search_rows, tune
from flyball.ports.searching import Tried
from flyball.settings import read_settings
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.wiring import open_workshop
from quarter import SPEC as TOWN
from quarter import InProcess
from replayed import InTurn, history, town

NOW = datetime(2026, 1, 12, tzinfo=UTC)
SPEC = TOWN.replace('window = "21d"\n', "")
PIPELINE = """
from sklearn.linear_model import LogisticRegression


def train(frame, target, flip=False, c=1.0, solver="lbfgs"):
    if solver == "broken":
        raise ValueError("there is no such solver")
    return LogisticRegression(C=c, solver=solver).fit(frame, 1 - target if flip else target)
"""
SEARCH = '[train.search]\nc = { low = 0.001, high = 10.0, log = true }\nsolver = ["lbfgs", "liblinear"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "town"
    town(made, history(days=10), text=SPEC + SEARCH)
    (made / "quarter_pipeline.py").write_text(PIPELINE)
    sys.modules.pop("quarter_pipeline", None)  # another town's
    sys.path.append(str(made))
    yield made
    sys.path.remove(str(made))
    sys.modules.pop("quarter_pipeline", None)


class Clock:
    """A clock that goes on by a minute whenever it is asked."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def read(folder: Path, text: str = SPEC + SEARCH) -> Spec:
    return parse_spec(text, folder=folder)


def found_rows(folder: Path, spec: Spec) -> TuneRows:
    place = folder / ".flyball" / "tune"
    place.mkdir(parents=True, exist_ok=True)
    return search_rows(spec, open_workshop(read_settings(folder, {}), spec, echo=lambda _: None), place, now=NOW, progress=lambda _: None)


def request(trials: int = 6, **changes: object) -> TuneRequest:
    usual: dict[str, object] = {"metric": "brier", "direction": "lower", "length": None, "seed": 0, "at_once": 3}
    return TuneRequest(**{**usual, "trials": trials, **changes})  # type: ignore[arg-type]  # the fields a test names


def search(folder: Path, asked: TuneRequest, *, text: str = SPEC + SEARCH, say: Callable[[str], None] = lambda _: None) -> TuneReport:
    spec = read(folder, text)
    rows = found_rows(folder, spec)
    storage = f"sqlite:///{folder / '.flyball' / 'trials.db'}"
    study = OptunaStudy(storage, search_name(spec, rows, asked), spec.search, direction=asked.direction, seed=asked.seed)
    with closing(study):
        return tune(
            spec,
            rows,
            asked,
            study=study,
            mapper=InTurn(),
            open_trainer=lambda _: InProcess(folder),
            scratch=folder / ".flyball" / "tune",
            clock=Clock(),
            say=say,
        )


def values(trials: list[Tried]) -> list[object]:
    return [(one.number, dict(one.params), one.value) for one in trials]


def test_no_row_that_is_held_out_or_untouched_is_in_a_file_a_trial_reads(folder: Path) -> None:
    spec = read(folder)
    rows = found_rows(folder, spec)
    frame = pq.read_table(rows.path).to_pandas()
    everything = pd.read_parquet(folder / "data" / "history.parquet")
    newest = everything.sort_values("seen_at").tail(round(0.2 * len(everything)))
    assert not set(frame["customer"]) & set(newest["customer"])
    assert len(frame) == len(rows.rows.table) < len(everything) - len(newest)  # untouched rows are missing too
    train, test = frame.iloc[rows.split.train], frame.iloc[rows.split.test]
    assert train["known_at"].max() < test["seen_at"].min()
    assert test["seen_at"].max() < newest["seen_at"].min()


def test_a_split_by_hash_chooses_the_judging_rows_by_other_lots(folder: Path) -> None:
    text = (SPEC + SEARCH).replace("[evaluate]", '[evaluate]\nsplit = { by = "rows", test = 0.2 }')
    rows = found_rows(folder, read(folder, text))
    assert 0.15 < len(rows.split.test) / len(rows.rows.table) < 0.25
    assert not set(rows.split.train.tolist()) & set(rows.split.test.tolist())


def test_the_best_trial_and_what_the_spec_has_now_are_told(folder: Path) -> None:
    said: list[str] = []
    report = search(folder, request(), say=said.append)
    assert [one.number for one in report.trials] == [0, 1, 2, 3, 4, 5]
    assert report.best is not None and report.best.value == min(one.value or 1.0 for one in report.trials)
    assert report.before is not None and report.before.value is not None and report.before.params == {}
    assert report.gain == pytest.approx(report.before.value - report.best.value)
    assert report.params == {"flip": False, **report.best.params}
    assert any(line.startswith("the spec's own: brier 0.") for line in said)
    assert sum(line.startswith("trial ") for line in said) == 6
    assert not list((folder / ".flyball" / "tune").glob("trial-*"))


def test_an_interrupted_search_goes_on_and_ends_as_if_it_had_not_been(folder: Path, tmp_path: Path) -> None:
    whole = search(folder, request(8, seed=4))
    (folder / ".flyball" / "trials.db").unlink()

    def stop(line: str) -> None:
        if line.startswith("trial 4:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(folder, request(8, seed=4), say=stop)
    report = search(folder, request(8, seed=4))
    assert report.earlier == 4
    assert values(list(report.trials)) == values(list(whole.trials))
    assert search(folder, request(8, seed=4)).earlier == 8


def test_a_search_of_other_rows_seed_or_space_is_another_one(folder: Path) -> None:
    first = search(folder, request(2))
    assert search(folder, request(2, seed=1)).search != first.search
    assert search(folder, request(2), text=SPEC + '[train.search]\nsolver = ["lbfgs", "liblinear"]\n').search != first.search
    history(days=8).to_parquet(folder / "data" / "history.parquet", index=False)
    assert search(folder, request(2)).earlier == 0


def test_the_time_that_is_given_ends_the_search_between_rounds(folder: Path) -> None:
    report = search(folder, request(100, length=timedelta(minutes=4)))
    assert 0 < len(report.trials) < 10
    assert len(report.trials) % 3 == 0


def test_a_trial_that_cannot_be_trained_is_told_and_the_others_go_on(folder: Path) -> None:
    report = search(folder, request(8), text=SPEC + '[train.search]\nsolver = ["lbfgs", "broken"]\n')
    failed = [one for one in report.trials if one.value is None]
    assert 0 < len(failed) < 8
    assert all("there is no such solver" in one.error and one.params["solver"] == "broken" for one in failed)
    assert report.best is not None and report.best.params["solver"] == "lbfgs"


def test_a_search_without_one_trial_that_could_be_trained_is_an_error_with_the_first(folder: Path) -> None:
    (folder / "quarter_pipeline.py").write_text('def train(frame, target, **params):\n    raise ValueError("nothing works")\n')
    sys.modules.pop("quarter_pipeline", None)
    with pytest.raises(UserCodeError, match=r"no trial could be trained; the first: (?s:.)*nothing works"):
        search(folder, request(2))


def test_without_a_space_or_with_too_few_rows_there_is_no_search(folder: Path) -> None:
    with pytest.raises(SpecError, match="what to search"):
        search(folder, request(), text=SPEC)
    history(days=10).iloc[::800].to_parquet(folder / "data" / "history.parquet", index=False)
    with pytest.raises(DataError, match=r"cannot be split once more"):
        search(folder, request(), text=SPEC + SEARCH)
