"""`[train] resources` on this machine."""

import sys
from pathlib import Path

import pytest

from flyball.adapters.child.limits import threads
from flyball.core.errors import UserCodeError
from flyball.loop.making.training import train
from flyball.spec.delivery import Resources
from flyball.spec.load import load_spec
from projects import NOW, SPEC, make_project, workshop_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported is not ours to answer for

PIPELINE = """
import os
import numpy as np
from joblib import cpu_count
from sklearn.linear_model import LogisticRegression

def train(frame, target, C=1.0, megabytes=1):
    print("threads", os.environ.get("OMP_NUM_THREADS"), "cores", cpu_count())
    print("held", np.ones(megabytes * 131072).sum() / 131072)
    return LogisticRegression(C=C).fit(frame, target)
"""


def asked(folder: Path, more: str) -> Path:
    spec = SPEC.replace('prepare = "pipeline:prepare"\n', "").replace("params = { C = 1.0 }", more)
    return make_project(folder, pipeline=PIPELINE, spec=spec)


def test_libraries_start_as_many_threads_as_there_are_cores_to_use_and_what_the_user_set_stays() -> None:
    assert threads(Resources(), {}) == {}
    assert threads(Resources(cpu=2.5), {"OMP_NUM_THREADS": "7"})["OPENBLAS_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in threads(Resources(cpu=2.5), {"OMP_NUM_THREADS": "7"})


def test_a_training_keeps_to_its_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads(Resources(cpu=1)):
        monkeypatch.delenv(name, raising=False)
    folder = asked(tmp_path / "p", 'resources = { cpu = 1, memory = "4Gi" }')
    said: list[str] = []
    train(load_spec(folder), workshop_of(folder, echo=said.append), now=NOW, register=False)
    assert any("threads 1 cores 1" in line for line in said), said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to an amount of memory of its own")
def test_a_training_that_wants_more_memory_than_it_may_have_fails_alone_and_says_so(tmp_path: Path) -> None:
    folder = asked(tmp_path / "p", 'params = { megabytes = 3000 }\nresources = { memory = "2Gi" }')
    with pytest.raises(UserCodeError, match="MemoryError") as failed:
        train(load_spec(folder), workshop_of(folder), now=NOW, register=False)
    assert "[train] resources lets each process of it have 2Gi" in failed.value.hint
