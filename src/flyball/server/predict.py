"""`/predict`: from the bytes of a request to the bytes of its answer, with assignment, log, metrics and repeats."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from time import perf_counter
from typing import NamedTuple

from flyball.core.errors import FlyballError, RequestError, StoreError
from flyball.server.drawn import Drawn, DrawnAlready
from flyball.server.guard import Guard
from flyball.server.lane import Lane, lane_fits
from flyball.server.log import RecordLog, after
from flyball.server.metrics import Metrics
from flyball.server.reload import Reloader
from flyball.server.scoring import Given, Scoring, answered_as
from flyball.server.settings import ServerSettings
from flyball.serving.codecs import Answer, Context, Request, Said, decode_request, encode_answer
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.records import Prediction

Find = Callable[[str], Prediction | None]


class Inferred(NamedTuple):
    """The answers to some rows, in their order, with the model that gave them."""

    live: LiveModel
    rows: list[Given]


class Predictor:
    """Answers prediction requests with what `reloader.live` is when they have been read whole.

    `find` looks for an earlier answer to a client's id in the prediction log; it is called in a thread, and only for ids this process
    does not know.
    """

    def __init__(
        self,
        settings: ServerSettings,
        reloader: Reloader,
        log: RecordLog,
        metrics: Metrics,
        *,
        make_id: Callable[[int], str],
        clock: Callable[[], int],
        find: Find,
        threads: Executor,
        guard: Guard | None = None,
    ) -> None:
        self._settings = settings
        self._reloader = reloader
        self._log = log
        self._metrics = metrics
        self._make_id = make_id
        self._clock = clock
        self._find = find
        self._threads = threads
        self._guard = guard
        self._scoring = Scoring(settings, log, metrics, guard, make_id=make_id, clock=clock)
        self._drawn = DrawnAlready()
        self._live_of_lane: LiveModel | None = None
        self._lane: Lane | None = None
        self._remembered: OrderedDict[str, Given] = OrderedDict()
        self._busy: dict[str, asyncio.Future[None]] = {}

    @property
    def lane(self) -> Lane | None:
        """The short way through what serves now, if it has one."""
        live = self._reloader.live
        if live is not self._live_of_lane:
            self._live_of_lane = live
            fits = live is not None and lane_fits(live, self._settings)
            self._lane = (
                Lane(
                    live,
                    self._settings,
                    self._log,
                    self._metrics,
                    make_id=self._make_id,
                    clock=self._clock,
                    guard=self._guard,
                    drawn=self._drawn,
                )
                if live is not None and fits
                else None
            )
        return self._lane

    def quick(self, body: bytes) -> bytes | asyncio.Future[bytes] | None:
        """The answer to a request that can be given at once; None if it needs `answer` (a client's id). Raises what `answer` raises."""
        lane = self.lane
        if lane is not None and not self._drawn.waits(body):
            try:
                content = lane.answer(body)
            except Exception:  # noqa: BLE001 - what is wrong, and what to do about it, is found out below
                content = None
            if content is not None:
                return content
        return self.at_once(body)

    def at_once(self, body: bytes) -> bytes | asyncio.Future[bytes] | None:
        """`quick` for a request that is known not to be plain."""
        started = perf_counter()
        live = self._live()
        if not live.inline:
            return None
        request = self._read(live, body)
        if len(request.rows) > live.most_inline:
            return None
        if request.client_ids[0] is not None or (len(request.client_ids) > 1 and any(request.client_ids)):
            return None
        drawn = self._draw(body, request)
        try:
            given, durable = self._scoring.at_once(live, request, drawn)
        except Exception:
            self._drawn.keep(body, drawn)  # should the connection leave it to the application, it is the same request
            raise
        content = self._encode(live, request, given, started)
        return content if durable is None else asyncio.ensure_future(after(durable, content))

    async def answer(self, body: bytes) -> bytes:
        """The answer to a request; RequestError, or StoreError while there is no model or the log is required and refuses."""
        try:
            found = self.quick(body)
        except Exception:
            self._drawn.take(body, self._clock())  # nobody answers it any more
            raise
        if found is None:
            return await self._answer_once(body)
        return found if isinstance(found, bytes) else await found

    async def infer(
        self,
        rows: Sequence[object],
        *,
        unit: str | None = None,
        context: Context | None = None,
        client_ids: Sequence[str | None] | None = None,
        at: int | None = None,
        version: int | None = None,
    ) -> Inferred:
        """Answer rows (each a list in the contract's order or a dict by name) that came by another protocol.

        They are checked, assigned, scored, logged and counted as those of `/predict`, and raise the same errors. `version`: let this live
        version answer; the row is then logged with the variant `pinned`, which takes no part in any comparison. A client's id that was
        answered before gets that answer again. `at` is in microseconds.
        """
        started = perf_counter()
        live = self._live()
        request = self._checked(live, rows, unit, context, client_ids, at)
        given = await self._each_once(live, request, version=version)
        self._metrics.took(perf_counter() - started)
        return given

    def forget(self) -> None:
        """Keep nothing of a deployment that serves no more."""
        self._live_of_lane = self._lane = None

    def give_up(self, version: LiveVersion) -> None:
        """Nobody waits any more for a version that answers nobody any more."""
        self._scoring.calls.give_up(version)

    def close(self) -> None:
        """Wait for no model any more."""
        self._scoring.calls.close()

    def _checked(
        self,
        live: LiveModel,
        rows: Sequence[object],
        unit: str | None,
        context: Context | None,
        client_ids: Sequence[str | None] | None,
        at: int | None,
    ) -> Request:
        if len(rows) > self._settings.max_rows:
            raise RequestError(f"{len(rows)} rows in one request; at most {self._settings.max_rows} are taken", field="features")
        checked = [live.contract.row(rows[0])] if len(rows) == 1 else live.contract.rows(rows)
        nobody: list[str | None] = [None] * len(rows)
        self._timed(at)
        return Request(checked, False, unit, nobody, nobody if client_ids is None else list(client_ids), context, at)

    async def _answer_once(self, body: bytes) -> bytes:
        """Answer what cannot be answered at once: because of a client's id, or because the model takes its time."""
        started = perf_counter()
        live = self._live()
        request = self._read(live, body)
        found = await self._each_once(live, request, drawn=self._draw(body, request))
        return self._encode(found.live, request, found.rows, started)

    def _draw(self, body: bytes, request: Request) -> Drawn:
        """The ids of a request's rows, and so who answers it where it has no unit: once, whatever way it is answered."""
        now = self._clock()
        found = self._drawn.take(body, now)
        if found is not None and len(found.ids) == len(request.rows):
            return found
        return Drawn([self._make_id(now) for _ in request.rows], now)

    async def _each_once(self, live: LiveModel, request: Request, *, version: int | None = None, drawn: Drawn | None = None) -> Inferred:
        """Answer rows. A row whose client's id was answered before gets that answer again, and is neither scored nor logged."""
        ids = [name for name in request.client_ids if name is not None]
        if not request.rows:
            return Inferred(live, [])
        if not ids:
            return Inferred(live, await self._durably(live, request, version, drawn))
        while busy := [self._busy[name] for name in ids if name in self._busy]:
            await asyncio.wait(busy)
        done = asyncio.get_running_loop().create_future()
        self._busy.update(dict.fromkeys(ids, done))
        try:
            known = {name: given for name in ids if (given := await self._earlier(name)) is not None}
            fresh = [number for number, name in enumerate(request.client_ids) if name not in known]
            made = await self._durably(live, _some(request, fresh), version) if fresh else []
            answers = dict(zip(fresh, made, strict=True))
            for number in fresh:
                if (name := request.client_ids[number]) is not None:
                    self._remember(name, answers[number])
            every = [answers[number] if number in answers else known[name or ""] for number, name in enumerate(request.client_ids)]
            return Inferred(live, every)
        finally:
            for name in ids:
                self._busy.pop(name, None)
            done.set_result(None)

    def _live(self) -> LiveModel:
        live = self._reloader.live
        if live is None:
            why = self._reloader.refused or "no model is deployed yet: this server has nothing to answer with"
            raise StoreError(why)
        return live

    def _read(self, live: LiveModel, body: bytes) -> Request:
        request = decode_request(body, live.contract, max_rows=self._settings.max_rows)
        self._timed(request.at)
        return request

    def _timed(self, at: int | None) -> None:
        """RequestError if the request's time and this server's clock do not go together."""
        if (at is None) == (self._settings.clock == "request"):
            wanted = "is missing: this server takes its time from the requests" if at is None else "is not taken: this server's clock is"
            raise RequestError(f"'at' {wanted}", field="at")

    async def _durably(self, live: LiveModel, request: Request, version: int | None, drawn: Drawn | None = None) -> list[Given]:
        """Score, log and count rows, whatever the model takes; return when a required log has them."""
        given, durable = await self._scoring.in_time(live, request, version, drawn)
        if durable is not None:
            await durable
        return given

    def _encode(self, live: LiveModel, request: Request, given: list[Given], started: float) -> bytes:
        first = given[0]
        if request.single:
            answer = Answer(first.label, first.confidence, live.model, first.version, first.variant, first.prediction_id)
        else:
            versions, variants = [one.version for one in given], [one.variant for one in given]
            answer = Answer(
                [one.label for one in given],
                [one.confidence for one in given],
                live.model,
                first.version if len(set(versions)) == 1 else versions,
                first.variant if len(set(variants)) == 1 else variants,
                [one.prediction_id for one in given],
            )
        content = encode_answer(answer)
        self._metrics.took(perf_counter() - started)
        return content

    async def _earlier(self, name: str) -> Given | None:
        """What was answered to a client's id before, by this process or, as far as the log has it, by another."""
        if name in self._remembered:
            self._remembered.move_to_end(name)
            return self._remembered[name]
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._find, name)
        except FlyballError:
            return None  # without the log a repeat is answered anew; the log drops it when it comes back
        live = self._reloader.live
        if found is None or live is None:
            return None
        score = list(found.score) if isinstance(found.score, tuple) else found.score
        several = live.versions.get(found.version, live.champion).several
        variant = answered_as(found.variant, found.version, live)
        label: Said = score if several and isinstance(score, list) else found.label
        given = Given(label, self._confidence(found, live), found.version, variant, found.prediction_id, score)
        self._remember(name, given)
        return given

    def _confidence(self, found: Prediction, live: LiveModel) -> float | None:
        version = live.versions.get(found.version, live.champion)
        if version.manifest.task == "regression" or not version.manifest.probabilities:
            return None
        if isinstance(found.score, tuple):
            return max(found.score)
        return found.score if found.label == version.manifest.classes[1] else 1.0 - found.score

    def _remember(self, name: str, given: Given) -> None:
        self._remembered[name] = given
        if len(self._remembered) > self._settings.remembered_ids:
            self._remembered.popitem(last=False)


def _some(request: Request, numbers: list[int]) -> Request:
    """The same request with some of its rows."""
    return Request(
        [request.rows[number] for number in numbers],
        request.single,
        request.unit,
        [request.entities[number] for number in numbers],
        [request.client_ids[number] for number in numbers],
        request.context,
        request.at,
    )
