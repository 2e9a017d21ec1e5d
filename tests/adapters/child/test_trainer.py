"""The project's own functions in a process of their own."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.child.trainer import ChildTrainer
from flyball.adapters.pandas.arrow import write_parquet
from flyball.adapters.pandas.frames import to_table
from flyball.core.errors import DataError, UserCodeError
from flyball.core.schema import Schema
from flyball.data.source import infer_schema
from flyball.ports.training import Fitted
from flyball.spec.load import parse_spec
from flyball.training.records import FitOrder
from projects import SPEC, customers, make_project

PIPELINE = """
import os
import signal
import sys
import threading
import time

from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC


def good(frame, target, C=1.0):
    print("I see", list(frame.columns), frame.shape, target.name)
    print("and complain", file=sys.stderr)
    assert sys.stdin.read() == ""
    os.system("echo from a shell")
    return LogisticRegression(C=C).fit(frame, target)


def raises(frame, target):
    helper(frame)


def helper(frame):
    frame["not there"]


def nothing(frame, target):
    LogisticRegression().fit(frame, target)


def unfitted(frame, target):
    return LogisticRegression()


def without_probabilities(frame, target):
    return LinearSVC().fit(frame, target)


class Own(LogisticRegression):
    pass


def own_class(frame, target):
    return Own().fit(frame, target)


def unsavable(frame, target):
    model = LogisticRegression().fit(frame, target)
    model.lock = threading.Lock()
    return model


def three_classes(frame, target):
    return LogisticRegression().fit(frame, [0, 1, 2] * (len(frame) // 3) + [0] * (len(frame) % 3))


def leaves(frame, target):
    sys.exit(3)


def hangs(frame, target):
    time.sleep(600)


def dies(frame, target):
    print("about to run out of memory")
    os.kill(os.getpid(), signal.SIGKILL)


def prepare(frame):
    print("preparing")
    frame["y"] = 1 - frame["churned"]
    return frame


def half(frame):
    return frame.iloc[: len(frame) // 2]


def wrong(frame):
    return len(frame)


def empty(frame):
    return frame.iloc[:0]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("child") / "project", pipeline=PIPELINE, frame=customers(600))


@pytest.fixture(scope="module")
def echoed() -> list[str]:
    return []


@pytest.fixture(scope="module")
def shared(project: Path, echoed: list[str]) -> Iterator[ChildTrainer]:
    trainer = make_trainer(project, echoed)
    yield trainer
    trainer.close()


def make_trainer(project: Path, echoed: list[str]) -> ChildTrainer:
    uri = f"sqlite:///{project / 'mlflow.db'}"
    return ChildTrainer(project, tracking_uri=uri, artifacts=(project / "mlartifacts").as_uri(), experiment="churn", echo=echoed.append)


@pytest.fixture
def alone(project: Path, echoed: list[str]) -> Iterator[ChildTrainer]:
    trainer = make_trainer(project, echoed)
    yield trainer
    trainer.close()


def order(project: Path, folder: Path, run: str, *, timeout: float = 60, **params: float) -> FitOrder:
    table = to_table(customers(600)).table
    write_parquet(table, folder / "snapshot.parquet")
    np.save(folder / "train.npy", np.arange(450))
    np.save(folder / "test.npy", np.arange(450, 600))
    schema: Schema = infer_schema(table, ["x0", "x1"])
    return FitOrder(
        run=f"pipeline:{run}",
        params=params,
        task="binary",
        threshold=0.5,
        schema=schema,
        target="churned",
        booleans=(),
        folder=folder,
        timeout=timedelta(seconds=timeout),
    )


def test_a_fit_comes_back_as_files_and_what_was_printed_as_a_log(
    project: Path, shared: ChildTrainer, echoed: list[str], tmp_path: Path
) -> None:
    fitted: Fitted = shared.fit(order(project, tmp_path, "good", C=0.5))
    assert fitted.engine == "linear"
    assert fitted.classes == (0, 1)
    assert fitted.run_id == ""
    assert fitted.parity is not None
    assert fitted.parity.differing_labels == 0
    assert np.load(tmp_path / fitted.scores).shape == (150,)
    assert fitted.files == {"linear.bin": "linear.bin"}
    assert (tmp_path / "linear.bin").stat().st_size > 0 and (tmp_path / fitted.onnx).stat().st_size > 0
    assert "scikit-learn" in fitted.packages
    log = (tmp_path / fitted.log).read_text()
    assert "I see ['x0', 'x1'] (450, 2) churned" in log
    assert "and complain" in log
    assert "from a shell" in log
    assert "and complain\n" in echoed


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("raises", "pipeline:raises raised KeyError: 'not there'"),
        ("nothing", "returned NoneType, which has no predict"),
        ("unfitted", "cannot score the 150 held-out rows"),
        ("without_probabilities", "LinearSVC, which has no predict_proba"),
        ("unsavable", "cannot be saved"),
        ("three_classes", "does not fit the task: LogisticRegression knows 3 classes"),
        ("leaves", "pipeline:leaves raised SystemExit: 3"),
        ("god", "pipeline has no function 'god'; did you mean 'good'"),
    ],
)
def test_a_function_that_does_not_keep_its_promise_is_told_what_is_wrong(
    project: Path, shared: ChildTrainer, tmp_path: Path, run: str, said: str
) -> None:
    with pytest.raises(UserCodeError) as told:
        shared.fit(order(project, tmp_path, run))
    assert said in told.value.message
    assert not (tmp_path / "scores.npy").exists()


def test_the_traceback_shows_the_projects_lines_and_no_others(project: Path, shared: ChildTrainer, tmp_path: Path) -> None:
    with pytest.raises(UserCodeError) as told:
        shared.fit(order(project, tmp_path, "raises"))
    assert "pipeline.py, line" in told.value.hint
    assert 'frame["not there"]' in told.value.hint
    assert "in helper" in told.value.hint
    assert "site-packages" not in told.value.hint
    assert "flyball" not in told.value.hint


def test_a_model_of_the_projects_own_class_is_kept(project: Path, shared: ChildTrainer, tmp_path: Path) -> None:
    fitted = shared.fit(order(project, tmp_path, "own_class"))
    assert (tmp_path / fitted.model).stat().st_size > 0
    assert fitted.engine == "native" or fitted.parity is not None


def test_a_missing_module_is_named(project: Path, shared: ChildTrainer, tmp_path: Path) -> None:
    asked = order(project, tmp_path, "good")
    gone = FitOrder(**{name: getattr(asked, name) for name in FitOrder.__dataclass_fields__} | {"run": "pipelin:good"})
    with pytest.raises(UserCodeError, match="there is no module 'pipelin'"):
        shared.fit(gone)


def test_a_function_that_hangs_is_stopped_with_all_it_started(project: Path, alone: ChildTrainer, tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="pipeline:hangs did not end within 6s and was stopped"):
        alone.fit(order(project, tmp_path, "hangs", timeout=6))
    process = alone._child._process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_is_killed_is_an_error_with_its_last_words(project: Path, alone: ChildTrainer, tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="ended by SIGKILL") as told:
        alone.fit(order(project, tmp_path, "dies"))
    assert "about to run out of memory" in told.value.hint
    assert (tmp_path / "output.log").is_file()


def test_the_child_ends_when_its_parent_is_gone(project: Path, alone: ChildTrainer) -> None:
    alone.warm()
    process = alone._child._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) != 0 or not hasattr(os, "killpg")


def prepared(project: Path, trainer: ChildTrainer, *steps: str, source: str = "data/customers.csv") -> list[tuple[str, bool]]:
    names = json.dumps([f"pipeline:{step}" for step in steps])
    text = SPEC.replace('prepare = "pipeline:prepare"', f"prepare = {names}").replace("data/customers.csv", source)
    found = trainer.prepare(parse_spec(text, folder=project))
    assert found.table.rows > 0
    return [(step.name, step.cached) for step in found.steps]


def test_steps_run_once_and_again_only_when_their_code_or_input_changes(tmp_path: Path, echoed: list[str]) -> None:
    project = make_project(tmp_path / "p", pipeline=PIPELINE, frame=customers(60))
    for change, expected in [
        (None, [False, False, False]),
        (None, [True, True, True]),
        ("pipeline.py", [True, False, False]),
        ("data/customers.csv", [False, False, False]),
    ]:
        if change == "pipeline.py":
            (project / change).write_text(PIPELINE + "\n# another line\n")
        elif change:
            customers(50, seed=1).to_csv(project / change, index=False)
        trainer = make_trainer(project, echoed)
        try:
            steps = prepared(project, trainer, "prepare", "half")
        finally:
            trainer.close()
        assert steps == list(zip(["read", "pipeline:prepare", "pipeline:half"], expected, strict=True))


def test_a_cached_source_needs_no_child(project: Path, shared: ChildTrainer, alone: ChildTrainer) -> None:
    prepared(project, shared, "prepare")
    prepared(project, alone, "prepare")
    assert alone._child._process is None


@pytest.mark.parametrize(
    ("step", "said"), [("wrong", "returned int, not a DataFrame"), ("empty", "a frame without rows"), ("helper", "KeyError")]
)
def test_a_step_that_gives_no_rows_is_told_so(project: Path, shared: ChildTrainer, step: str, said: str) -> None:
    with pytest.raises(UserCodeError, match=said):
        prepared(project, shared, step)


def test_a_source_that_is_not_there_names_what_is(project: Path, shared: ChildTrainer) -> None:
    with pytest.raises(DataError, match="does not exist") as told:
        prepared(project, shared, source="data/custmers.csv")
    assert "customers.csv" in told.value.hint


def test_nothing_is_left_running(project: Path, alone: ChildTrainer) -> None:
    alone.warm()
    process = alone._child._process
    assert process is not None
    alone.close()
    time.sleep(0)
    assert process.returncode is not None
