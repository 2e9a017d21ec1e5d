"""`/predict`: from the bytes of a request to the bytes of its answer, with assignment, log, metrics and repeats."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from time import perf_counter
from typing import NamedTuple

from flyball.core.errors import FlyballError, RequestError, StoreError
from flyball.server.log import LogRow, RecordLog
from flyball.server.metrics import Cell, Metrics
from flyball.server.reload import Reloader
from flyball.server.settings import ServerSettings
from flyball.serving.codecs import Answer, Context, Request, decode_request, encode_answer
from flyball.serving.deployment import LiveModel, Score, Scored
from flyball.serving.records import Label, Prediction, Variant
from flyball.serving.traffic import variant_of

Find = Callable[[str], Prediction | None]

_MOST_UNITS = 10_000  # whose variant is remembered: two megabytes
_new = tuple.__new__


class Given(NamedTuple):
    """What was answered to one row: kept for the client that asks again."""

    label: Label
    confidence: float | None
    version: int
    variant: str
    prediction_id: str
    score: Score = float("nan")


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
    ) -> None:
        self._settings = settings
        self._reloader = reloader
        self._log = log
        self._metrics = metrics
        self._make_id = make_id
        self._clock = clock
        self._find = find
        self._threads = threads
        self._counters: dict[tuple[int, str], Cell] = {}
        self._variants: dict[str, Variant] = {}  # of units under `_assigned`
        self._assigned: LiveModel | None = None
        self._remembered: OrderedDict[str, Given] = OrderedDict()
        self._busy: dict[str, asyncio.Future[None]] = {}

    def quick(self, body: bytes) -> bytes | asyncio.Future[bytes] | None:
        """The answer to a request that can be given at once; None if it needs `answer` (a client's id). Raises what `answer` raises."""
        started = perf_counter()
        live, request = self._read(body)
        if request.client_ids[0] is not None or (len(request.client_ids) > 1 and any(request.client_ids)):
            return None
        given, durable = self._predict(live, request)
        content = self._encode(live, request, given, started)
        return content if durable is None else asyncio.ensure_future(_after(durable, content))

    async def answer(self, body: bytes) -> bytes:
        """The answer to a request; RequestError, or StoreError while there is no model or the log is required and refuses."""
        found = self.quick(body)
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
        live, request = self._checked(rows, unit, context, client_ids, at)
        given = await self._each_once(live, request, version=version)
        self._metrics.took(perf_counter() - started)
        return given

    def _checked(
        self,
        rows: Sequence[object],
        unit: str | None,
        context: Context | None,
        client_ids: Sequence[str | None] | None,
        at: int | None,
    ) -> tuple[LiveModel, Request]:
        live = self._live()
        if len(rows) > self._settings.max_rows:
            raise RequestError(f"{len(rows)} rows in one request; at most {self._settings.max_rows} are taken", field="features")
        single = len(rows) == 1
        contract = live.contract
        checked = [contract.row(row, "features" if single else f"features[{number}]") for number, row in enumerate(rows)]
        ids: list[str | None] = [None] * len(rows) if client_ids is None else list(client_ids)
        self._timed(at)
        return live, Request(checked, False, unit, [None] * len(rows), ids, context, at)

    async def _answer_once(self, body: bytes) -> bytes:
        """Answer rows with a client's id: a row whose id was answered before gets that answer again, and is neither scored nor logged."""
        started = perf_counter()
        live, request = self._read(body)
        found = await self._each_once(live, request)
        return self._encode(found.live, request, found.rows, started)

    async def _each_once(self, live: LiveModel, request: Request, *, version: int | None = None) -> Inferred:
        """Answers row by row; the ids of clients are answered once, by one request at a time."""
        ids = [name for name in request.client_ids if name is not None]
        while busy := [self._busy[name] for name in ids if name in self._busy]:
            await asyncio.wait(busy)
        done = asyncio.get_running_loop().create_future()
        self._busy.update(dict.fromkeys(ids, done))
        try:
            known = {name: given for name in ids if (given := await self._earlier(name)) is not None}
            fresh = [number for number, name in enumerate(request.client_ids) if name not in known]
            made, durable = self._predict(live, _some(request, fresh), version=version) if fresh else ([], None)
            if durable is not None:
                await durable
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

    def _read(self, body: bytes) -> tuple[LiveModel, Request]:
        live = self._live()
        request = decode_request(body, live.contract, max_rows=self._settings.max_rows)
        self._timed(request.at)
        return live, request

    def _timed(self, at: int | None) -> None:
        """RequestError if the request's time and this server's clock do not go together."""
        if (at is None) == (self._settings.clock == "request"):
            wanted = "is missing: this server takes its time from the requests" if at is None else "is not taken: this server's clock is"
            raise RequestError(f"'at' {wanted}", field="at")

    def _predict(self, live: LiveModel, request: Request, *, version: int | None = None) -> tuple[list[Given], asyncio.Future[None] | None]:
        """Score, log and count rows."""
        rows = request.rows
        for row in rows:
            if unseen := live.contract.unseen(row):
                self._unseen(unseen)
        now = self._clock()
        ids = [self._make_id(now) for _ in rows]
        unit, context, entities, client_ids = request.unit, request.context, request.entities, request.client_ids
        variant: str
        if version is None:
            variant, scored = self._scored(live, request, self._variant(live, unit, ids[0]))
            version = scored.version
        else:
            variant, scored = "pinned", live.pinned(version, rows)
        at = now if request.at is None else request.at
        logged, given = [], []
        for number, (label, sure, score, row) in enumerate(zip(scored.labels, scored.confidences, scored.scores, rows, strict=True)):
            name = ids[number]
            values = (name, version, variant, at, now, unit, entities[number], client_ids[number], label, score, row, context)
            logged.append(_new(LogRow, values))  # half the cost of LogRow(...)
            given.append(_new(Given, (label, sure, version, variant, name, score)))
        durable = self._log.add(live, logged)
        cell = self._counters.get((version, variant))
        if cell is None:
            labels = (("model", live.model), ("version", str(version)), ("variant", variant))
            cell = self._counters[version, variant] = self._metrics.cell("model_predictions_total", labels)
        cell.number += len(rows)
        return given, durable

    def _variant(self, live: LiveModel, unit: str | None, request_id: str) -> Variant:
        """Who answers; a unit that comes again is not hashed again."""
        if unit is None:
            return variant_of(live.deployment, None, request_id)
        if self._assigned is not live or len(self._variants) >= _MOST_UNITS:
            self._assigned, self._variants = live, {}
        variant = self._variants.get(unit)
        if variant is None:
            variant = self._variants[unit] = variant_of(live.deployment, unit, request_id)
        return variant

    def _scored(self, live: LiveModel, request: Request, variant: Variant) -> tuple[Variant, Scored]:
        """What the variant says; if a challenger fails, in whatever way, or was left out, the champion answers."""
        if variant == "challenger":
            try:
                if (found := live.challenged(request.rows)) is not None:
                    return variant, found
                self._metrics.add("model_fallbacks_total")
            except Exception:  # noqa: BLE001 - the first guardrail: a broken challenger costs nobody an answer
                self._metrics.add("model_fallbacks_total")
        return "champion", live.answer(request.rows)

    def _unseen(self, names: list[str]) -> None:
        if self._settings.unseen == "refuse":
            raise RequestError(f"{names[0]!r} has a category that did not occur in training", field=names[0])
        for name in names:
            self._metrics.add("model_unseen_categories_total", labels=(("feature_name", name),))

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
        given = Given(found.label, self._confidence(found, live), found.version, found.variant, found.prediction_id, _score(found))
        self._remember(name, given)
        return given

    def _confidence(self, found: Prediction, live: LiveModel) -> float | None:
        version = live.versions.get(found.version, live.champion)
        if version.manifest.task == "regression":
            return None
        if isinstance(found.score, tuple):
            return max(found.score)
        return found.score if found.label == version.manifest.classes[1] else 1.0 - found.score

    def _remember(self, name: str, given: Given) -> None:
        self._remembered[name] = given
        if len(self._remembered) > self._settings.remembered_ids:
            self._remembered.popitem(last=False)


def _score(found: Prediction) -> Score:
    return list(found.score) if isinstance(found.score, tuple) else found.score


async def _after(durable: asyncio.Future[None], content: bytes) -> bytes:
    await durable
    return content


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
