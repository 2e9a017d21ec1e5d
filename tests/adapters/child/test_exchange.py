"""Training in the user's own environment: a command, or another interpreter."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow
import pytest
import sklearn

from flyball.adapters.child.command import run_command
from flyball.adapters.child.trainer import ChildTrainer
from flyball.adapters.local.process import identity
from flyball.adapters.pandas.arrow import write_parquet
from flyball.adapters.pandas.frames import to_table
from flyball.core.errors import UserCodeError
from flyball.data.snapshot import WEIGHT
from flyball.data.source import infer_schema
from flyball.training.records import FitOrder
from projects import customers, make_project

PIPELINE = """
import os
import signal
import sys
import time

from sklearn.linear_model import LogisticRegression

WHERE = sys.prefix


class Own(LogisticRegression):
    pass


def where(frame, target, C=1.0):
    print("trained by", sys.prefix, list(frame.columns), frame.shape)
    model = Own(C=C).fit(frame, target)
    model.trained_in = sys.prefix
    return model


def weighed(frame, target, sample_weight=None):
    return LogisticRegression().fit(frame, target, sample_weight=sample_weight)


def unweighed(frame, target, **params):
    return LogisticRegression(**params).fit(frame, target)


def raises(frame, target):
    frame["not there"]


def hangs(frame, target):
    time.sleep(600)


def dies(frame, target):
    print("out of memory soon", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def leaves(frame, target):
    os._exit(0)
"""

SCRIPT = """
import json, os, sys
from pathlib import Path
import pandas as pd
import mlflow.sklearn
from sklearn.linear_model import LogisticRegression

folder = Path(os.environ["FLYBALL_EXCHANGE"])
order = json.loads((folder / "params.json").read_text())
rows = pd.read_parquet(folder / "train.parquet")
(folder / "seen.json").write_text(json.dumps([sorted(os.listdir(folder)), list(rows.columns), order, sys.argv[1:], os.getcwd()]))
print("hello from a command")
what = sys.argv[1] if len(sys.argv) > 1 else ""
if what == "fail":
    sys.exit("no licence for today")
if what == "kill":
    import signal
    os.kill(os.getpid(), signal.SIGTERM)
if what == "nothing":
    sys.exit(0)
model = LogisticRegression(C=order["params"]["C"]).fit(rows[order["features"]], rows[order["target"]])
if what == "wrong":
    model = {"not": "a model"}
mlflow.sklearn.save_model(model, str(folder / "model"), serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("apart") / "project", pipeline=PIPELINE, frame=customers(600))
    (folder / "fit.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another environment, which has the learning libraries and not Flyball; the path of its interpreter."""
    folder = tmp_path_factory.mktemp("second") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    places = {Path(module.__file__).parents[1] for module in (cloudpickle, np, pd, pyarrow, sklearn) if module.__file__}
    (site / "learning.pth").write_text("".join(f"{place}\n" for place in places))
    (site / "flyball.py").write_text("raise ImportError('there is no Flyball here')\n")
    return folder / "bin" / "python"


@pytest.fixture
def trainer(project: Path) -> Iterator[ChildTrainer]:
    uri = f"sqlite:///{project / 'mlflow.db'}"
    found = ChildTrainer(project, tracking_uri=uri, artifacts=(project / "mlartifacts").as_uri(), experiment="churn", echo=lambda _: None)
    yield found
    found.close()


def order(folder: Path, run: str = "", *, weight: bool = False, timeout: int = 120, **more: Any) -> FitOrder:
    table = to_table(customers(600)).table
    if weight:
        table = table.with_columns({WEIGHT: np.where(np.arange(600) % 7 == 0, 20.0, 1.0)})
    write_parquet(table, folder / "snapshot.parquet")
    np.save(folder / "train.npy", np.arange(450))
    np.save(folder / "test.npy", np.arange(450, 600))
    return FitOrder(
        run=f"pipeline:{run}" if run else "",
        params=more.pop("params", {}),
        task="binary",
        threshold=0.5,
        schema=infer_schema(table, ["x0", "x1"]),
        target="churned",
        booleans=(),
        folder=folder,
        timeout=timedelta(seconds=timeout),
        weight=WEIGHT if weight else "",
        **more,
    )


def script(*words: str) -> tuple[str, ...]:
    return (sys.executable, "fit.py", *words)


def test_a_command_gets_rows_and_parameters_as_files_and_leaves_an_mlflow_model(
    project: Path, trainer: ChildTrainer, tmp_path: Path
) -> None:
    fitted = trainer.fit(order(tmp_path, command=script("--to", "{exchange}"), params={"C": 0.5}))
    assert (fitted.engine, fitted.classes) == ("linear", (0, 1))
    assert np.load(tmp_path / fitted.scores).shape == (150,)
    there, columns, told, words, cwd = json.loads((tmp_path / "exchange" / "seen.json").read_text())
    assert there == ["params.json", "train.parquet"]
    assert columns == ["x0", "x1", "churned"]
    assert told == {"params": {"C": 0.5}, "task": "binary", "features": ["x0", "x1"], "target": "churned", "sample_weight": ""}
    assert words == ["--to", str(tmp_path / "exchange")]
    assert Path(cwd) == project.resolve()
    assert "hello from a command" in (tmp_path / fitted.log).read_text()
    assert fitted.seconds["cpu"] > 0


def test_the_same_model_comes_out_as_from_a_function(trainer: ChildTrainer, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here = trainer.fit(order(tmp_path / "a", "unweighed", params={"C": 0.5}))
    there = trainer.fit(order(tmp_path / "b", command=script(), params={"C": 0.5}))
    assert np.load(tmp_path / "a" / here.scores) == pytest.approx(np.load(tmp_path / "b" / there.scores))


@pytest.mark.parametrize(
    ("command", "said", "hint"),
    [
        (script("fail"), "[train] command ended with exit code 1", "no licence for today"),
        (script("kill"), "[train] command was ended by SIGTERM", "hello from a command"),
        (script("nothing"), "[train] command left no MLflow model", "mlflow.sklearn.save_model"),
        (script("wrong"), "returned dict, which has no predict()", ""),
        (("no-such-program",), "[train] command cannot be started: no-such-program: No such file", "is it installed"),
    ],
)
def test_a_command_that_leaves_no_model_is_told_with_its_last_words(
    trainer: ChildTrainer, tmp_path: Path, command: tuple[str, ...], said: str, hint: str
) -> None:
    with pytest.raises(UserCodeError) as told:
        trainer.fit(order(tmp_path, command=command, params={"C": 1.0}))
    assert said in told.value.message
    assert hint in told.value.hint


def test_a_command_that_hangs_is_stopped_with_all_it_started(trainer: ChildTrainer, tmp_path: Path) -> None:
    waits = (sys.executable, "-c", f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    with pytest.raises(UserCodeError, match=r"\[train\] command did not end within 15s and was stopped"):
        trainer.fit(order(tmp_path, command=waits, timeout=15))
    assert ended(int((tmp_path / "pid").read_text()))


def ended(pid: int) -> bool:
    """Whether a process is gone, or goes within some seconds."""
    until = time.monotonic() + 10
    while identity(pid) is not None and time.monotonic() < until:
        time.sleep(0.02)
    return identity(pid) is None


def test_what_a_command_leaves_in_the_background_is_not_waited_for_and_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    code, said = run_command(["sh", "-c", "sleep 600 & echo $! > pid; echo hello; exit 3"], tmp_path, tmp_path, "[train] command")
    assert time.monotonic() - began < 60
    assert (code, said) == (3, "hello")
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_command_ends_with_whoever_waits_for_it(tmp_path: Path) -> None:
    words = ["sh", "-c", "sleep 600 & echo $! > other; echo $$ > pid; wait"]
    waits = f"from pathlib import Path; from flyball.adapters.child.command import run_command; p = Path({str(tmp_path)!r}); "
    with subprocess.Popen([sys.executable, "-c", f"{waits}run_command({words!r}, p, p, 'it')"]) as process:
        while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        process.kill()
    assert all(ended(int((tmp_path / name).read_text())) for name in ("pid", "other"))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_neither_a_training_nor_its_command_sees_the_admin_token(
    project: Path, trainer: ChildTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "s" * 32)
    monkeypatch.setenv("THE_TEAMS_OWN", "stays")
    look = """
import os, pathlib
leash = os.getppid()
child = pathlib.Path(f"/proc/{leash}/stat").read_text().rpartition(")")[2].split()[1]
for pid in (os.getpid(), leash, child):
    print(pathlib.Path(f"/proc/{pid}/environ").read_text())
raise SystemExit(9)
"""
    with pytest.raises(UserCodeError, match="exit code 9") as told:
        trainer.fit(order(tmp_path, command=(sys.executable, "-c", look)))
    seen = (tmp_path / "output.log").read_text() + told.value.hint
    assert "THE_TEAMS_OWN=stays" in seen and "FLYBALL_ADMIN_TOKEN" not in seen


def test_another_interpreter_trains_without_flyball(project: Path, trainer: ChildTrainer, second: Path, tmp_path: Path) -> None:
    assert subprocess.run([second, "-I", "-c", "import flyball"], capture_output=True, check=False).returncode != 0
    fitted = trainer.fit(order(tmp_path, "where", python=str(second), params={"C": 0.5}))
    assert np.load(tmp_path / fitted.scores).shape == (150,)
    log = (tmp_path / fitted.log).read_text()
    assert f"trained by {second.parent.parent} ['x0', 'x1'] (450, 2)" in log
    made_by = json.loads((tmp_path / "exchange" / "made_by.json").read_text())
    assert {"python", "scikit-learn", "pandas"} <= made_by.keys()


def test_an_interpreter_in_the_projects_folder_is_named_from_there(
    project: Path, trainer: ChildTrainer, second: Path, tmp_path: Path
) -> None:
    link = project / ".venv"
    if not link.exists():
        link.symlink_to(second.parent.parent)
    assert trainer.fit(order(tmp_path, "where", python=".venv/bin/python")).classes == (0, 1)


@pytest.mark.parametrize(
    ("run", "said", "hint"),
    [
        ("raises", "pipeline:raises raised KeyError: 'not there'", 'frame["not there"]'),
        ("dies", "was ended by SIGKILL; the system ends processes so when memory runs out", "out of memory soon"),
        ("leaves", "left no model", "exit"),
        ("god", "raised AttributeError", "god"),
    ],
)
def test_what_goes_wrong_in_another_interpreter_is_told_like_here(
    trainer: ChildTrainer, second: Path, tmp_path: Path, run: str, said: str, hint: str
) -> None:
    with pytest.raises(UserCodeError) as told:
        trainer.fit(order(tmp_path, run, python=str(second)))
    assert said in told.value.message
    assert hint in told.value.hint


def test_an_interpreter_that_is_not_there_is_named(trainer: ChildTrainer, tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match=r"pipeline:where in venv/bin/python cannot be started: .*venv/bin/python: No such file"):
        trainer.fit(order(tmp_path, "where", python="venv/bin/python"))


def test_weights_reach_a_function_here_and_elsewhere_and_change_what_it_learns(trainer: ChildTrainer, second: Path, tmp_path: Path) -> None:
    scores = {}
    ways: dict[str, dict[str, Any]] = {
        "plain": {"weight": False},
        "here": {"weight": True},
        "there": {"weight": True, "python": str(second)},
    }
    for name, more in ways.items():
        (tmp_path / name).mkdir()
        scores[name] = np.load(tmp_path / name / trainer.fit(order(tmp_path / name, "weighed", **more)).scores)
    assert scores["here"] == pytest.approx(scores["there"])
    assert np.abs(scores["here"] - scores["plain"]).max() > 0.001


def test_a_function_that_takes_no_weights_is_told_what_to_add(trainer: ChildTrainer, second: Path, tmp_path: Path) -> None:
    for python in ("", str(second)):
        with pytest.raises(UserCodeError, match="takes no sample_weight, and rows of the holdback must weigh more") as told:
            trainer.fit(order(tmp_path, "unweighed", weight=True, python=python))
        assert "add sample_weight=None to its parameters" in told.value.hint


def test_a_command_finds_the_weights_beside_the_target(trainer: ChildTrainer, tmp_path: Path) -> None:
    trainer.fit(order(tmp_path, command=script(), weight=True, params={"C": 1.0}))
    _, columns, told, _, _ = json.loads((tmp_path / "exchange" / "seen.json").read_text())
    assert columns == ["x0", "x1", "churned", "sample_weight"]
    assert told["sample_weight"] == "sample_weight"


def test_a_model_that_was_made_elsewhere_is_scored_and_compiled_as_one_made_here(trainer: ChildTrainer, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    made = trainer.fit(order(tmp_path / "a", command=script(), params={"C": 1.0}))
    given = replace(order(tmp_path / "b"), given=True)
    (tmp_path / "b" / "exchange").mkdir()
    (tmp_path / "a" / "exchange" / "model").rename(tmp_path / "b" / "exchange" / "model")
    found = trainer.fit(given)
    assert (found.engine, found.classes) == (made.engine, made.classes)
    assert np.load(tmp_path / "a" / made.scores) == pytest.approx(np.load(tmp_path / "b" / found.scores))
