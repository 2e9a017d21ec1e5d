"""`/predictions`: predictions made elsewhere, checked and committed before the answer goes out."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor

from flyball.core.errors import RequestError, StoreError
from flyball.core.schema import did_you_mean
from flyball.server.answers import HttpError, Reply, json_reply
from flyball.server.log import RecordLog
from flyball.server.metrics import Metrics
from flyball.server.reload import Reloader
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.codecs import decode_json
from flyball.serving.contract import kind_of, shown
from flyball.serving.elsewhere import KEYS, Known, MadeElsewhere, check_elsewhere, elsewhere_batches, known_of, name_of_item

_MOST_WAITING = 32


class ElsewhereTaker:
    """Takes predictions of this server's model that somebody else made. Ports are called in `threads`, one request at a time."""

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
        """Check and commit; 200 if anything was accepted or nothing was sent, else 422. `known`: accepted ones that were logged before."""
        items, alone = _items(decode_json(body))
        if len(items) > self._settings.max_rows:
            raise HttpError(413, f"{len(items)} predictions in one request; at most {self._settings.max_rows} are taken")
        if self._waiting >= _MOST_WAITING:
            raise HttpError(429, "too many requests with predictions at once", headers=[(b"retry-after", b"1")])
        live = self._reloader.live
        if live is None:
            raise StoreError(self._reloader.refused or "no model is deployed yet: there is nothing to hold predictions against")
        known = known_of(live)
        rows, rejected = self._checked(items, known, alone=alone)
        self._waiting += 1
        try:
            fresh = await self._commit(known, rows) if rows else 0
        finally:
            self._waiting -= 1
        if rows or not items:
            return json_reply(200, {"accepted": len(rows), "known": len(rows) - fresh, "rejected": rejected})
        why = rejected[0]["error"]
        error = why if len(rejected) == 1 else f"none of the {len(rejected)} predictions was taken: {why}"
        return json_reply(422, {"error": error, "accepted": 0, "rejected": rejected})

    def _checked(self, items: list[object], known: Known, *, alone: bool) -> tuple[list[MadeElsewhere], list[dict[str, object]]]:
        rows: list[MadeElsewhere] = []
        rejected: list[dict[str, object]] = []
        now = None if self._settings.clock == "request" else self._clock()
        for index, item in enumerate(items):
            try:
                rows.append(check_elsewhere(item, known, now=now))
            except RequestError as error:
                if alone:
                    raise
                rejected.append({"index": index, "prediction_id": name_of_item(item), "error": error.message})
        return rows, rejected

    async def _commit(self, known: Known, rows: list[MadeElsewhere]) -> int:
        """Store the rows; how many were new. What this worker answered itself is written first, so that of repeats the first counts."""
        await self._log.flush()

        def add() -> int:
            self._ports.predictions.ingest()
            batches = elsewhere_batches(known, rows, Counter(), made_at=self._clock(), worker=f"elsewhere-{self._settings.port}")
            return sum(self._ports.predictions.add(batch) for batch in batches)

        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._threads, add)


def _items(given: object) -> tuple[list[object], bool]:
    """The predictions in a body, and whether it is one alone."""
    if isinstance(given, list):
        return given, False
    if not isinstance(given, dict):
        raise RequestError(f"the request must be a prediction, a list of them or an object with 'predictions', not {kind_of(given)}")
    if "predictions" not in given:
        return [given], True
    for key in given:
        if key != "predictions":
            raise RequestError(f"{shown(key)} is not a key beside 'predictions'{did_you_mean(key, KEYS)}", field=str(key)[:60])
    if not isinstance(given["predictions"], list):
        raise RequestError(f"'predictions' must be a list, not {kind_of(given['predictions'])}", field="predictions")
    return given["predictions"], False


def request_schema(*, timed: bool) -> dict[str, object]:
    """The JSON schema of a body; `timed`: every prediction has to bring its time."""
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    one: dict[str, object] = {
        "type": "object",
        "properties": {
            "features": {"type": ["object", "array", "null"]},
            "prediction": {},
            "score": {"anyOf": [{"type": "number"}, {"type": "array", "items": share}, {"type": "object", "additionalProperties": share}]},
            "confidence": share,
            "version": {"type": "integer", "minimum": 1},
            "variant": {"enum": ["champion", "challenger"]},
            "prediction_id": text,
            "unit": text,
            "id": text,
            "context": {"type": "object"},
            "at": {"type": "string", "format": "date-time"},
        },
        "required": ["at"] if timed else [],
        "additionalProperties": False,
    }
    many = {"type": "array", "items": one}
    several = {"type": "object", "properties": {"predictions": many}, "required": ["predictions"], "additionalProperties": False}
    return {"anyOf": [one, many, several]}
