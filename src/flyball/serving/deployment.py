"""The data plane: live versions of one model, values in, labels and scores out. Nothing here knows of the web."""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple, cast

import numpy as np

from flyball.core.errors import DataError, IntegrityError, NotFoundError
from flyball.registry.records import Manifest
from flyball.serving.contract import Contract, Row, example
from flyball.serving.engine import Engine, Scores, confidence, labels
from flyball.serving.records import Deployment, Label

Score = float | list[float]


class Scored(NamedTuple):
    """What one version said of some rows: labels, confidences (None for regression) and scores, in their order."""

    version: int
    labels: list[Label]
    confidences: list[float | None]
    scores: list[Score]


class LiveVersion:
    """One model version ready to score: its engine with what its manifest promises."""

    def __init__(self, version: int, manifest: Manifest, engine: Engine) -> None:
        self.version = version
        self.manifest = manifest
        self.engine = engine
        self._task = manifest.task
        self._threshold = manifest.threshold
        self._classes = manifest.classes

    def warm(self) -> None:
        """Score a row made from the schema, so that a version that cannot answer is found before it serves: IntegrityError."""
        row = example(self.manifest.schema.columns)
        for rows in ([row], [row] * 3):
            try:
                self.scored(rows)
            except DataError as error:
                raise IntegrityError(f"version {self.version} cannot score a row of its own schema: {error.message}") from error

    def scored(self, rows: Sequence[Row]) -> Scored:
        """Score rows in the order of this version's own schema; the engine is called once. DataError if a score is no finite number."""
        found = self.engine.score_rows(rows)
        if len(found) != len(rows):
            raise DataError(f"version {self.version} gave {len(found)} scores for {len(rows)} rows")
        if len(rows) == 1 and self._task != "multiclass":
            return self._one(found.item(0))
        return self._many(found)

    def _one(self, score: float) -> Scored:
        """The common case without arrays."""
        if not math.isfinite(score):
            raise DataError(f"version {self.version} gave a score that is not a finite number")
        if self._task == "regression":
            return Scored(self.version, [score], [None], [score])
        positive = score >= self._threshold
        sure = score if positive else 1.0 - score
        return Scored(self.version, [self._classes[1 if positive else 0]], [sure], [score])

    def _many(self, found: Scores) -> Scored:
        if not np.isfinite(found).all():
            raise DataError(f"version {self.version} gave a score that is not a finite number")
        said = labels(found, task=self._task, threshold=self._threshold, classes=self._classes)
        sure = confidence(found, task=self._task, threshold=self._threshold)
        return Scored(
            version=self.version,
            labels=cast(list[Label], said.tolist()),
            confidences=[None] * len(found) if sure is None else cast(list[float | None], sure.tolist()),
            scores=cast(list[Score], found.tolist()),
        )


class LiveModel:
    """A deployment with its versions in memory: several answer or shadow, one contract for all of them. Never changes once made.

    `left_out` says why a challenger or shadow takes no part: `failed` holds those that could not be loaded; one that cannot read the
    same requests as the champion joins them here. The champion answers a left-out challenger's share.
    """

    def __init__(self, deployment: Deployment, versions: Mapping[int, LiveVersion], failed: Mapping[int, str] | None = None) -> None:
        if deployment.champion is None:
            raise DataError(f"the deployment of {deployment.model!r} names no champion")
        self.left_out = {number: f"version {number} is left out: {why}" for number, why in (failed or {}).items()}
        self.deployment = deployment
        self.model = deployment.model
        self.champion = versions[deployment.champion]
        challenger = None if not deployment.challenger_share > 0.0 else versions.get(deployment.challenger or 0)
        answering, shadows = [self.champion], list[LiveVersion]()
        self.contract = _contract(answering, shadows)
        if challenger is not None and self._fits(challenger, [self.champion, challenger], shadows):
            answering.append(challenger)
        for shadow in (versions[number] for number in deployment.shadow if number in versions):
            if self._fits(shadow, answering, [*shadows, shadow]):
                shadows.append(shadow)
        self.challenger = challenger if challenger in answering else None
        self.versions = {version.version: version for version in (*answering, *shadows)}
        self._champion = Projection(self.contract, self.champion)
        self._challenger = None if self.challenger is None else Projection(self.contract, self.challenger)
        self.shadows = tuple(Projection(self.contract, version) for version in shadows)
        self._pinned = {number: Projection(self.contract, version) for number, version in self.versions.items()}

    def answer(self, rows: Sequence[Row]) -> Scored:
        """Let the champion score rows in the contract's order."""
        return self.champion.scored(self._champion(rows))

    def challenged(self, rows: Sequence[Row]) -> Scored | None:
        """Let the challenger score them; None if no challenger answers."""
        return None if self._challenger is None else self._challenger.live.scored(self._challenger(rows))

    def pinned(self, version: int, rows: Sequence[Row]) -> Scored:
        """Let one live version score them, whatever its role; NotFoundError if it is not in memory, DataError if it needs more values."""
        found = self._pinned.get(version)
        if found is None:
            here = ", ".join(map(str, sorted(self._pinned)))
            raise NotFoundError(f"version {version} of {self.model!r} is not in memory here", hint=f"live versions: {here}")
        if not all(found.complete(row) for row in rows):
            raise DataError(f"version {version} reads columns that this request leaves out")
        return found.live.scored(found(rows))

    def _fits(self, version: LiveVersion, answering: Sequence[LiveVersion], shadows: Sequence[LiveVersion]) -> bool:
        """Widen the contract to one more version; if that reads a column in another way than the others, leave it out."""
        try:
            self.contract = _contract(answering, shadows)
        except DataError as error:
            self.left_out[version.version] = f"version {version.version} is left out: {error.message}"
            return False
        return True


def _contract(answering: Sequence[LiveVersion], shadows: Sequence[LiveVersion]) -> Contract:
    return Contract([version.manifest.schema for version in answering], [version.manifest.schema for version in shadows])


class Projection:
    """From rows in the contract's order to rows in the order of one version's schema."""

    def __init__(self, contract: Contract, live: LiveVersion) -> None:
        self.live = live
        columns = live.manifest.schema.columns
        places = [contract.positions[column.name] for column in columns]
        self._same = places == list(range(len(contract.columns)))
        self._pick: Callable[[Row], Sequence[object]] = itemgetter(*places) if len(places) > 1 else lambda row: [row[places[0]]]
        # A shadow may read columns that a request need not hold, or may not know missing values where the champion does.
        self._strict = tuple(
            place
            for place, column in zip(places, columns, strict=True)
            if not column.nullable and (place >= contract.required or contract.columns[place].nullable)
        )

    def __call__(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as this version reads them."""
        return rows if self._same else cast(Sequence[Row], [self._pick(row) for row in rows])

    def complete(self, row: Row) -> bool:
        """True if the row has every value that this version cannot do without."""
        return not any(row[place] is None for place in self._strict)
