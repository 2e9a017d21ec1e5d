"""A training that another system is told of: when it starts, and how it ends."""

from collections.abc import Callable
from typing import Literal

from flyball.core.errors import FlyballError
from flyball.loop.making.trained import TrainResult
from flyball.ports.training import Learned, Lineage


def traced(lineage: Lineage | None, job: Literal["train", "register"], cause: str, work: Callable[[], TrainResult]) -> TrainResult:
    """Do the work and give its result; without `lineage`, nobody is told."""
    if lineage is None:
        return work()
    attempt = lineage.started(job, cause)
    try:
        result = work()
    except BaseException as error:
        lineage.failed(job, attempt, error.message if isinstance(error, FlyballError) else type(error).__name__)
        raise
    learned = Learned(
        run_id=result.run_id,
        snapshot=result.snapshot,
        version=result.version,
        bundle=result.bundle,
        verdict=result.gate.verdict.value,
    )
    lineage.completed(job, attempt, learned)
    return result
