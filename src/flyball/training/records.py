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
    """The commit the project stands at (empty without git) and what differs from it (empty when clean)."""

    commit: str
    diff: bytes


@record
class FitOrder:
    """What a fit needs. Files are exchanged in `folder`: `snapshot.parquet`, `train.npy` and `test.npy` (row numbers) are there.

    The fitted model, the test scores and what the function printed come back into the same folder.
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
