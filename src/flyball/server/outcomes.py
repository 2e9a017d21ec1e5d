"""`/outcomes`: what really happened, checked, joined to predictions and committed before the answer goes out."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from flyball.core.errors import RequestError
from flyball.core.schema import did_you_mean
from flyball.core.window import from_micros
from flyball.server.answers import HttpError, Reply, json_reply
from flyball.server.log import RecordLog
from flyball.server.metrics import Metrics
from flyball.server.reload import Reloader
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.codecs import amount_of, decode_json, name_of, time_of
from flyball.serving.contract import LARGEST_NUMBER, LONGEST_TEXT, kind_of, shown
from flyball.serving.records import Accepted, Label, Outcome, Rejected

_KEYS = ("prediction_id", "id", "unit", "actual", "at", "value")
_STATUS: Mapping[str, int] = {"malformed": 422, "ambiguous": 409, "twice": 409, "unknown": 404}
_MOST_WAITING = 32
_OTHERS_FLUSH = 0.15  # seconds in which every worker has flushed what it had


class OutcomeTaker:
    """Takes outcomes of this server's model. Ports are called in `threads`, one request at a time."""

    def __init__(
        self,
        settings: ServerSettings,
        ports: ServerPorts,
        reloader: Reloader,
        log: RecordLog,
        metrics: Metrics,
        *,
        clock: Callable[[], int],
        threads: Executor,
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._reloader = reloader
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._threads = threads
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def answer(self, body: bytes) -> Reply:
        """Check and commit; 200 if anything was accepted or nothing was sent, else the status of what was wrong."""
        given = decode_json(body)
        items = given if isinstance(given, list) else [given]
        if len(items) > self._settings.max_outcomes:
            raise HttpError(413, f"{len(items)} outcomes in one request; at most {self._settings.max_outcomes} are taken")
        if self._waiting >= _MOST_WAITING:
            raise HttpError(429, "too many outcome requests at once", headers=[(b"retry-after", b"1")])
        outcomes, rejected = self._checked(items, alone=not isinstance(given, list))
        self._waiting += 1
        try:
            accepted = await self._taken(outcomes, rejected) if outcomes else 0
        finally:
            self._waiting -= 1
        self._count(accepted, rejected)
        return _reply(accepted, rejected, empty=not items)

    def _checked(self, items: list[object], *, alone: bool) -> tuple[list[Outcome], list[Rejected]]:
        outcomes, rejected = [], []
        for item in items:
            try:
                outcomes.append(self._outcome(item))
            except RequestError as error:
                if alone:
                    self._metrics.add("flyball_outcomes_total", labels=(("result", "malformed"),))
                    raise
                rejected.append(Rejected(prediction_id=_name(item), why="malformed", error=error.message))
        return outcomes, rejected

    def _outcome(self, item: object) -> Outcome:
        if not isinstance(item, dict):
            raise RequestError(f"an outcome must be an object, not {kind_of(item)}")
        for key in item:
            if key not in _KEYS:
                raise RequestError(f"{shown(key)} is not a key of an outcome{did_you_mean(key, _KEYS)}", field=key[:60])
        names = {key: name_of(item.get(key), key) for key in ("prediction_id", "id", "unit")}
        if not any(names.values()):
            raise RequestError("an outcome needs a 'prediction_id', an 'id' or a 'unit'", field="prediction_id")
        if "actual" not in item:
            raise RequestError("'actual' is missing", field="actual")
        if item.get("at") is not None:
            at = time_of(item["at"], "at")
        elif self._settings.clock == "request":
            raise RequestError("'at' is missing: this server takes the time of an outcome from its request", field="at")
        else:
            at = self._clock()
        return Outcome(
            actual=self._actual(item["actual"]),
            at=from_micros(at),
            prediction_id=names["prediction_id"],
            entity=names["id"],
            unit=names["unit"],
            value=amount_of(item.get("value"), "value"),
        )

    def _actual(self, value: object) -> Label:
        """The label as the model knows it: one of its classes, or a number for a regression."""
        live = self._reloader.live
        if isinstance(value, str | bool | int | float) and not (isinstance(value, str) and len(value) > LONGEST_TEXT):
            number = not isinstance(value, str | bool)
            if live is None and not (number and abs(value) > LARGEST_NUMBER):  # type: ignore[arg-type]  # a number
                return value
            if live is not None and live.champion.manifest.task == "regression":
                if number and abs(value) <= LARGEST_NUMBER:  # type: ignore[arg-type]  # a number
                    return float(value)
                raise RequestError(f"'actual' must be a number, not {kind_of(value)}", field="actual")
            for label in live.champion.manifest.classes if live is not None else ():
                if label == value and isinstance(label, bool) == isinstance(value, bool):
                    return label
        known = "" if live is None else f"; the classes are {', '.join(map(repr, live.champion.manifest.classes[:20]))}"
        raise RequestError(f"'actual' cannot be {kind_of(value)}{known}", field="actual")

    async def _taken(self, outcomes: list[Outcome], rejected: list[Rejected]) -> int:
        """Commit what can be committed, wait once for what other workers may still hold, and add to `rejected` what is left."""
        await self._log.flush()
        accepted, unknown = 0, []
        for wave in _waves(outcomes):
            said = await self._take(wave)
            accepted += said.accepted
            names = {one.prediction_id for one in said.rejected if one.why == "unknown"}
            rejected += [one for one in said.rejected if one.why != "unknown"]
            unknown += [outcome for outcome in wave if called(outcome) in names]
        if unknown:
            await asyncio.sleep(_OTHERS_FLUSH)
            for wave in _waves(unknown):
                said = await self._take(wave)
                accepted += said.accepted
                rejected += said.rejected
        return accepted

    async def _take(self, outcomes: list[Outcome]) -> Accepted:
        def take() -> Accepted:
            self._ports.predictions.ingest()
            return self._ports.outcomes.take(self._settings.model, outcomes, within=self._settings.matures)

        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._threads, take)

    def _count(self, accepted: int, rejected: list[Rejected]) -> None:
        self._metrics.add("flyball_outcomes_total", accepted, (("result", "accepted"),))
        for one in rejected:
            self._metrics.add("flyball_outcomes_total", labels=(("result", one.why),))


def called(outcome: Outcome) -> str:
    """What a rejection calls this outcome."""
    return outcome.prediction_id or outcome.entity or outcome.unit or ""


def _waves(outcomes: list[Outcome]) -> list[list[Outcome]]:
    """The outcomes in groups in which no name stands twice, so that a rejection can be told apart; nearly always one group."""
    waves: list[list[Outcome]] = []
    seen: dict[str, int] = {}
    for outcome in outcomes:
        number = seen.get(called(outcome), 0)
        seen[called(outcome)] = number + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(outcome)
    return waves


def _reply(accepted: int, rejected: list[Rejected], *, empty: bool) -> Reply:
    listed = [{"prediction_id": one.prediction_id, "error": one.error} for one in rejected]
    if accepted or empty:
        return json_reply(200, {"accepted": accepted, "rejected": listed})
    status = max(_STATUS[one.why] for one in rejected)
    error = rejected[0].error if len(rejected) == 1 else f"none of the {len(rejected)} outcomes was taken: {rejected[0].error}"
    return json_reply(status, {"error": error, "accepted": 0, "rejected": listed})


def _name(item: object) -> str:
    """What a malformed outcome seems to be about."""
    if isinstance(item, dict):
        for key in ("prediction_id", "id", "unit"):
            if isinstance(name := item.get(key), str):
                return name[:60]
    return ""
