"""The fit of a training: by the project's function, in the user's own environment, or by another system. Each is found again later."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from flyball.core.codec import from_json, to_json
from flyball.core.reason import Reason, because
from flyball.journal.known import State
from flyball.loop.making.external import Asked, ask_once, other_system, request_of, wait_for_version
from flyball.loop.making.gather import Gathered
from flyball.loop.making.workshop import Workshop
from flyball.ports.training import Fitted
from flyball.spec.records import Spec
from flyball.training.records import FitOrder

Progress = Callable[[str], None]
_MADE = "made-elsewhere"


def fit(spec: Spec, workshop: Workshop, gathered: Gathered, folder: Path, progress: Progress) -> Fitted:
    """Have the trainer fit, unless an earlier attempt came this far."""
    done = folder / "fitted.json"
    if done.is_file():
        progress("fit: continued from an attempt that was interrupted")
        return from_json(done.read_bytes(), Fitted)
    np.save(folder / "train.npy", gathered.split.train)
    np.save(folder / "test.npy", gathered.split.test)
    fitted = workshop.trainer.fit(order_of(spec, gathered, folder))
    draft = folder / "fitted.json.draft"
    draft.write_text(to_json(fitted))
    draft.replace(done)
    progress(f"fit: {fitted.seconds.get('fit', 0):.1f} s, engine {fitted.engine} {fitted.engine_reason}".rstrip())
    return fitted


def order_of(spec: Spec, gathered: Gathered, folder: Path) -> FitOrder:
    """What the trainer is to do with the rows that lie in the folder."""
    train = spec.train
    return FitOrder(
        run=train.run,
        params=train.params,
        task=spec.model.task,
        threshold=spec.model.cut,
        schema=gathered.schema,
        target=spec.data.target,
        booleans=tuple(sorted(gathered.rows.booleans)),
        folder=folder,
        timeout=train.timeout,
        weight=gathered.weight,
        command=train.command,
        python=train.python,
        given=train.external is not None,
    )


def bring_model(
    spec: Spec,
    workshop: Workshop,
    gathered: Gathered,
    state: State,
    asked: Asked,
    *,
    kept: "Future[tuple[str, str]]",
    digest: str,
    folder: Path,
    progress: Progress,
) -> int:
    """Ask the other system, wait, and put its model where `fit` finds it: 0. The number of a version that it registered itself."""
    model = folder / "exchange" / "model"
    if (model / "MLmodel").is_file():
        return 0

    def request() -> dict[str, object]:
        where, md5 = kept.result()
        snapshot = {"path": where, "sha256": digest, "dvc_md5": md5}
        return request_of(spec, workshop, gathered, state, asked, snapshot=snapshot)

    new = ask_once(spec, workshop, request, asked.action, folder)
    progress(f"external: {'asked' if new else 'had asked'} for {asked.action}, waiting for a version")
    left = spec.train.timeout
    if not new:  # time went by since it was asked
        left -= datetime.now(UTC) - datetime.fromtimestamp((folder / "asked.json").stat().st_mtime, UTC)
    found = wait_for_version(spec, workshop, asked.action, timeout=max(left, timedelta(0)))
    if isinstance(found, int):
        return found
    model.parent.mkdir(exist_ok=True)
    other_system(workshop).fetch(found, model)
    (folder / _MADE).write_text(found, encoding="utf-8")
    progress(f"external: got {found}")
    return 0


def noticed(gathered: Gathered, fitted: Fitted, folder: Path) -> tuple[Reason, ...]:
    """What the reader of the result should know: of the rows, of who made the model, and of what serves it."""
    found, path = list(gathered.warnings), folder / _MADE
    if path.is_file():
        cut = "" if gathered.split.cut_at is None else f"{gathered.split.cut_at:%Y-%m-%d %H:%M}"
        found.append(because("train.external", version=path.read_text(encoding="utf-8"), cut=cut))
    if fitted.engine == "native":
        found.append(because("train.native", reason=fitted.engine_reason))
    return tuple(found)
