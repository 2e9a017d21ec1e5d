"""The prediction log in memory, for tests and for looking back: rows per version, sorted by event time when they are read."""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path

from flyball.adapters.logged import (
    NOT_SHARED_OUT,
    arrived,
    check_batch,
    context_table,
    feature_table,
    logged_rows,
    matured_until,
    micros,
)
from flyball.core.record import record
from flyball.core.window import Window, from_micros, to_micros
from flyball.serving.records import Arrived, Label, LoggedRows, Maturity, Outcome, Place, Prediction, PredictionBatch
from flyball.serving.segments import finished, read, segments


@record
class Row:
    """One row of a batch; `names` are those of its features."""

    number: int
    model: str
    version: int
    at: int
    made_at: int
    prediction_id: str
    variant: str
    worker: str
    unit: str | None
    entity: str | None
    client_id: str | None
    label: Label
    score: float | list[float]
    names: tuple[str, ...]
    features: list[Label | None] | None
    context: Mapping[str, Label | None]
    propensity: float | None


class MemoryPredictionLog:
    """The port `PredictionLog`. `segments` is the folder to ingest from, if servers write one."""

    def __init__(self, segments: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.answered: dict[str, Row] = {}
        self.outcomes: dict[str, tuple[Label, int, float | None]] = {}
        self._segments = segments
        self._positions: dict[str, int] = {}
        self._shadows: set[tuple[str, int]] = set()
        self._shadow_rows: dict[int, Row | None] = {}  # number of a shadow -> the answered row, if it was there before
        self._clients: dict[tuple[str, str], str] = {}
        self._repeats: dict[str, str] = {}
        self._streams: dict[tuple[str, int], list[Row]] = {}
        self._unsorted: set[tuple[str, int]] = set()
        self._rows = 0

    def ingest(self) -> int:
        """Take in everything the servers have flushed, each row once; delete segments that are finished and read to their end."""
        moved = 0
        with self.lock:
            for path in segments(self._segments) if self._segments else []:
                done, more = finished(path), True
                while more:
                    chunk = read(path, self._positions.get(path.name, 0))
                    moved += sum(self.add(batch) for batch in chunk.batches)
                    self._positions[path.name] = chunk.offset
                    more = chunk.more
                if done:
                    path.unlink(missing_ok=True)
                    self._positions.pop(path.name, None)
        return moved

    def add(self, batch: PredictionBatch) -> int:
        """Store a batch directly; a client id already known is skipped. Say how many rows were new."""
        check_batch(batch)
        with self.lock:
            before = self._rows
            for number, shadow in enumerate(batch.shadow):
                row = self._row(batch, number)
                if shadow:
                    self._add_shadow(row)
                else:
                    self._add_answered(row)
            return self._rows - before

    def rows(
        self,
        model: str,
        version: int,
        window: Window,
        *,
        features: bool = False,
        maturity: Maturity | None = None,
        compared: bool = False,
        newest: int | None = None,
        context: Sequence[str] = (),
        one_in: int = 1,
        arms: bool = False,
    ) -> LoggedRows:
        """The rows of one version whose event time is in the window, answered or shadow, ordered by event time."""
        with self.lock:
            found = self._stream(model, version)
            end = bisect_left(found, to_micros(window.end), key=attrgetter("at"))
            if maturity is not None:
                end = min(end, bisect_right(found, matured_until(maturity), key=attrgetter("at")))
            found = found[bisect_left(found, to_micros(window.start), key=attrgetter("at")) : end]
            if compared:
                found = [row for row in found if _shared_out(self.answered.get(row.prediction_id, row))]
            if one_in > 1:
                found = [row for row in found if row.number % 1000003 * 618035 % 1000003 < 1000003 // one_in]
            found = found if newest is None else found[max(0, len(found) - newest) :]
            return self._columns(found, features, maturity, context, arms=arms or compared)

    def arrived(self, model: str, version: int, after: Place, *, limit: int, window: Window | None = None) -> Arrived:
        """At most `limit` rows of a version that arrived after a place, with features, in order of arrival."""
        with self.lock:
            stream = self._stream(model, version)
            if window is not None:
                first, last = (bisect_left(stream, to_micros(time), key=attrgetter("at")) for time in (window.start, window.end))
                stream = stream[first:last]
            # one number counts all rows here, so one part of the place is enough
            found = sorted((row for row in stream if row.number >= after.answered), key=attrgetter("number"))[:limit]
            sources = [self._shadow_rows.get(row.number, row) for row in found]
            held = [(source.names, source.features) if source is not None else ((), None) for source in sources]
            contracts = {names: number for number, names in enumerate(dict.fromkeys(names for names, _ in held))}
            return arrived(
                [row.at for row in found],
                [row.label for row in found],
                [row.score for row in found],
                [("shadow", "") if row.number in self._shadow_rows else (row.variant, row.worker) for row in found],
                [contracts[names] for names, _ in held],
                [features for _, features in held],
                {number: names for names, number in contracts.items()},
                place=Place(answered=found[-1].number + 1) if found else after,
                more=len(found) == limit,
            )

    def labelled(
        self, model: str, *, known_by: datetime, since: datetime | None = None, unlabelled_after: timedelta | None = None
    ) -> LoggedRows:
        """The answered rows of every version, with features, whose outcome was known by then, and, if asked for, old ones without."""
        latest, earliest = to_micros(known_by), None if since is None else to_micros(since)
        ripe = None if unlabelled_after is None else latest - micros(unlabelled_after)
        with self.lock:
            found = []
            for row in self.answered.values():
                if row.model != model or (earliest is not None and row.at < earliest):
                    continue
                outcome = self.outcomes.get(row.prediction_id)
                if (outcome is not None and outcome[1] <= latest) or (ripe is not None and row.at <= ripe):
                    found.append(row)
            known = Maturity(age=timedelta(0), by=known_by)  # an outcome known later is none yet
            return self._columns(sorted(found, key=attrgetter("at", "number")), True, known, arms=True, versions=True)

    def find(self, prediction_id: str) -> tuple[Prediction, Outcome | None] | None:
        """One answered prediction by its own or the client's id, with its outcome."""
        with self.lock:
            row = self.named(prediction_id)
            return None if row is None else self._found(row)

    def find_all(self, prediction_ids: Sequence[str]) -> Mapping[str, tuple[Prediction, Outcome | None]]:
        """The answered predictions with these ids of their own, each with its outcome, by id."""
        with self.lock:
            return {name: self._found(self.answered[name]) for name in prediction_ids if name in self.answered}

    def count(self, model: str, window: Window) -> Mapping[int, int]:
        """Answered predictions per version in a window; versions without any are not listed."""
        start, end = to_micros(window.start), to_micros(window.end)
        counts: dict[int, int] = {}
        with self.lock:
            for row in self.answered.values():
                if row.model == model and start <= row.at < end:
                    counts[row.version] = counts.get(row.version, 0) + 1
        return dict(sorted(counts.items()))

    def named(self, prediction_id: str, *, model: str | None = None) -> Row | None:
        """The answered row with this id, with this client id, or in whose favour this id was dropped. Hold `lock`."""
        own = self.answered.get(prediction_id)
        if own is not None:
            return own if model in (None, own.model) else None
        clients = [key for key in self._clients if key[1] == prediction_id] if model is None else [(model, prediction_id)]
        first = next((self._clients[key] for key in clients if key in self._clients), None) or self._repeats.get(prediction_id)
        return None if first is None else self.answered[first]

    def _found(self, row: Row) -> tuple[Prediction, Outcome | None]:
        outcome = self.outcomes.get(row.prediction_id)
        if outcome is None:
            return _prediction(row), None
        actual, at, value = outcome
        return _prediction(row), Outcome(actual=actual, at=from_micros(at), prediction_id=row.prediction_id, value=value)

    def _row(self, batch: PredictionBatch, number: int) -> Row:
        return Row(
            number=self._rows,
            model=batch.model,
            version=batch.version[number],
            at=batch.at[number],
            made_at=batch.made_at[number],
            prediction_id=batch.prediction_id[number],
            variant=batch.variant[number],
            worker=batch.worker,
            unit=batch.unit[number],
            entity=batch.entity[number],
            client_id=batch.client_id[number] or None,
            label=batch.label[number],
            score=batch.score[number],
            names=tuple(batch.feature_names),
            features=batch.features[number],
            context=batch.context[number] or {},
            propensity=batch.propensity[number] if batch.propensity else None,
        )

    def _add_answered(self, row: Row) -> None:
        if row.prediction_id in self.answered:
            return
        if row.client_id is not None:
            first = self._clients.setdefault((row.model, row.client_id), row.prediction_id)
            if first != row.prediction_id:
                self._repeats[row.prediction_id] = first
                return
        self.answered[row.prediction_id] = row
        self._insert(row)

    def _add_shadow(self, row: Row) -> None:
        if (row.prediction_id, row.version) not in self._shadows and row.prediction_id not in self._repeats:
            self._shadows.add((row.prediction_id, row.version))
            self._shadow_rows[row.number] = self.answered.get(row.prediction_id)
            self._insert(row)

    def _insert(self, row: Row) -> None:
        self._streams.setdefault((row.model, row.version), []).append(row)
        self._unsorted.add((row.model, row.version))
        self._rows += 1

    def _stream(self, model: str, version: int) -> list[Row]:
        if (model, version) in self._unsorted:
            self._streams[model, version].sort(key=attrgetter("at"))
            self._unsorted.discard((model, version))
        return self._streams.get((model, version), [])

    def _columns(
        self,
        found: list[Row],
        features: bool,
        maturity: Maturity | None,
        keys: Sequence[str] = (),
        *,
        arms: bool,
        versions: bool = False,
    ) -> LoggedRows:
        outcomes = [self.outcomes.get(row.prediction_id, (None, None, None)) for row in found]
        columns: list[Sequence[object]] = [
            [row.prediction_id for row in found],
            [row.at for row in found],
            [row.unit for row in found],
            [row.entity for row in found],
            [row.label for row in found],
            [row.score for row in found],
            [actual for actual, _, _ in outcomes],
            [at for _, at, _ in outcomes],
        ]
        of_arms: list[Sequence[object]] = [
            ["shadow" if row.number in self._shadow_rows else row.variant for row in found],
            [None if row.number in self._shadow_rows else row.propensity for row in found],
            [value for _, _, value in outcomes],
        ]
        table, made_at, bare = None, None, None
        sources = [self.answered.get(row.prediction_id, row) for row in found]  # what a shadow's request held stands in the answered row
        if features:
            contracts = {names: number for number, names in enumerate(dict.fromkeys(source.names for source in sources))}
            table = feature_table(
                [contracts[source.names] for source in sources],
                [source.features for source in sources],
                {number: names for names, number in contracts.items()},
            )
            made_at, bare = [source.made_at for source in sources], [source.features is None for source in sources]
        asked = context_table((source.context for source in sources), keys)
        version = [row.version for row in found] if versions else None
        more = of_arms if arms else None
        return logged_rows(columns, table, maturity=maturity, made_at=made_at, context=asked, bare=bare, arms=more, version=version)


def _prediction(row: Row) -> Prediction:
    return Prediction(
        prediction_id=row.prediction_id,
        model=row.model,
        version=row.version,
        variant=row.variant,
        worker=row.worker,
        at=from_micros(row.at),
        made_at=from_micros(row.made_at),
        unit=row.unit,
        entity=row.entity,
        client_id=row.client_id,
        label=row.label,
        score=tuple(row.score) if isinstance(row.score, list) else row.score,
        features={} if row.features is None else dict(zip(row.names, row.features, strict=True)),
        context=row.context,
        propensity=row.propensity,
    )


def _shared_out(answered: Row) -> bool:
    """False for a row that asked for its version or was given one, or was made elsewhere: nobody decided between versions for it."""
    return answered.variant not in NOT_SHARED_OUT and not answered.worker.startswith("elsewhere")
