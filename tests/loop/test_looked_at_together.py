"""All columns at once for a trained version: its snapshot restored, against what it answered lately."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flyball.adapters.dvc.snapshots import DvcSnapshots
from flyball.adapters.sklearn.apart import tell_apart
from flyball.core.errors import NotFoundError
from flyball.core.reason import Reason
from flyball.core.table import Table
from flyball.data.records import Snapshot
from flyball.journal.state import fold
from flyball.loop.memory import Memory
from flyball.loop.multivariate import multivariate
from flyball.monitoring.multivariate import MultivariateFound
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_world
from flyball.words.sentences import sentence
from trained import CUSTOMER, MODEL, Shop, change, flyball, only_our_warnings

NOW = datetime(2025, 4, 1, tzinfo=UTC)


class Gone(DvcSnapshots):
    """A project whose snapshots were not kept."""

    def restore(self, snapshot: Snapshot) -> Table:
        raise NotFoundError("it is not here")


def unasked(rows: Table, columns: Mapping[str, bool]) -> Reason:
    raise AssertionError(f"no column of a shop holds texts, but {list(columns)} were taken for some")


def look(folder: Path, snapshots: DvcSnapshots | None = None, *, timed: bool = True) -> MultivariateFound:
    settings, spec = read_settings(folder), load_spec(folder.resolve())
    if not timed:
        spec = replace(spec, data=replace(spec.data, time=None, unit=None), monitor=replace(spec.monitor, embeddings={"all": "*c*"}))
    with only_our_warnings():
        world = open_world(settings)
        world.predictions.ingest()
        state = fold(MODEL, world.journal.read(MODEL))
        kept = snapshots or DvcSnapshots(settings.folder)
        return multivariate(world, kept, tell_apart, unasked, spec, state, 2, Memory(), now=NOW)


@pytest.fixture(scope="module")
def rows(shop: Shop) -> pd.DataFrame:
    """The rows of the training, as a table of what the model reads."""
    found = sorted((shop.folder / "snapshots").rglob("*.parquet")) or sorted(shop.folder.rglob("*.parquet"))
    return pd.read_parquet(found[-1])


def answer(folder: Path, rows: pd.DataFrame, **changed: Any) -> None:
    """Log these rows as answered in the seven days before NOW."""
    moments = [NOW - timedelta(days=6.9) + timedelta(days=6.8) * part for part in np.linspace(0, 1, len(rows))]
    frame = rows[list(CUSTOMER)].assign(prediction=0, observed_at=[moment.isoformat() for moment in moments], **changed)
    frame.to_csv(folder / "answered.csv", index=False)
    said = flyball(folder, "log", str(folder / "answered.csv"), "--version", "2")
    assert said.status == 0, said.err


def test_recent_rows_like_the_training_are_not_told_apart_and_shuffled_ones_are(own: Shop, rows: pd.DataFrame) -> None:
    generator = np.random.default_rng(0)
    answer(own.folder, rows.sample(1200, random_state=1))
    still = look(own.folder)
    assert still.domain.state == "ok", sentence(still.domain.reason)
    assert still.domain.rows[1] == 1200 and still.version == 2
    # Every value is one that was there before; what belonged to one customer now belongs to another.
    answer(own.folder, rows.sample(1200, random_state=2), charge_per_tenure=lambda frame: generator.permutation(frame["charge_per_tenure"]))
    mixed = look(own.folder)
    assert mixed.domain.auc > still.domain.auc + 0.1
    assert mixed.domain.state == "drift", sentence(mixed.domain.reason)
    assert "charge_per_tenure" in list(mixed.domain.columns)[:3]


def test_without_predictions_or_without_the_rows_it_says_so(own: Shop) -> None:
    assert sentence(look(own.folder).domain.reason).startswith("insufficient data")
    gone = look(own.folder, Gone(own.folder))
    assert sentence(gone.domain.reason) == "insufficient data: the rows version 2 was trained on are not kept here"
    assert gone.domain.state == "insufficient data"


def test_without_a_time_each_row_stands_for_itself_on_both_sides(own: Shop, rows: pd.DataFrame) -> None:
    answer(own.folder, rows.sample(1000, random_state=1))
    found = look(own.folder, timed=False)
    assert found.domain.days == found.domain.rows and found.domain.rows[1] == 1000
    assert found.domain.state == "ok", sentence(found.domain.reason)
    assert found.vectors["all"].state == "ok"


def test_it_is_shown_to_people_and_to_programs(own: Shop, rows: pd.DataFrame) -> None:
    answer(own.folder, rows.sample(1000, random_state=1), monthly_charges=lambda frame: frame["monthly_charges"] + 60.0)
    change(own.folder, "[monitor]", '[monitor]\nembeddings = { money = "*charge*" }')
    words = ("monitor", "--multivariate", "--window", "7d", "--version", "2", "--now", NOW.isoformat())
    found = flyball(own.folder, *words, "--json").json["multivariate"]
    assert (found["state"], found["vectors"]["money"]["state"]) == ("drift", "drift")
    assert found["auc"] > 0.9 and next(iter(found["columns"])) in ("monthly_charges", "charge_per_tenure")
    assert "money (2 columns) moved as a whole" in " ".join(flyball(own.folder, *words).out.split())
