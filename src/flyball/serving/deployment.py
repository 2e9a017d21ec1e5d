"""The data plane: live versions of one model, values in, labels and scores out. Nothing here knows of the web."""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from operator import itemgetter
from time import perf_counter
from typing import NamedTuple, cast

import numpy as np

from flyball.core.errors import DataError, IntegrityError, NotFoundError
from flyball.registry.records import Manifest
from flyball.serving.codecs import Said
from flyball.serving.contract import Contract, Row, example
from flyball.serving.engine import TIE, Engine, Scores, confidence, labels
from flyball.serving.records import Deployment, Variant

Score = float | list[float]

_TOGETHER = 16  # rows a measurement scores at once
_LONGEST_INLINE = 0.002  # seconds; what takes longer is called in a thread, so that others are read and health is told meanwhile
_WORTH_GATHERING = 5e-6  # seconds a row has to gain by it: to hold a request back and come back to it costs about two millionths
_TRIALS = 5


class ModelError(DataError):
    """A version answered a row it had taken with something that is no answer: the fault of the version, not of whoever asked."""


class AwayError(ModelError):
    """The server that a version is asked at gave no answer: the fault of that server, or of what is between."""


class NotFiniteError(ModelError):
    """A version gave a score that is no finite number."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} gave a score that is not a finite number")


class Scored(NamedTuple):
    """What one version said of some rows: labels, confidences (None for regression) and scores, in their order.

    The label of a model with several outputs is the list of its numbers.
    """

    version: int
    labels: list[Said]
    confidences: list[float | None]
    scores: list[Score]


class LiveVersion:
    """One model version ready to score: its engine with what its manifest promises.

    `gathers`: rows that are scored together cost so much less each that requests of one turn of the event loop should be.
    `most_inline`: rows that it scores on the event loop in one call; more go to a thread. Both are measured when the version is loaded.
    """

    def __init__(self, version: int, manifest: Manifest, engine: Engine) -> None:
        self.version = version
        self.manifest = manifest
        self.engine = engine
        self.closed = False
        self.inline = engine.inline
        self.most_inline = _TOGETHER if engine.inline else 0
        self.gathers = False
        self.several = bool(manifest.outputs)
        # An engine that waits for another server does so without a thread.
        self.ask_async: Callable[[Sequence[Row]], Awaitable[Scores]] | None = getattr(engine, "score_rows_async", None)
        self._task = manifest.task
        self._threshold = manifest.threshold
        self._classes = manifest.classes
        self._sure = manifest.probabilities  # else nothing is known of how sure a label is

    def close(self) -> None:
        """Let go of what it holds besides memory, at once; it answers nobody any more."""
        self.closed = True
        close = getattr(self.engine, "close", None)
        if close is not None:
            close()

    def warm(self) -> None:
        """Score a row made from the schema, so that a version that cannot answer is found before it serves: IntegrityError."""
        row = example(self.manifest.schema.columns)
        for rows in ([row], [row] * 3):
            try:
                self.scored(rows)
            except AwayError:  # another server's state is no property of this version, and may be another in a moment
                return
            except DataError as error:
                raise IntegrityError(f"version {self.version} cannot score a row of its own schema: {error.message}") from error
        if self.inline:
            alone, together = (min(self._seconds([row] * number) for _ in range(_TRIALS)) for number in (1, _TOGETHER))
            self.inline = alone < _LONGEST_INLINE
            self.most_inline = max(1, int(_LONGEST_INLINE * _TOGETHER / together)) if self.inline else 0
            self.gathers = self.inline and alone - together / _TOGETHER > _WORTH_GATHERING

    def scored(self, rows: Sequence[Row]) -> Scored:
        """Score rows in the order of this version's own schema; the engine is called once. DataError if a score is no finite number."""
        if len(rows) == 1 and not self.several and self._task != "multiclass":
            return self.one(self.engine.score_one(rows[0]))
        return self._said(self.engine.score_rows(rows), len(rows))

    async def scored_soon(self, rows: Sequence[Row]) -> Scored:
        """The same with an engine that has `ask_async`, whose answer nobody is held up by."""
        assert self.ask_async is not None
        return self._said(await self.ask_async(rows), len(rows))

    def _said(self, found: Scores, rows: int) -> Scored:
        if len(found) != rows:
            raise ModelError(f"version {self.version} gave {len(found)} scores for {rows} rows")
        if rows == 1 and self._task == "multiclass":
            return self.one_of_several(found[0].tolist())
        return self._many(found)

    def one(self, score: float) -> Scored:
        """What one score says, if there is one score a row: the common case without arrays."""
        if not math.isfinite(score):
            raise NotFiniteError(self.version)
        if self._task == "regression":
            return Scored(self.version, [score], [None], [score])
        positive = score >= self._threshold
        sure = None if not self._sure else score if positive else 1.0 - score
        return Scored(self.version, [self._classes[1 if positive else 0]], [sure], [score])

    def one_of_several(self, scores: list[float]) -> Scored:
        """The first of the likeliest classes, without arrays."""
        if not math.isfinite(sum(scores)):
            raise NotFiniteError(self.version)
        largest = max(scores)
        chosen = next(at for at, score in enumerate(scores) if score >= largest - TIE)
        return Scored(self.version, [self._classes[chosen]], [largest if self._sure else None], [scores])

    def _many(self, found: Scores) -> Scored:
        if not np.isfinite(found).all():
            raise NotFiniteError(self.version)
        scores = cast(list[Score], found.tolist())
        if self.several:
            return Scored(self.version, cast(list[Said], scores), [None] * len(found), scores)
        said = labels(found, task=self._task, threshold=self._threshold, classes=self._classes)
        sure = confidence(found, task=self._task, threshold=self._threshold) if self._sure else None
        return Scored(
            version=self.version,
            labels=cast(list[Said], said.tolist()),
            confidences=[None] * len(found) if sure is None else cast(list[float | None], sure.tolist()),
            scores=scores,
        )

    def _seconds(self, rows: Sequence[Row]) -> float:
        started = perf_counter()
        self.scored(rows)
        return perf_counter() - started


class LiveModel:
    """A deployment with its versions in memory: several answer or shadow, one contract for all of them. Never changes once made.

    `left_out` says why a challenger or shadow takes no part: `failed` holds those that could not be loaded; one that cannot read the
    same requests as the champion joins them here. The champion answers a left-out challenger's share. `off` are versions that a
    guardrail took out: they are still asked for what they read, so that no request is refused for it, and answer nobody. Where that is
    the champion, `previous`, which is kept in memory while the champion is watched or out, answers in its place. That `previous` is no
    shadow any more makes no difference to that.
    """

    def __init__(
        self,
        deployment: Deployment,
        versions: Mapping[int, LiveVersion],
        failed: Mapping[int, str] | None = None,
        off: Collection[int] = (),
    ) -> None:
        if deployment.champion is None:
            raise DataError(f"the deployment of {deployment.model!r} names no champion")
        self.left_out = {number: f"version {number} is left out: {why}" for number, why in (failed or {}).items()}
        self.failed = dict(failed or {})
        self.given = versions
        self.off = frozenset(off)
        self.deployment = deployment
        self.model = deployment.model
        kept = versions.get(deployment.previous or 0) if deployment.watched or deployment.champion in off else None
        warm = None if kept is None or kept.closed else kept
        in_place = deployment.champion in self.off and warm is not None
        self.champion = warm if in_place and warm is not None else versions[deployment.champion]
        others: list[LiveVersion] = []
        self.contract = _contract(self.champion, others)
        challenger = None if not deployment.challenger_share > 0.0 else self._reader(versions, deployment.challenger, others)
        self.challenger = None if challenger is None or challenger.version in self.off else challenger
        if in_place:
            self._reader(versions, deployment.champion, others)
        self.previous = None if in_place or warm is None else self._reader(versions, deployment.previous, others)
        shadows = [found for number in deployment.shadow if (found := self._reader(versions, number, others)) is not None]
        self.versions = {version.version: version for version in (self.champion, *others)}
        self.read_by = {number: Projection(self.contract, version) for number, version in self.versions.items()}
        at_work = [version for version in shadows if version is not self.champion and version.version not in self.off]
        self.shadows = tuple(Projection(self.contract, version) for version in at_work)
        self.inline = self.champion.inline and (self.challenger is None or self.challenger.inline)
        self.most_inline = min(self.champion.most_inline, (self.challenger or self.champion).most_inline)
        self.gathers = self.champion.gathers or (self.challenger is not None and self.challenger.gathers)

    def without(self, off: Collection[int]) -> "LiveModel":
        """The same with exactly these versions taken out."""
        return LiveModel(self.deployment, self.given, self.failed, off)

    def rescue(self, version: LiveVersion, rows: Sequence[Row]) -> LiveVersion | None:
        """Who answers when a version that was to answer fails: the champion for a challenger, the warm previous one for the champion."""
        if self.challenger is not None and version is self.challenger:
            return self.champion
        if version is not self.champion or self.previous is None or not all(map(self.read_by[self.previous.version].complete, rows)):
            return None
        return self.previous

    def comparable(self, rows: Sequence[Row]) -> bool:
        """True if champion and challenger can both read the rows: which of them answers is then a matter of the unit alone.

        Rows that only the champion can read take no part in any comparison, whoever they would have been assigned to.
        """
        if self.challenger is None:
            return True
        read = self.read_by[self.challenger.version]
        return not read.demanding or all(map(read.complete, rows))

    def readers(self, variant: Variant, rows: Sequence[Row]) -> tuple[LiveVersion, Sequence[Row]]:
        """The version that answers for a variant, and the rows as it reads them."""
        version = self.challenger if variant == "challenger" and self.challenger is not None else self.champion
        return version, self.read_by[version.version](rows)

    def pinned(self, version: int, rows: Sequence[Row]) -> tuple[LiveVersion, Sequence[Row]]:
        """One live version, whatever its role, and the rows as it reads them; NotFoundError if it is not in memory, DataError if it
        needs more values."""
        found = self.read_by.get(version)
        if found is None:
            here = ", ".join(map(str, sorted(self.read_by)))
            raise NotFoundError(f"version {version} of {self.model!r} is not in memory here", hint=f"live versions: {here}")
        if not all(found.complete(row) for row in rows):
            raise DataError(f"version {version} reads columns that this request leaves out")
        return found.live, found(rows)

    def _reader(self, versions: Mapping[int, LiveVersion], number: int | None, others: list[LiveVersion]) -> LiveVersion | None:
        """A version that reads these requests, if it is in memory."""
        found = versions.get(number or 0)
        if found is None or found is self.champion or found in others:
            return found
        return found if self._fits(found, others) else None

    def _fits(self, version: LiveVersion, others: list[LiveVersion]) -> bool:
        """Widen the contract to one more version; if that reads a column in another way than the others, leave it out."""
        try:
            self.contract = _contract(self.champion, [*others, version])
        except DataError as error:
            self.left_out[version.version] = f"version {version.version} is left out: {error.message}"
            return False
        others.append(version)
        return True


def _contract(champion: LiveVersion, others: Sequence[LiveVersion]) -> Contract:
    return Contract([champion.manifest.schema], [version.manifest.schema for version in others])


class Projection:
    """From rows in the contract's order to rows in the order of one version's schema."""

    def __init__(self, contract: Contract, live: LiveVersion) -> None:
        self.live = live
        columns = live.manifest.schema.columns
        places = [contract.positions[column.name] for column in columns]
        self.same = places == list(range(len(contract.columns)))
        self._pick: Callable[[Row], Sequence[object]] = itemgetter(*places) if len(places) > 1 else lambda row: [row[places[0]]]
        # A challenger or shadow may read columns that a request need not hold, or may not know missing values where the champion does.
        self._strict = tuple(
            place
            for place, column in zip(places, columns, strict=True)
            if not column.nullable and (place >= contract.required or contract.columns[place].nullable)
        )
        self.demanding = bool(self._strict)  # whether it may find rows of this contract that it cannot score

    def __call__(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as this version reads them."""
        return rows if self.same else cast(Sequence[Row], [self._pick(row) for row in rows])

    def complete(self, row: Row) -> bool:
        """True if the row has every value that this version cannot do without."""
        return not any(row[place] is None for place in self._strict)
