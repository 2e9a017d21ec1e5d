"""Whether the chain behind an answer still holds: is everything it names here, with the recorded bytes, and is the answer the same."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.digest import sha256_bytes
from flyball.core.errors import FlyballError, NotFoundError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.loop.making.enrol import kept_of
from flyball.loop.making.trained import Kept
from flyball.loop.past.lineage import Chain
from flyball.ports.serving import BundleStore
from flyball.ports.training import Snapshots, Sources, Tracker
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Lineage, Manifest
from flyball.serving.engine import TIE, labels, load_engine
from flyball.serving.records import Prediction

_DEADLINE = 120.0  # seconds that a model which runs its own code may take over one row


@record
class Held:
    """One link of the chain, looked at. `undecided`: nothing here can tell; `not applicable`: there never was such a thing."""

    link: str
    verdict: Verdict
    reason: Reason


def check_chain(
    chain: Chain, *, bundles: BundleStore, tracker: Tracker, snapshots: Snapshots, sources: Sources, folder: Path
) -> list[Held]:
    """Look at bundle, answer, run, environment, code and data, in this order. What the run kept is fetched into `folder`."""
    if chain.registered is None:
        return [Held(link="version", verdict=Verdict.UNDECIDED, reason=because("held.no_version", version=chain.prediction.version))]
    found = _bundle_and_answer(chain, bundles)
    if chain.registered.source:
        source = chain.registered.source
        return [*found, Held(link="run", verdict=Verdict.NOT_APPLICABLE, reason=because("held.adopted", source=source))]
    run_id = chain.registered.run_id
    try:
        tracker.fetch(run_id, folder)
        kept = kept_of(folder)
    except FlyballError as error:
        return [*found, Held(link="run", verdict=Verdict.FAIL, reason=because("held.gone", error=error.message))]
    found.append(Held(link="run", verdict=Verdict.PASS, reason=because("held.run", run=run_id)))
    if chain.lineage is not None:
        found += _texts(chain.lineage, folder, sources)
    return [*found, _snapshot(kept, chain, snapshots)]


def holds(checks: Sequence[Held]) -> bool:
    """Whether nothing speaks against the chain."""
    return all(one.verdict is not Verdict.FAIL for one in checks)


def _bundle_and_answer(chain: Chain, bundles: BundleStore) -> list[Held]:
    try:
        folder = bundles.path(chain.bundle)
        manifest = read_manifest(folder, chain.bundle)
    except FlyballError as error:
        gone = Held(link="bundle", verdict=Verdict.FAIL, reason=because("held.gone", error=error.message))
        return [gone, Held(link="answer", verdict=Verdict.UNDECIDED, reason=because("held.no_bundle"))]
    told = because("held.bundle", digest=chain.bundle[:12], files=len(manifest.files))
    return [Held(link="bundle", verdict=Verdict.PASS, reason=told), _answer(chain.prediction, folder, manifest)]


def _answer(logged: Prediction, folder: Path, manifest: Manifest) -> Held:
    """The logged features, scored again by that bundle."""
    if not logged.features:
        return Held(link="answer", verdict=Verdict.UNDECIDED, reason=because("held.no_features"))
    missing = [name for name in manifest.schema.names if name not in logged.features]
    if missing:
        return Held(link="answer", verdict=Verdict.UNDECIDED, reason=because("held.other_features", columns=", ".join(missing)))
    try:
        engine = load_engine(folder, manifest, trusted=True, deadline=_DEADLINE)
        scores = engine.score_rows([tuple(logged.features[name] for name in manifest.schema.names)])
    except FlyballError as error:
        return Held(link="answer", verdict=Verdict.FAIL, reason=because("held.no_score", error=error.message))
    difference = float(np.max(np.abs(np.ravel(scores) - np.ravel(np.asarray(logged.score, dtype=np.float64)))))
    said = _said(scores, manifest)
    values: dict[str, Value] = {"then": str(logged.label), "now": said or str(logged.label), "difference": difference}
    if difference == 0.0:
        return Held(link="answer", verdict=Verdict.PASS, reason=because("held.answer", **values))
    if difference <= TIE and values["then"] == values["now"]:
        return Held(link="answer", verdict=Verdict.PASS, reason=because("held.answer_close", **values))
    return Held(link="answer", verdict=Verdict.FAIL, reason=because("held.answer_differs", **values))


def _said(scores: NDArray[np.float64], manifest: Manifest) -> str:
    """The label these scores stand for; empty for a regression, whose score is its answer."""
    if not manifest.classes:
        return ""
    found = labels(scores, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes)
    return str(np.asarray(found).tolist()[0])


def _texts(lineage: Lineage, folder: Path, sources: Sources) -> list[Held]:
    """Environment and code, as the run kept them."""
    environment = _kept_text(folder / "environment.txt", lineage.environment_sha256, "environment")
    if not lineage.commit:
        return [environment, Held(link="commit", verdict=Verdict.NOT_APPLICABLE, reason=because("held.no_git"))]
    known = sources.knows(lineage.commit)
    verdict = Verdict.PASS if known else Verdict.FAIL
    commit = Held(link="commit", verdict=verdict, reason=because("held.commit" if known else "held.no_commit", commit=lineage.commit))
    if not lineage.dirty_diff_sha256:
        return [environment, commit]
    return [environment, commit, _kept_text(folder / "uncommitted.diff", lineage.dirty_diff_sha256, "diff")]


def _kept_text(path: Path, recorded: str, link: str) -> Held:
    if not path.is_file():
        return Held(link=link, verdict=Verdict.FAIL, reason=because("held.no_file", name=path.name))
    same = sha256_bytes(path.read_bytes()) == recorded
    code = "held.file" if same else "held.file_differs"
    return Held(link=link, verdict=Verdict.PASS if same else Verdict.FAIL, reason=because(code, name=path.name, digest=recorded[:12]))


def _snapshot(kept: Kept, chain: Chain, snapshots: Snapshots) -> Held:
    snapshot = kept.snapshot
    assert chain.registered is not None
    if snapshot.digest != chain.registered.snapshot:
        told = because("held.other_snapshot", found=snapshot.digest[:12], recorded=chain.registered.snapshot[:12])
        return Held(link="data", verdict=Verdict.FAIL, reason=told)
    try:
        rows = snapshots.restore(snapshot).rows
    except (FlyballError, NotFoundError) as error:
        return Held(link="data", verdict=Verdict.FAIL, reason=because("held.gone", error=error.message))
    told = because("held.snapshot", rows=rows, path=snapshot.path, digest=snapshot.digest[:12], md5=snapshot.dvc_md5)
    return Held(link="data", verdict=Verdict.PASS, reason=told)
