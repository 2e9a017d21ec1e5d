"""A version whose scores a test makes up, with rows it was held out from: what behavioural tests are tried on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.loop.behaviour.records import Subject
from flyball.registry.records import Lineage, Manifest

SCHEMA = Schema(
    columns=(
        Column(name="age", kind="number", nullable=False),
        Column(name="calls", kind="integer", nullable=True),
        Column(name="member", kind="boolean", nullable=False),
        Column(name="plan", kind="category", nullable=True, categories=("basic", "plus")),
    )
)
MANIFEST = Manifest(
    bundle_format=1,
    model="m",
    task="binary",
    schema=SCHEMA,
    classes=(0, 1),
    threshold=0.5,
    engine="trees",
    engine_reason="",
    parity=None,
    files={},
    lineage=Lineage(
        run_id="r",
        commit="",
        dirty_diff_sha256="",
        snapshot="",
        dvc_md5="",
        spec_digest="",
        code_digest="",
        identity="",
        environment_sha256="",
    ),
    trained_from=None,
    trained_until=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
Score = Callable[[Table], NDArray[np.float64]]


def people(rows: int = 400, seed: int = 0) -> Table:
    """People with an id and what became of them: the older, the likelier."""
    chance = np.random.default_rng(seed)
    age = chance.uniform(20, 80, rows)
    calls = chance.integers(0, 6, rows).astype(np.float64)
    calls[::10] = np.nan
    plan = np.array([None if number % 17 == 0 else ("basic", "plus")[number % 2] for number in range(rows)], dtype=object)
    return Table(
        {
            "id": np.array([f"p{number}" for number in range(rows)], dtype=object),
            "age": age,
            "calls": calls,
            "member": chance.random(rows) < 0.5,
            "plan": plan,
            "gone": (chance.random(rows) < age / 100).astype(np.int64),
        }
    )


def by_age(table: Table) -> NDArray[np.float64]:
    """The older, the likelier; nothing else matters."""
    return np.asarray(np.clip(table["age"] / 100, 0.0, 1.0), dtype=np.float64)


def subject(score: Score = by_age, rows: Table | None = None, manifest: Manifest = MANIFEST) -> Subject:
    """The version."""
    held = people() if rows is None else rows
    return Subject(
        model="m",
        version=1,
        run_id="r",
        bundle="b",
        path=Path("nowhere"),
        manifest=manifest,
        score=score,
        rows=held,
        all_rows=held,
        target="gone",
        id="id",
    )


def of_three() -> Manifest:
    """The manifest of a model with three classes."""
    return replace(MANIFEST, task="multiclass", classes=("a", "b", "c"))
