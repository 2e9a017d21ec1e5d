"""Nouns of a finished training: what it came to, what is kept of it in its run, and what `train --json` prints."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from flyball.core.codec import to_plain
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.data.records import Snapshot
from flyball.evaluation.records import Decision, Evaluation
from flyball.journal.events import DayGain
from flyball.registry.records import EngineName, Parity


@record
class TrainResult:
    """What a training came to. `version` is None when nothing was registered; `unchanged`: the same was trained before.

    `hidden`, `held_back`: rows of the log left out because the model's own answer shaped their label, and rows of the holdback that stand
    for them. `window`: why the rows begin where they begin, if that was looked for.
    """

    model: str
    version: int | None
    run_id: str
    status: Literal["registered", "unchanged", "tracked"]
    snapshot: Snapshot
    engine: EngineName
    engine_reason: str
    metrics: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    slices: Mapping[str, Mapping[str, float]]
    gate: Decision
    parity: Parity | None
    bundle: str
    identity: str
    rows: int
    test_rows: int
    warnings: tuple[Reason, ...]
    seconds: Mapping[str, float]
    hidden: int = 0
    held_back: int = 0
    window: Reason | None = None


@record
class Kept:
    """What a run keeps of a training, so that it can be registered later: everything but the bundle and the held-out row numbers.

    `champion` is the version the gate compared with (0: there was none); `checks` the digest of the gate's lines in the spec.
    """

    kept_format: int
    model: str
    identity: str
    snapshot: Snapshot
    evaluation: Evaluation
    gate: Decision
    champion: int
    checks: str
    engine: EngineName
    engine_reason: str
    parity: Parity | None
    rows: int
    trained_from: datetime | None
    trained_until: datetime | None
    warnings: tuple[Reason, ...]
    seconds: Mapping[str, float]
    head_start: tuple[DayGain, ...] = ()
    head_start_metric: str = ""
    hidden: int = 0
    held_back: int = 0
    window: Reason | None = None
    same_as: int = 0


def noted(kept: Kept) -> tuple[Reason, ...]:
    """What a reader of the card should know of the rows."""
    about = ("train.hidden", "train.weighed", "train.external")
    return (*([kept.window] if kept.window is not None else []), *(one for one in kept.warnings if one.code.startswith(about)))


def report(result: TrainResult, sentence: Callable[[Reason], str]) -> dict[str, object]:
    """The result as `train --json` prints it."""
    checks = [{"metric": check.metric, "verdict": check.verdict.value, "reason": sentence(check.reason)} for check in result.gate.checks]
    return {
        "model": result.model,
        "version": result.version,
        "run_id": result.run_id,
        "status": result.status,
        "snapshot": result.snapshot.digest,
        "rows": {"train": result.rows, "test": result.test_rows, "snapshot": result.snapshot.rows, "logged": result.snapshot.logged_rows},
        "hidden": result.hidden,
        "held_back": result.held_back,
        "window": None if result.window is None else sentence(result.window),
        "engine": result.engine,
        "engine_reason": result.engine_reason,
        "metrics": dict(result.metrics),
        "lower": dict(result.lower),
        "upper": dict(result.upper),
        "slices": to_plain(result.slices),
        "gate": {"verdict": result.gate.verdict.value, "checks": checks},
        "compared": {one.slice: to_plain(one.comparison) for one in result.gate.slices},
        "parity": to_plain(result.parity),
        "bundle": result.bundle,
        "warnings": [sentence(warning) for warning in result.warnings],
        "seconds": dict(result.seconds),
    }
