"""Texts of the training against recent ones: as the vectors that the model has for them, else by what they look like."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.reason import Reason, because
from flyball.core.schema import Column, Schema
from flyball.core.table import Table, concat
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.data.profile import Reference
from flyball.loop.making.workshop import Workshop
from flyball.monitoring.multivariate import TEXTS_MOVED, VectorFound, vector_found
from flyball.monitoring.texts import FACTS, facts, may_be_texts, mostly_unique
from flyball.ports.serving import BundleStore
from flyball.ports.training import Embedded
from flyball.registry.bundle import read_manifest

Codes = NDArray[np.int64]
# (rows, text columns → whether any step of the model counts) → vectors of those the model has some for, or why it was not opened.
Embed = Callable[[Table, Mapping[str, bool]], Mapping[str, Embedded] | Reason]

# Per column of texts: a row of `FACTS` for each text then, and now.
Looks = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]

# Texts of each side that go through the model.
_MOST_TEXTS = 2_000


def text_columns(schema: Schema, reference: Reference, past: Table) -> dict[str, bool]:
    """Columns that hold texts → true; those that hold some if the model says so → false."""
    found = {}
    for column in schema.columns:
        if column.kind != "category" or column.name not in reference.columns:
            continue
        unique = mostly_unique(reference.columns[column.name])
        if unique or may_be_texts(past[column.name]):
            found[column.name] = unique
    return found


def looks_of(texts: Mapping[str, bool], past: Table, fresh: Table, day: Codes) -> Looks:
    """What the texts look like, then and now, of the columns that hold nothing else."""
    if not past.rows or not fresh.rows:
        return {}
    return {name: facts(past[name], fresh[name], day) for name, unique in texts.items() if unique}


def with_looks(looks: Looks, past: Table, fresh: Table, schema: Schema) -> tuple[Table, Table, Schema]:
    """The rows with numbers about each text in place of the texts, which no classifier can learn by name."""
    kept = [column for column in schema.columns if column.name not in looks]
    sides = [{column.name: table[column.name] for column in kept} for table in (past, fresh)]
    for name, both in looks.items():
        for side, rows in zip(sides, both, strict=True):
            side.update({f"{name}: {fact}": rows[:, at] for at, fact in enumerate(FACTS)})
    added = [Column(name=name, kind="number", nullable=True) for name in sides[0] if name not in schema.names]
    return Table(sides[0]), Table(sides[1]), Schema(columns=(*kept, *added))


def texts_found(
    texts: Mapping[str, bool],
    looks: Looks,
    past: Table,
    fresh: Table,
    days: tuple[Codes, Codes],
    schema: Schema,
    version: int,
    embed: Embed,
    *,
    timed: bool,
) -> tuple[dict[str, VectorFound], list[Reason]]:
    """How far the texts of each column moved, and why they were not compared as the model reads them, where that is so."""
    if not texts or not past.rows or not fresh.rows:
        return {}, []
    generator = np.random.default_rng(version)
    old, new = (_some(table, texts, generator) for table in (past, fresh))
    answer = embed(concat([_plain(past.take(old), schema), _plain(fresh.take(new), schema)]), texts)
    embedded: Mapping[str, Embedded] = {} if isinstance(answer, Reason) else answer
    notes = [answer] if isinstance(answer, Reason) and any(texts.values()) else []
    found: dict[str, VectorFound] = {}
    for name in texts:
        one = embedded.get(name)
        if one is not None and not one.error:
            vectors = one.vectors[: len(old)], one.vectors[len(old) :]
            moved = vector_found(name, [name], *vectors, days[0][old], days[1][new], margin=TEXTS_MOVED, units=False, timed=timed)
            found[name] = _said(moved, "text", name, by=one.by)
        elif name in looks:
            moved = vector_found(name, [name], *looks[name], *days, margin=TEXTS_MOVED, timed=timed)
            found[name] = _said(moved, "facts", name)
            if one is not None:
                notes.append(because("multivariate.embedding_failed", name=name, error=one.error))
            elif not isinstance(answer, Reason):
                notes.append(because("multivariate.no_embedding", name=name, version=version))
    return found, notes


def embedder(workshop: Workshop, bundles: BundleStore, digest: str, version: int) -> Embed:
    """Vectors by the model of a version, opened in the process that trainings run in if it was trained here and is as it was signed.

    A compiled version answers without its pickle, which then lies in MLflow only: it is fetched and held against the signed bundle.
    """

    def embed(rows: Table, columns: Mapping[str, bool]) -> Mapping[str, Embedded] | Reason:
        try:
            bundle = bundles.path(digest)
            manifest = read_manifest(bundle, digest)
            native = manifest.engine == "native"
            if not native and not manifest.model_sha256:
                return because("multivariate.model_not_signed", version=version)
            with tempfile.TemporaryDirectory(prefix="flyball-texts-") as made:
                folder = Path(made)
                if not native:
                    (folder / "run").mkdir()
                    workshop.tracker.fetch(manifest.lineage.run_id, folder / "run")
                return workshop.trainer.embed(bundle, digest, folder / "run" / "model", rows, columns, folder)
        except FlyballError as error:
            return because("multivariate.not_opened", version=version, why=error.message)

    return embed


def _plain(table: Table, schema: Schema) -> Table:
    """The columns a model reads, as a file can hold them, whatever they were sent as."""
    columns = {}
    for column in schema.columns:
        if column.kind != "category":
            columns[column.name] = NumberCells.as_numbers(table[column.name])[0]
            continue
        columns[column.name] = np.empty(table.rows, dtype=object)
        texts = [text_of(value) for value in table[column.name].tolist()]
        columns[column.name][:] = [text if text is None else text.encode(errors="replace").decode() for text in texts]
    return Table(columns)


def _some(table: Table, texts: Mapping[str, bool], generator: np.random.Generator) -> Codes:
    """Row numbers with any text: all, or a random part of them where there are many."""
    there = np.zeros(table.rows, dtype=bool)
    for name in texts:
        there |= np.array([text_of(value) is not None for value in table[name].tolist()], dtype=bool)
    rows = np.flatnonzero(there).astype(np.int64)
    return rows if len(rows) <= _MOST_TEXTS else np.sort(generator.choice(rows, _MOST_TEXTS, replace=False))


def _said(found: VectorFound, kind: str, name: str, **values: str) -> VectorFound:
    """The same with a sentence about texts; what it takes to say anything is said as of all vectors."""
    if found.state == "insufficient data":
        return found
    reason = because(f"multivariate.{kind}_{found.state}", name=name, distance=found.distance, threshold=found.threshold, **values)
    return replace(found, reason=reason)
