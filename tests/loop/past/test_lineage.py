"""From one answer back to its data, and whether what the chain names is still there with the recorded bytes."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyball.adapters.git import GitSources
from flyball.core.errors import NotFoundError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import RolloutStarted
from flyball.journal.known import Watch
from flyball.loop.past.history import Production
from flyball.loop.past.lineage import Chain, chain_of, part_of
from flyball.loop.past.lineage_check import Held, check_chain, holds
from flyball.serving.records import Prediction
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from flyball.wiring import open_workshop
from recorded import an_answer, git

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say of themselves is not ours to answer for

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def chain(project: Path) -> Chain:
    stores = open_stores(read_settings(project, {}))
    stores.predictions.ingest()
    return chain_of(an_answer(project), stores.predictions, stores.journal, stores.bundles)


def checked(project: Path, found: Chain, scratch: Path) -> dict[str, Held]:
    settings = read_settings(project, {})
    workshop = open_workshop(settings, load_spec(project), echo=lambda _: None)
    scratch.mkdir()
    told = check_chain(
        found,
        bundles=workshop.bundles,
        tracker=workshop.tracker,
        snapshots=workshop.snapshots,
        sources=GitSources(project),
        folder=scratch,
    )
    assert holds(told) is all(one.verdict is not Verdict.FAIL for one in told)
    return {one.link: one for one in told}


def test_the_chain_of_an_answer_leads_to_production_code_and_data_and_holds(recorded: Path, tmp_path: Path) -> None:
    found = chain(recorded)
    assert found.lineage is not None and found.registered is not None and found.production is not None
    assert (found.prediction.version, found.production.champion) == (1, 1)
    assert found.lineage.commit == git(recorded, "rev-parse", "HEAD")
    assert found.lineage.dirty_diff_sha256 == ""
    assert found.bundle == found.registered.bundle
    assert found.snapshot_path == "snapshots/churn.parquet"
    assert found.part is not None
    told = checked(recorded, found, tmp_path / "scratch")
    assert {link: one.verdict for link, one in told.items()} == dict.fromkeys(
        ("bundle", "answer", "run", "environment", "commit", "data"), Verdict.PASS
    )
    assert told["answer"].reason.code == "held.answer"


def test_an_id_that_nobody_gave_is_not_found(recorded: Path) -> None:
    stores = open_stores(read_settings(recorded, {}))
    with pytest.raises(NotFoundError, match="no prediction 'nobody'"):
        chain_of("nobody", stores.predictions, stores.journal, stores.bundles)


def test_a_changed_answer_a_lost_commit_and_lost_data_are_each_told(recorded: Path, tmp_path: Path) -> None:
    chain(recorded)
    with closing(sqlite3.connect(recorded / "flyball.db")) as connection, connection:
        connection.execute("UPDATE predictions SET score = score * 0.5")
    shutil.rmtree(recorded.parent / ".git")
    shutil.rmtree(recorded / ".dvc" / "cache")
    (recorded / "snapshots" / "churn.parquet").unlink()
    told = checked(recorded, chain(recorded), tmp_path / "scratch")
    failed = {link for link, one in told.items() if one.verdict is Verdict.FAIL}
    assert failed == {"answer", "commit", "data"}
    assert told["answer"].reason.code == "held.answer_differs"


def test_a_lost_bundle_and_a_lost_run_are_told_and_the_rest_is_still_looked_at(recorded: Path, tmp_path: Path) -> None:
    shutil.rmtree(recorded / ".flyball" / "bundles")
    shutil.rmtree(recorded / "mlartifacts")
    found = chain(recorded)
    assert found.lineage is None
    assert "is not in" in found.trouble
    told = checked(recorded, found, tmp_path / "scratch")
    assert (told["bundle"].verdict, told["answer"].verdict, told["run"].verdict) == (Verdict.FAIL, Verdict.UNDECIDED, Verdict.FAIL)


PREDICTION = Prediction(
    prediction_id="p",
    model="m",
    version=1,
    variant="champion",
    worker="w",
    at=T0,
    made_at=T0,
    unit=None,
    entity=None,
    client_id=None,
    label=1,
    score=0.5,
    features={},
    context={},
)
RUNNING = RolloutStarted(
    version=2,
    champion=1,
    strategy="experiment",
    metric="brier",
    spec_digest="",
    start_at=T0,
    deadline_at=T0 + timedelta(days=9),
    reason=because("x"),
    share=0.25,
)
STOOD = Production(
    model="m",
    at=T0,
    seq=4,
    champion=1,
    champion_since=T0,
    challenger=2,
    challenger_share=0.25,
    shadow=(),
    previous=None,
    bundles={},
    rollout=RUNNING,
    paused=None,
    waiting=None,
    watch=None,
    training=None,
    freeze=None,
    firing={},
)


@pytest.mark.parametrize(
    ("prediction", "stood", "code"),
    [
        (PREDICTION, STOOD, "trace.control"),
        (replace(PREDICTION, version=2, variant="challenger"), STOOD, "trace.challenger"),
        (PREDICTION, replace(STOOD, challenger_share=0.0, rollout=replace(RUNNING, strategy="shadow")), "trace.shadowed"),
        (PREDICTION, replace(STOOD, challenger_share=0.0), "trace.champion"),  # the experiment is paused
        (replace(PREDICTION, variant="unassigned"), STOOD, "trace.unassigned"),
        (replace(PREDICTION, variant="override"), STOOD, "trace.override"),
        (replace(PREDICTION, variant="holdback"), STOOD, "trace.holdback"),
        (PREDICTION, replace(STOOD, rollout=None, challenger=None), "trace.champion"),
        (
            PREDICTION,
            replace(STOOD, rollout=None, challenger=None, watch=Watch(version=1, previous=7, since=T0, until=T0)),
            "trace.watched",
        ),
        (replace(PREDICTION, version=2, variant="challenger"), replace(STOOD, rollout=None), "trace.staged"),
        (replace(PREDICTION, version=3), STOOD, "trace.not_champion"),
        (replace(PREDICTION, variant="pinned"), STOOD, "trace.pinned"),
        (replace(PREDICTION, worker="elsewhere-1"), STOOD, "trace.elsewhere"),
    ],
)
def test_what_an_answer_was_part_of_follows_from_what_stood_then(prediction: Prediction, stood: Production, code: str) -> None:
    assert part_of(prediction, stood).code == code
