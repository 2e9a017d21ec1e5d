"""Telling two tables apart: a gradient-boosted classifier, asked about days it has not seen, and what it went by."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.stats.scores import METRICS

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

FOLDS = 5
# Values of a text column that are told apart by name: the classifier takes no more.
_MOST_NAMES = 200


def tell_apart(before: Table, now: Table, schema: Schema, day: Codes, seed: int = 0) -> tuple[Floats, dict[str, float]]:
    """For each row (those of `before`, then those of `now`) how much it looks like `now`, said by a classifier that saw none of its day.

    `day`: numbers without gaps, one per row. Then for each column how much the area under the ROC curve falls when its values are
    shuffled among the rows that are asked about.
    """
    from threadpoolctl import threadpool_limits

    # One thread: threads that wait for each other on a busy machine take a hundred times as long as one that works.
    with threadpool_limits(limits=1):
        return _told(before, now, schema, day, seed)


def _told(before: Table, now: Table, schema: Schema, day: Codes, seed: int) -> tuple[Floats, dict[str, float]]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    generator = np.random.default_rng(seed)
    names = [column.name for column in schema.columns]
    rows = np.column_stack([_numbers(before, now, column.name, column.kind == "category") for column in schema.columns])
    recent = np.arange(len(rows)) >= before.rows
    fold = _folds(day, recent, generator)
    score = np.full(len(rows), float(recent.mean()))
    lost: dict[str, list[float]] = {name: [] for name in names}
    for number in range(FOLDS):
        asked = fold == number
        if len(np.unique(recent[~asked])) < 2 or not asked.any():
            continue
        weight = np.where(recent, 0.5 / max(recent[~asked].mean(), 1e-9), 0.5 / max(1.0 - recent[~asked].mean(), 1e-9))
        model = HistGradientBoostingClassifier(
            max_iter=40,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=1.0,
            early_stopping=False,
            categorical_features=[column.kind == "category" for column in schema.columns],
            random_state=seed,
        )
        model.fit(rows[~asked], recent[~asked], sample_weight=weight[~asked])
        score[asked] = model.predict_proba(rows[asked])[:, 1]
        area = _area(recent[asked], score[asked])
        for at, name in enumerate(names):
            shuffled = rows[asked]
            shuffled[:, at] = generator.permutation(shuffled[:, at])
            lost[name].append(area - _area(recent[asked], model.predict_proba(shuffled)[:, 1]))
    return score, {name: float(np.mean(values)) if values else 0.0 for name, values in lost.items()}


def _area(recent: NDArray[np.bool_], score: Floats) -> float:
    found = METRICS["roc_auc"].function(recent.astype(np.int64), score, 0.5)
    return 0.5 if found is None else found


def _folds(day: Codes, recent: NDArray[np.bool_], generator: np.random.Generator) -> Codes:
    """The fold of each row: whole days, so many of each side in each fold."""
    fold = np.zeros(int(day.max(initial=-1)) + 1, dtype=np.int64)
    for side in (recent, ~recent):
        days = generator.permutation(np.unique(day[side]))
        fold[days] = np.arange(len(days)) % FOLDS
    return fold[day]


def _numbers(before: Table, now: Table, name: str, category: bool) -> Floats:
    """One column of both tables as numbers: codes of the most frequent texts, missing as NaN."""
    if not category:
        return np.concatenate([NumberCells.as_numbers(table[name])[0] for table in (before, now)])
    texts = [text_of(value) for table in (before, now) for value in table[name].tolist()]
    names, counts = np.unique([text for text in texts if text is not None], return_counts=True)
    common = names[np.argsort(-counts, kind="stable")[:_MOST_NAMES]]
    code = {str(text): float(number) for number, text in enumerate(common)}
    return np.array([np.nan if text is None else code.get(text, float(len(common))) for text in texts], dtype=np.float64)
