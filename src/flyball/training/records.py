"""Nouns of training: what is to be fitted, the project's code, and the state of the working tree."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.spec.records import Param, Task


@record
class CodeFile:
    """One file of the project that the functions of the spec reach through imports; `path` is relative to the project."""

    path: str
    sha256: str


@record
class WorkingTree:
    """The commit the project stands at (empty without git) and what differs from it (empty when clean).

    `trouble`: what git says where it stands in a repository and git cannot read that.
    """

    commit: str
    diff: bytes
    trouble: str = ""


@record
class FitOrder:
    """What a fit needs. Files are exchanged in `folder`: `snapshot.parquet`, `train.npy` and `test.npy` (row numbers) are there.

    The fitted model, the test scores and what the function printed come back into the same folder.

    `weight`: the column of the snapshot that says how much each row counts (empty: all the same). `command`, `python`: train in the
    user's own environment, as `TrainSpec` says. `given`: nothing is to be run; a model made elsewhere lies in `exchange/model`.
    """

    run: str
    params: Mapping[str, Param]
    task: Task
    threshold: float
    schema: Schema
    target: str
    booleans: tuple[str, ...]
    folder: Path
    timeout: timedelta
    weight: str = ""
    command: tuple[str, ...] = ()
    python: str = ""
    given: bool = False

    @property
    def doing(self) -> str:
        """What is being run, for people."""
        return "[train] command" if self.command else "the model of the other system" if self.given else self.run
