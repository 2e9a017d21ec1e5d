"""The fit of a training: by the project's function, in the user's own environment, or by another system. Each is found again later."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from flyball.core.codec import from_json, to_json
from flyball.core.errors import StoreError
from flyball.core.reason import Reason, because
from flyball.journal.known import State
from flyball.loop.making.external import Asked, ask_once, late_answers, made_already, other_system, request_of, wait_for_version
from flyball.loop.making.gather import Gathered
from flyball.loop.making.sent import answered, sent_for
from flyball.loop.making.workshop import Workshop
from flyball.ports.training import Fitted
from flyball.spec.records import Spec
from flyball.training.records import FitOrder, WorkingTree

Progress = Callable[[str], None]
_MADE = "made-elsewhere"
_NOTES = "noticed.json"


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
    """Ask the other system, wait, and put its model where `fit` finds it: 0. The number of a version that it registered itself.

    Nothing is asked for an action that there is a version for, whoever asked for it and with whichever rows.
    """
    model = folder / "exchange" / "model"
    if (model / "MLmodel").is_file():
        return 0

    def request() -> dict[str, object]:
        where, md5 = kept.result()
        snapshot = {"path": where, "sha256": digest, "dvc_md5": md5}
        return request_of(spec, workshop, gathered, state, asked, snapshot=snapshot)

    look_for_late(spec, workshop, asked, folder, progress)
    try:
        found = made_already(spec, workshop, asked.action)
    except StoreError:  # it is looked for again while waiting
        found = ""
    if not found:
        new = ask_once(spec, workshop, request, asked.action, now=datetime.now(UTC))
        progress(f"external: {'asked' if new else 'had asked'} for {asked.action}, waiting for a version")
        sent = sent_for(spec.folder, asked.action)
        left = spec.train.timeout - (datetime.now(UTC) - sent.at if sent is not None else timedelta(0))  # time went by since it was asked
        found = wait_for_version(spec, workshop, asked.action, timeout=max(left, timedelta(0)))
        look_for_late(spec, workshop, asked, folder, progress)
    answered(spec.folder, asked.action, str(found))
    if isinstance(found, int):
        return found
    model.parent.mkdir(exist_ok=True)
    other_system(workshop).fetch(found, model)
    sent = sent_for(spec.folder, asked.action)
    if sent is not None and sent.snapshot not in ("", digest):
        _note(folder, because("train.external_other_rows", version=found, asked=sent.snapshot[:12], now=digest[:12]))
    (folder / _MADE).write_text(found, encoding="utf-8")
    progress(f"external: got {found}")
    return 0


def look_for_late(spec: Spec, workshop: Workshop, asked: Asked, folder: Path, progress: Progress) -> None:
    """Tell of what another system made for a training that is waited for no more, and of what it may still be at."""
    came, still = late_answers(spec, workshop, asked.action, now=datetime.now(UTC))
    for action, version in came:
        reason = because("train.external_late", version=version, action=action)
        _note(folder, reason)
        progress(f"external: {workshop.sentence(reason)}")
    for one in still:
        progress(f"external: {one.action} was asked for {one.at:%Y-%m-%d %H:%M} UTC, is waited for no more, and may still be trained")


def _note(folder: Path, reason: Reason) -> None:
    """Keep a reason for `noticed`, also if this attempt is interrupted."""
    path = folder / _NOTES
    notes = from_json(path.read_bytes(), list[Reason]) if path.is_file() else []
    if reason not in notes:
        path.write_text(to_json([*notes, reason]), encoding="utf-8")


def noticed(gathered: Gathered, fitted: Fitted, folder: Path, tree: WorkingTree) -> tuple[Reason, ...]:
    """What the reader of the result should know: of the rows, of who made the model, of what serves it, and of a commit that is lost."""
    found, path = list(gathered.warnings), folder / _MADE
    if path.is_file():
        cut = "" if gathered.split.cut_at is None else f"{gathered.split.cut_at:%Y-%m-%d %H:%M}"
        found.append(because("train.external", version=path.read_text(encoding="utf-8"), cut=cut))
    notes = folder / _NOTES
    if notes.is_file():
        found += from_json(notes.read_bytes(), list[Reason])
    if fitted.engine == "native":
        found.append(because("train.native", reason=fitted.engine_reason))
    if tree.trouble:
        found.append(because("train.no_commit", said=tree.trouble))
    return tuple(found)
