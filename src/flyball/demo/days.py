"""The replay: every departure a prediction request, every landing an outcome, every midnight a tick, in the order of events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import StoreError
from flyball.core.record import record
from flyball.core.window import Window
from flyball.demo.decisions import decided
from flyball.demo.midnight import Night, midnight
from flyball.demo.replay import Answer, LoadClient
from flyball.demo.stream import NEVER, Hour, Stream, days, hours, outcome_body, prediction_bodies
from flyball.demo.view import DayStatus, View
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.spec.records import Spec
from flyball.stats.scores import METRICS
from flyball.words.sentences import Language

# With so many failures something is wrong with all of them; going on would only hide the first.
_FAILURES_BORNE = 500
_ROLLING_DAYS = 7
# A list of outcomes is one request and one commit.
_TOLD_EVERY_HOURS = 3
_DAY = 86_400_000_000


class Interrupted(Exception):  # noqa: N818 - not an error: somebody pressed Ctrl-C
    """The replay was asked to stop."""


@record
class Told:
    """What the replay is given: whom it talks to, for which days, and how fast at most (simulated days per second; None: no limit)."""

    host: str
    port: int
    start: datetime
    end: datetime
    speed: float | None
    language: Language


class Seen:
    """What the replay has seen so far; `score` is the answered probability of "late" per row, NaN where there was no answer."""

    def __init__(self, rows: int) -> None:
        self.score: NDArray[np.float64] = np.full(rows, np.nan)
        self.version: NDArray[np.int64] = np.zeros(rows, dtype=np.int64)
        self.predictions = 0
        self.outcomes = 0
        self.failed_requests = 0
        self.rejected_outcomes = 0
        self.first_failure = ""
        self.last_prediction_id = ""
        self.day_number = 0
        self.until: datetime | None = None

    def failed(self, answer: Answer) -> None:
        """Count a request that was not answered as it should be."""
        self.failed_requests += 1
        if not self.first_failure:
            self.first_failure = f"{answer.status}: {answer.body[:300].decode('utf-8', 'replace')}"
        if self.failed_requests > _FAILURES_BORNE:
            raise StoreError(
                f"{self.failed_requests} requests failed; the first answer was {self.first_failure}", hint="see .flyball/server.log"
            )


class _Predicted(msgspec.Struct):
    prediction: Any
    confidence: float
    version: int
    prediction_id: str


class _Taken(msgspec.Struct):
    accepted: int
    rejected: list[dict[str, Any]]


async def replay(
    stream: Stream, told: Told, world: World, spec: Spec, view: View, seen: Seen, *, alive: Callable[[], None], stopped: Callable[[], bool]
) -> None:
    """Play every day. `seen` is filled as it goes, so that an interrupted replay can still say what it saw; Interrupted when `stopped`."""
    memory = Memory()
    every_hour = hours(stream, told.start, told.end)
    spans = list(days(told.start, told.end))
    began = time.perf_counter()

    def watchful() -> None:
        alive()
        if stopped():
            raise Interrupted

    async with LoadClient(told.host, told.port) as client:
        for number, (start, end) in enumerate(spans, 1):
            today = time.perf_counter()
            answered = await _play_day(client, stream, islice(every_hour, _hours_between(start, end)), seen, watchful)
            took = time.perf_counter() - today
            night = midnight(
                world,
                spec,
                memory,
                day=Window(start=start, end=end),
                predictions=answered,
                alive=watchful,
                waiting=view.waiting,
            )
            seen.day_number, seen.until = number, end
            view.decided(decided(night.entries, told.language))
            view.day(_status(stream, seen, night, start, number, len(spans), answered / took if took else 0.0))
            if told.speed is not None:
                await asyncio.sleep(max(0.0, number / told.speed - (time.perf_counter() - began)))


async def _play_day(client: LoadClient, stream: Stream, today: Iterator[Hour], seen: Seen, watchful: Callable[[], None]) -> int:
    """Play the hours of a day, telling the landings of a few hours together. Say how many predictions were answered."""
    before = seen.predictions
    landed: list[NDArray[np.int64]] = []
    for number, hour in enumerate(today, 1):
        watchful()
        answers = await client.post("/predict", prediction_bodies(stream, hour.first, hour.last))
        _note_predictions(seen, hour, answers)
        landed.append(hour.landings)
        if number % _TOLD_EVERY_HOURS == 0:
            await _tell_landings(client, stream, np.concatenate(landed), seen)
            landed = []
    if landed:
        await _tell_landings(client, stream, np.concatenate(landed), seen)
    return seen.predictions - before


def _note_predictions(seen: Seen, hour: Hour, answers: Sequence[Answer]) -> None:
    for row, answer in enumerate(answers, hour.first):
        if answer.status != 200:
            seen.failed(answer)
            continue
        told = _read_prediction(answer.body)
        seen.score[row] = told.confidence if told.prediction == 1 else 1.0 - told.confidence
        seen.version[row] = told.version
        seen.predictions += 1
        seen.last_prediction_id = told.prediction_id


async def _tell_landings(client: LoadClient, stream: Stream, landed: NDArray[np.int64], seen: Seen) -> None:
    if not len(landed):
        return
    answer = (await client.post("/outcomes", [outcome_body(stream, landed)]))[0]
    if answer.status != 200:
        seen.failed(answer)
        return
    taken = _read_taken(answer.body)
    seen.outcomes += taken.accepted
    seen.rejected_outcomes += len(taken.rejected)
    if taken.rejected and not seen.first_failure:
        seen.first_failure = f"outcome rejected: {taken.rejected[0]}"


_read_prediction = msgspec.json.Decoder(_Predicted).decode
_read_taken = msgspec.json.Decoder(_Taken).decode


def _status(stream: Stream, seen: Seen, night: Night, day: datetime, number: int, count: int, per_second: float) -> DayStatus:
    until = int(stream.at[0]) if not len(stream) else int((day.timestamp()) * 1e6) + _DAY
    first, last = np.searchsorted(stream.at, (until - _ROLLING_DAYS * _DAY, until))
    rows = np.arange(first, last)
    rows = rows[(stream.landed[rows] != NEVER) & (stream.landed[rows] <= until) & ~np.isnan(seen.score[rows])]
    columns = night.report.evidence.drift if night.report.evidence is not None else {}
    worst = max(columns, key=lambda name: columns[name].distance / max(columns[name].threshold, 1e-9), default="")
    return DayStatus(
        day=day,
        number=number,
        days=count,
        predictions=seen.predictions,
        per_second=per_second,
        champion=night.state.champion,
        shadow=night.state.shadow,
        roc_auc=METRICS["roc_auc"].function(stream.actual[rows], seen.score[rows]),
        brier=METRICS["brier"].function(stream.actual[rows], seen.score[rows]),
        worst=worst,
        worst_distance=columns[worst].distance if worst else 0.0,
        drifting=sum(column.state == "drift" for column in columns.values()),
    )


def _hours_between(start: datetime, end: datetime) -> int:
    return -int((start - end).total_seconds() // 3600)
