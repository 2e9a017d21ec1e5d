"""Models in processes of their own: one that hangs or dies takes nothing with it but the rows it had."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import psutil
import pytest

from flyball.adapters.mlflow.native import PooledEngine, load
from flyball.adapters.mlflow.pool import ModelProcess
from flyball.core.errors import DataError, StoreError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.registry.bundle import verify_bundle, write_bundle
from flyball.registry.signing import key_of
from served import manifest
from trained import only_our_warnings

KEY = key_of(b"k" * 32)
SCHEMA = Schema(columns=(Column(name="what", kind="number", nullable=True),))

# Unpickled in the children by value: what it does follows from the number it is given.
SOURCE = """
import os, time
class Moody:
    def predict(self, frame):
        what = float(frame["what"].iloc[0])
        if what == 1: os._exit(3)
        if what == 2: time.sleep(3600)
        if what == 3: raise RuntimeError("no such customer")
        if what == 4: return frame["what"] * 0 + os.getpid()
        print("a model that talks")
        return frame["what"] * 2
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with only_our_warnings():
        return make(tmp_path_factory.mktemp("moody"))


def make(folder: Path) -> Path:
    import mlflow.pyfunc

    space: dict[str, Any] = {"__name__": "__main__"}
    exec(SOURCE, space)
    (folder / "model").mkdir()
    (folder / "model" / "model.pkl").write_bytes(cloudpickle.dumps(space["Moody"]()))
    described = mlflow.models.Model()
    mlflow.pyfunc.add_to_model(described, loader_module="mlflow.sklearn", data="model.pkl")
    described.add_flavor("sklearn", pickled_model="model.pkl", sklearn_version="1", serialization_format="cloudpickle")
    described.save(str(folder / "model" / "MLmodel"))
    made = manifest(schema=SCHEMA, task="regression", classes=(), engine="native")
    write_bundle(folder / "bundle", made, {"native": folder / "model"}, KEY)
    return folder / "bundle"


@contextlib.contextmanager
def pooled(bundle: Path, **options: Any) -> Iterator[PooledEngine]:
    engine = load(bundle, verify_bundle(bundle, KEY), **options)
    try:
        yield engine
    finally:
        engine._pool.close()


def patiently(ask: Callable[[], float]) -> float:
    """The answer, however long this machine takes to start another process."""
    for _ in range(30):
        with contextlib.suppress(StoreError):
            return ask()
    return ask()


def test_a_model_that_ends_its_process_costs_only_its_own_rows(bundle: Path) -> None:
    with pooled(bundle) as engine:
        assert engine.score_rows([[5.0], [None]])[0] == 10.0
        first = engine.score_one([4.0])
        with pytest.raises(StoreError, match="ended with exit code 3"):
            engine.score_rows([[1.0]])
        assert patiently(lambda: engine.score_one([6.0])) == 12.0  # by another process, for which it waited
        assert engine.score_one([4.0]) != first
        with pytest.raises(DataError, match="no such customer"):
            engine.score_rows([[3.0]])
        os.killpg(int(engine.score_one([4.0])), signal.SIGKILL)  # as the kernel does when memory runs out
        time.sleep(0.1)
        assert patiently(lambda: engine.score_one([7.0])) == 14.0


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_models_process_does_not_see_the_admin_token(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "s" * 32)
    with pooled(bundle) as engine:
        pid = int(engine.score_one([4.0]))
        around = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PATH=" in around and b"FLYBALL_ADMIN_TOKEN" not in around


def test_a_model_that_hangs_is_ended_at_the_deadline_while_the_others_answer(bundle: Path) -> None:
    with pooled(bundle, processes=2, deadline=3.0) as engine:
        with pytest.raises(StoreError, match="did not answer within 3 s"):
            engine.score_rows([[2.0]])
        assert patiently(lambda: engine.score_one([5.0])) == 10.0
        assert engine.score_rows(np.arange(5, 1005, dtype=float).reshape(-1, 1).tolist())[-1] == 2008.0
        many = np.arange(5.0, 45_005.0)  # in several parts
        assert np.array_equal(engine.score(Table({"more": many, "what": many})), many * 2)


def test_an_engine_that_nobody_holds_any_more_has_no_processes(bundle: Path) -> None:
    engine = load(bundle, verify_bundle(bundle, KEY))
    child = psutil.Process(int(engine.score_one([4.0])))
    del engine
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_a_child_that_cannot_be_started_for_whatever_reason_is_tried_again(bundle: Path) -> None:
    with pooled(bundle, deadline=5.0) as engine:
        pool, freed = engine._pool, threading.Event()
        start = pool._start

        def exhausted() -> ModelProcess:
            if not freed.is_set():
                raise OSError(errno.EMFILE, "Too many open files")
            return start()

        pool._start = exhausted
        with pytest.raises(StoreError, match="ended with exit code 3"):
            engine.score_rows([[1.0]])
        with pytest.raises(StoreError, match="Too many open files"):
            engine.score_one([5.0])
        freed.set()
        with pool._changed:
            assert pool._changed.wait_for(lambda: bool(pool._idle), 60)
        assert engine.score_one([5.0]) == 10.0


def test_whoever_lets_go_of_an_engine_does_not_end_its_processes_himself(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load(bundle, verify_bundle(bundle, KEY))
    threads: list[int] = []
    ended, end = threading.Event(), ModelProcess.end

    def noted(child: ModelProcess) -> str:
        threads.append(threading.get_ident())
        with ThreadPoolExecutor(4) as several:  # as a close and a deadline that come together
            how = list(several.map(end, [child] * 4))
        ended.set()
        return how[0]

    monkeypatch.setattr(ModelProcess, "end", noted)
    child = psutil.Process(int(engine.score_one([4.0])))
    del engine
    assert ended.wait(30)
    assert len(threads) == 1 and threads != [threading.get_ident()] and not child.is_running()


def test_children_end_with_a_parent_that_was_killed_even_in_the_middle_of_a_call(bundle: Path) -> None:
    code = f"""
import sys, threading, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from flyball.adapters.mlflow.native import load
from flyball.registry.bundle import verify_bundle
from flyball.registry.signing import key_of
folder = Path({str(bundle)!r})
engine = load(folder, verify_bundle(folder, key_of(b"k" * 32)), deadline=60.0)
print(int(engine.score_one([4.0])), flush=True)
engine.score_one([2.0])
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_a_row_that_does_not_fit_is_refused_before_the_model_sees_it(bundle: Path) -> None:
    with pooled(bundle) as engine:
        with pytest.raises(DataError, match="does not fit"):
            engine.score_rows([["warm"]])
        with pytest.raises(DataError, match="does not fit"):
            engine.score_rows([[10**30]])
        assert engine.score_rows([]).shape == (0,)
