"""Nouns of the registry: the lineage of a model version, and the manifest of its bundle."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.spec.records import Task

EngineName = Literal["trees", "linear", "onnx", "native", "remote"]


@record
class Parity:
    """The compiled engine against the trained model over the evaluation rows. `differing_labels` must be 0 for the engine to be used.

    `edge_*`: the same over rows made for it (values on a cut and beside it, missing, very large, infinite, unseen categories), as far as
    the trained model itself answers them. `thresholds`: what was done about the width of numbers.
    """

    rows: int
    differing_labels: int
    largest_difference: float
    tolerance: float
    edge_rows: int = 0
    edge_differing: int = 0
    edge_largest: float = 0.0
    thresholds: str = ""


@record
class BundleFile:
    """One file of a bundle."""

    size: int
    sha256: str


@record
class Lineage:
    """Where a version came from. `dirty_diff_sha256` is empty when the working tree was clean, `commit` when there was no git."""

    run_id: str
    commit: str
    dirty_diff_sha256: str
    snapshot: str
    dvc_md5: str
    spec_digest: str
    code_digest: str
    identity: str
    environment_sha256: str


@record
class Manifest:
    """What a bundle holds and what it promises; signed as a whole. `trained_until` is when the newest training label was known.

    `held_out` names the rule that kept rows out of the training, if it keeps out the same rows in every training; else it is empty.
    `untouched` names likewise the rule that keeps some rows out of every training, also where newer rows are held out.
    `outputs` names the values that a model of several outputs gives for a row (task regression); empty for one value or class.
    `probabilities`: the scores of a classifier are probabilities; if not, they are 1 for the class it names and 0 for the others, and no
    confidence follows from them. `model_sha256` names every byte of the MLflow model that was tracked beside the bundle, as
    `folder_digest` does: whoever opens that model knows that it is the one trained here. Empty where nobody can promise that.
    """

    bundle_format: int
    model: str
    task: Task
    schema: Schema
    classes: tuple[str | int | float | bool, ...]
    threshold: float
    engine: EngineName
    engine_reason: str
    parity: Parity | None
    files: Mapping[str, BundleFile]
    lineage: Lineage
    trained_from: datetime | None
    trained_until: datetime | None
    created_at: datetime
    held_out: str = ""
    outputs: tuple[str, ...] = ()
    probabilities: bool = True
    model_sha256: str = ""
    untouched: str = ""


@record
class Signed:
    """A manifest with its signature: HMAC-SHA256 over the manifest's RFC 8785 bytes, by the key named `key_id`."""

    manifest: Manifest
    key_id: str
    signature: str
