"""From checked rows to what is said of them: who answers, who steps in, what is logged and counted."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from flyball.core.errors import RequestError
from flyball.server.answers import HttpError
from flyball.server.drawn import Drawn
from flyball.server.guard import Guard
from flyball.server.guardrails import Guardrail
from flyball.server.log import PINNED, RecordLog, count_durable
from flyball.server.metrics import Metrics
from flyball.server.rows import Rows, log_rows
from flyball.server.settings import ServerSettings
from flyball.server.waiting import Calls, LateError, Timed
from flyball.serving.codecs import Request, Said
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, LiveVersion, NotFiniteError, Score, Scored
from flyball.serving.records import Variant
from flyball.serving.traffic import HOLDBACK, OVERRIDE, UNASSIGNED, Split, answer_propensity, choose

_new = tuple.__new__


class Given(NamedTuple):
    """What was answered to one row: kept for the client that asks again."""

    label: Said
    confidence: float | None
    version: int
    variant: str
    prediction_id: str
    score: Score = float("nan")


class _Assigned(NamedTuple):
    """Who is to score the rows of a request, and what of that is logged."""

    variant: str  # as it is answered
    logged: str
    propensity: float | None  # of the arm
    version: LiveVersion
    rows: Sequence[Row]  # as that version reads them
    ids: list[str]
    now: int


class Scoring:
    """Assigns rows, lets a version score them, and another where it fails, logs and counts."""

    def __init__(
        self,
        settings: ServerSettings,
        log: RecordLog,
        metrics: Metrics,
        guard: Guard | None,
        *,
        make_id: Callable[[int], str],
        clock: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._split = settings.split
        self._log = log
        self._metrics = metrics
        self._guard = guard
        self._make_id = make_id
        self._clock = clock
        self.calls = Calls(settings.request_timeout)

    def at_once(self, live: LiveModel, request: Request, drawn: Drawn) -> tuple[list[Given], asyncio.Future[None] | None]:
        """Score, log and count rows with versions that answer at once. `drawn`: their ids."""
        assigned = self._assigned(live, request, None, drawn)
        started = perf_counter()
        try:
            scored = assigned.version.scored(assigned.rows)
        except Exception as error:  # noqa: BLE001 - the first guardrail: a broken challenger costs nobody an answer
            failed, assigned = assigned, self._instead(live, request, assigned, error)
            scored = assigned.version.scored(assigned.rows)
            self._failed(live, failed, error)
        else:
            self._answered(live, assigned, Timed(scored, perf_counter() - started, len(assigned.rows) == 1))
        return self._finished(live, request, assigned, scored)

    async def in_time(
        self, live: LiveModel, request: Request, version: int | None, drawn: Drawn | None = None
    ) -> tuple[list[Given], asyncio.Future[None] | None]:
        """The same with any version: one that is not inline, or has many rows to score, answers from a thread.

        A guarded version has a deadline of its own, after which the one beside it answers. That is its failure only if it is slow itself,
        and the other is not just as slow.
        """
        assigned = self._assigned(live, request, version, drawn)
        rescued = version is None and live.rescue(assigned.version, request.rows) is not None
        deadline = self._guard.deadline(assigned.version, len(request.rows)) if rescued and self._guard is not None else None
        try:
            timed = await self._timed(assigned, deadline)
        except Exception as error:  # noqa: BLE001 - as above
            failed, assigned = assigned, self._instead(live, request, assigned, error)
            timed = await self._timed(assigned, None)
            if not isinstance(error, LateError) or (error.slow and deadline is not None and timed.seconds < deadline):
                self._failed(live, failed, error)
        else:
            self._answered(live, assigned, timed)
        return self._finished(live, request, assigned, timed.scored)

    async def _timed(self, assigned: _Assigned, deadline: float | None) -> Timed:
        version, rows = assigned.version, assigned.rows
        if len(rows) > version.most_inline:
            return await self.calls.timed(version, rows, deadline=deadline)
        started = perf_counter()
        scored = version.scored(rows)
        return Timed(scored, perf_counter() - started, len(rows) == 1)

    def _assigned(self, live: LiveModel, request: Request, pinned: int | None, drawn: Drawn | None) -> _Assigned:
        rows = request.rows
        if live.contract.categorical:
            for row in rows:
                if unseen := live.contract.unseen(row):
                    self._unseen(unseen)
        now = self._clock() if drawn is None else drawn.now
        ids = [self._make_id(now) for _ in rows] if drawn is None else drawn.ids
        if pinned is not None:
            version, read = live.pinned(pinned, rows)
            return _Assigned(PINNED, PINNED, None, version, read, ids, now)
        chosen = choose(live.deployment, split_of(live, self._split), request.unit, ids[0])
        if chosen.variant == "challenger" and (live.challenger is None or not live.comparable(rows)):
            self._metrics.add("model_fallbacks_total")
            return self._fallen(live, chosen.logged, rows, ids, now)
        if live.challenger is not None and chosen.logged == "champion" and not live.comparable(rows):
            return self._fallen(live, chosen.logged, rows, ids, now)
        version, read = live.readers(chosen.variant, rows)
        return _Assigned(chosen.variant, chosen.logged, chosen.propensity, version, read, ids, now)

    def _fallen(self, live: LiveModel, logged: str, rows: Sequence[Row], ids: list[str], now: int) -> _Assigned:
        """The champion, for rows that are part of no comparison."""
        version, read = live.readers("champion", rows)
        return _Assigned("champion", logged if logged == OVERRIDE else UNASSIGNED, None, version, read, ids, now)

    def _instead(self, live: LiveModel, request: Request, assigned: _Assigned, error: Exception) -> _Assigned:
        """The version beside one that failed, in whatever way; if there is none the error stands."""
        beside = None if assigned.logged == PINNED else live.rescue(assigned.version, request.rows)
        if beside is None:
            raise error
        self._metrics.add("model_fallbacks_total")
        logged = assigned.logged if assigned.logged in (OVERRIDE, HOLDBACK) else UNASSIGNED
        read = live.read_by[beside.version](request.rows)
        return _Assigned("champion", logged, None, beside, read, assigned.ids, assigned.now)

    def _answered(self, live: LiveModel, assigned: _Assigned, timed: Timed) -> None:
        counts = None if self._guard is None else self._guard.counts(assigned.version.version, _role(live, assigned.version))
        if counts is not None and assigned.logged != PINNED:
            (counts.seconds if timed.alone else counts.together).append(timed.seconds)
            counts.scores += timed.scored.scores

    def _failed(self, live: LiveModel, assigned: _Assigned, error: Exception) -> None:
        """The version failed rows that the one beside it could answer. That too many wait for it is not its fault alone."""
        if self._guard is None or (isinstance(error, HttpError) and error.status == 503):
            return
        kind: Guardrail = "nan" if isinstance(error, NotFiniteError) else "errors"
        self._guard.failed(assigned.version.version, _role(live, assigned.version), kind)

    def _finished(
        self, live: LiveModel, request: Request, assigned: _Assigned, scored: Scored
    ) -> tuple[list[Given], asyncio.Future[None] | None]:
        """Log and count what was said."""
        ids, now = assigned.ids, assigned.now
        chances: list[float | None] | None = None
        if self._split.holdback > 0.0 and assigned.version.manifest.task == "binary":
            acts = [label == assigned.version.manifest.classes[1] for label in scored.labels]
            chances = [answer_propensity(assigned.logged, assigned.propensity, self._split, acts=one) for one in acts]
            if assigned.logged == HOLDBACK:
                scored = held_back(assigned.version, scored)
        durable = None
        if self._settings.log != "off":
            logged: Rows = log_rows(
                ids,
                assigned.logged,
                scored,
                request.rows,
                request.entities,
                request.client_ids,
                at=now if request.at is None else request.at,
                made_at=now,
                unit=request.unit,
                context=request.context,
                propensity=assigned.propensity,
            )
            if chances is not None:
                logged = [(*row[:-1], chance) for row, chance in zip(logged, chances, strict=True)]
            durable = self._log.add(live, logged)
        version, said = scored.version, assigned.variant
        count_durable(durable, self._metrics.predictions(live.model, version, said), len(ids))
        given = [
            _new(Given, (label, sure, version, said, name, score))  # half the cost of Given(...)
            for label, sure, name, score in zip(scored.labels, scored.confidences, ids, scored.scores, strict=True)
        ]
        return given, durable

    def _unseen(self, names: list[str]) -> None:
        if self._settings.unseen == "refuse":
            raise RequestError(f"{names[0]!r} has a category that did not occur in training", field=names[0])
        for name in names:
            self._metrics.add("model_unseen_categories_total", labels=(("feature_name", name),))


def split_of(live: LiveModel, split: Split) -> Split:
    """The split as it is for a model: only of a binary one can anybody be held back."""
    return split if split.holdback <= 0.0 or live.champion.manifest.task == "binary" else Split(overrides=split.overrides)


def held_back(version: LiveVersion, scored: Scored) -> Scored:
    """What is said of rows that are held back: the negative label, and how sure that is; the scores as they were."""
    sure = [None if one is None else 1.0 - score for one, score in zip(scored.confidences, scored.scores, strict=True)]  # type: ignore[operator]  # binary
    return Scored(scored.version, [version.manifest.classes[0]] * len(sure), sure, scored.scores)


def answered_as(logged: str, version: int, live: LiveModel) -> str:
    """The variant that was answered, by what the log has of it."""
    if logged == OVERRIDE:
        return "challenger" if live.challenger is not None and live.challenger.version == version else "champion"
    return "champion" if logged in (UNASSIGNED, HOLDBACK) else logged


def _role(live: LiveModel, version: LiveVersion) -> Variant:
    return "challenger" if version is live.challenger else "champion"
