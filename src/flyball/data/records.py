"""Nouns of the data: where it came from, which bytes they were, which rows train and which test."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record


@record
class SourceFile:
    """One file the data was read from; `path` is relative to the project."""

    path: str
    size: int
    sha256: str


@record
class PrepareStep:
    """One named step of preparation: `digest` covers its input, its code and its name, so an equal digest means an equal output."""

    name: str
    digest: str
    cached: bool
    seconds: float


@record
class Snapshot:
    """The exact rows a training saw, as one Parquet file kept by DVC; `digest` is the SHA-256 of the file's bytes."""

    digest: str
    dvc_md5: str
    path: str
    rows: int
    columns: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    steps: tuple[PrepareStep, ...]
    logged_rows: int
    first_at: datetime | None
    last_at: datetime | None


@record
class Split:
    """Row numbers of a snapshot: `train` was known before the test starts, `test` is held out.

    `cut_at` is the start of the test, if the split is by time.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    cut_at: datetime | None
