"""One trial: a training that nobody registers, on the inner training rows, judged on the inner validation rows."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from flyball.core.errors import FlyballError, UserCodeError
from flyball.core.record import record
from flyball.loop.making.judge import Candidate, assess
from flyball.loop.tuning.records import TuneRows
from flyball.ports.mapping import Say
from flyball.ports.searching import Proposal, Tried
from flyball.ports.training import Trainer
from flyball.spec.records import Spec
from flyball.training.records import FitOrder

BEFORE = -1
"""The number of the trial with the parameters that the spec has."""


@record
class Bench:
    """What a trial needs, wherever it runs. `open_trainer` and all the rest can be pickled; `scratch` is seen by every worker."""

    spec: Spec
    rows: TuneRows
    metric: str
    scratch: Path
    open_trainer: Callable[[Path], Trainer]


def run_trial(bench: Bench, proposal: Proposal, say: Say) -> Tried:
    """Train and judge. What is wrong with the project's function under these parameters is an answer, not an error."""
    began = time.perf_counter()
    params = {**bench.spec.train.params, **proposal.params}
    with tempfile.TemporaryDirectory(prefix=f"trial-{max(proposal.number, 0)}-", dir=bench.scratch) as made:
        folder = Path(made)
        trainer = bench.open_trainer(folder)
        try:
            metrics = _metrics(bench, trainer, params, folder)
            error = "" if bench.metric in metrics else f"{bench.metric} cannot be computed on the validation rows"
        except UserCodeError as failed:
            metrics, error = {}, str(failed)
        finally:
            trainer.close()
    value = None if error else metrics[bench.metric]
    say(_told(proposal, bench.metric, value, error))
    return Tried(
        number=proposal.number,
        params=proposal.params,
        value=value,
        error=error,
        metrics=metrics,
        seconds=round(time.perf_counter() - began, 3),
    )


def _metrics(bench: Bench, trainer: Trainer, params: Mapping[str, object], folder: Path) -> Mapping[str, float]:
    spec, rows = bench.spec, bench.rows
    shutil.copyfile(rows.path, folder / "snapshot.parquet")
    np.save(folder / "train.npy", rows.split.train)
    np.save(folder / "test.npy", rows.split.test)
    train = spec.train
    fitted = trainer.fit(
        FitOrder(
            run=train.run,
            params=params,  # type: ignore[arg-type]  # what the spec allows and what is searched are plain values both
            task=spec.model.task,
            threshold=spec.model.cut,
            schema=rows.schema,
            target=spec.data.target,
            booleans=tuple(sorted(rows.rows.booleans)),
            folder=folder,
            timeout=train.timeout,
            weight=rows.weight,
            command=train.command,
            python=train.python,
            given=False,
        )
    )
    candidate = Candidate(
        test=rows.rows.table.take(rows.split.test),
        scores=np.load(folder / fitted.scores),
        classes=fitted.classes,
        trained_until=None,
        held_out="",
    )
    found = assess(spec, candidate)
    return {name: value for name, value in found.metrics.items()}


def _told(proposal: Proposal, metric: str, value: float | None, error: str) -> str:
    name = "the spec's own" if proposal.number == BEFORE else f"trial {proposal.number}"
    params = ", ".join(f"{key}={shown}" for key, shown in proposal.params.items()) or "as they are"
    return f"{name}: {metric} {value:.4f} with {params}" if value is not None else f"{name}: {error.splitlines()[0]} ({params})"


def first_error(error: str) -> FlyballError:
    """The error of a search of which no trial could be trained."""
    message, _, hint = error.partition("\n")
    return UserCodeError(f"no trial could be trained; the first: {message}", hint=hint.strip())
