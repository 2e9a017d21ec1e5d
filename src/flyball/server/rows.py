"""What is logged of an answered row, and many of them as columns."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

from flyball.serving.codecs import Context, encode_label
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, Score, Scored
from flyball.serving.records import Label, PredictionBatch


class LogRow(NamedTuple):
    """One answered row."""

    prediction_id: str
    version: int
    variant: str
    at: int
    made_at: int
    unit: str | None
    entity: str | None
    client_id: str | None
    label: Label
    score: Score
    features: Row
    context: Context | None
    propensity: float | None = None


Rows = Sequence[LogRow | tuple[Any, ...]]
Group = tuple[LiveModel, Rows]


def log_rows(
    ids: list[str],
    variant: str,
    scored: Scored,
    rows: Sequence[Row],
    entities: list[str | None],
    client_ids: list[str | None],
    *,
    at: int,
    made_at: int,
    unit: str | None,
    context: Context | None,
    propensity: float | None = None,
) -> Rows:
    """The answered rows of one request. What a model of several outputs said is logged as its JSON text.

    `propensity`: how likely the variant was for this unit; None where nothing was left to chance.
    """
    labels = _labels(scored)
    same = [repeat(value) for value in (scored.version, variant, at, made_at, unit)]
    return list(zip(ids, *same, entities, client_ids, labels, scored.scores, rows, repeat(context), repeat(propensity), strict=False))


def batch_of(live: LiveModel, rows: Rows, worker: str) -> PredictionBatch:
    """Answered rows as columns."""
    columns: list[Any] = list(zip(*rows, strict=True))
    return PredictionBatch(
        model=live.model,
        worker=worker,
        schema_id=live.contract.schema_id,
        feature_names=list(live.contract.names),
        prediction_id=columns[0],
        version=columns[1],
        variant=columns[2],
        shadow=[False] * len(rows),
        at=columns[3],
        made_at=columns[4],
        unit=columns[5],
        entity=columns[6],
        client_id=columns[7],
        label=columns[8],
        score=columns[9],
        features=columns[10],
        context=columns[11],
        propensity=columns[12] if columns[12].count(None) < len(rows) else [],
    )


def shadow_batch_of(live: LiveModel, rows: list[LogRow], scored: Scored, worker: str) -> PredictionBatch:
    """The same rows as a shadow version saw them: the answered rows' ids, nothing of their features."""
    nothing = [None] * len(rows)
    return PredictionBatch(
        model=live.model,
        worker=worker,
        schema_id=live.contract.schema_id,
        feature_names=list(live.contract.names),
        prediction_id=[row.prediction_id for row in rows],
        version=[scored.version] * len(rows),
        variant=["challenger"] * len(rows),
        shadow=[True] * len(rows),
        at=[row.at for row in rows],
        made_at=[row.made_at for row in rows],
        unit=[row.unit for row in rows],
        entity=[row.entity for row in rows],
        client_id=list(nothing),
        label=_labels(scored),
        score=scored.scores,
        features=list(nothing),
        context=list(nothing),
    )


def _labels(scored: Scored) -> list[Label]:
    return [encode_label(said) if isinstance(said, list) else said for said in scored.labels]
