"""The ASGI application: hot routes by exact path, what is only read beside them, one error schema for all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from time import time_ns
from urllib.parse import unquote

from flyball.core.errors import FlyballError, NotFoundError
from flyball.core.ids import id_maker
from flyball.core.schema import did_you_mean
from flyball.server.answers import HttpError, Receive, Reply, Scope, Send, error_reply, send_reply, without_place
from flyball.server.body import BodyReader
from flyball.server.log import RecordLog
from flyball.server.metrics import Metrics, share
from flyball.server.outcomes import OutcomeTaker
from flyball.server.predict import Predictor
from flyball.server.readable import Readable, metrics_path
from flyball.server.reload import Reloader
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.server.tally import Tally
from flyball.serving.deployment import LiveModel
from flyball.serving.records import Prediction
from flyball.serving.segments import SegmentWriter

_LOOPBACK = (b"127.0.0.1", b"[::1]", b"localhost")
_log = logging.getLogger("flyball.server")


def wall_clock() -> int:
    """Microseconds since 1970 UTC."""
    return time_ns() // 1000


class App:
    """One worker's server, as an ASGI 3 application. It works between lifespan startup and shutdown.

    `draining` is set when the process is asked to stop: requests are still answered, each with `Connection: close`.
    """

    def __init__(self, settings: ServerSettings, ports: ServerPorts, *, worker: str, number: int, clock: Callable[[], int]) -> None:
        self.settings = settings
        self.draining = False
        self.metrics = Metrics()
        self.worker = worker
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="ports")
        self.reloader = Reloader(settings, ports, self.metrics, worker=worker, on_swap=self._swapped)
        tally = Tally(settings.segments / f"{worker}.tally")
        if tally.lost:
            _log.warning("the worker before this one died with %d predictions answered and not logged", tally.lost)
        self.log = RecordLog(
            SegmentWriter(settings.segments, worker),
            self.metrics,
            tally,
            required=settings.log == "required",
            limit=settings.max_buffered_rows,
            flush_every=settings.flush_every,
            clock=clock,
        )

        def find(client_id: str) -> Prediction | None:
            if settings.workers > 1:
                ports.predictions.ingest()  # another worker may have answered it a moment ago
            found = ports.predictions.find(client_id)
            return found[0] if found is not None and found[0].client_id == client_id and found[0].model == settings.model else None

        self.predictor = Predictor(
            settings, self.reloader, self.log, self.metrics, make_id=id_maker(number), clock=clock, find=find, threads=self._threads
        )
        self.outcomes = OutcomeTaker(settings, ports, self.reloader, self.log, self.metrics, clock=clock, threads=self._threads)
        self.hosts = _hosts(settings.host)
        self.bodies = BodyReader(limit=settings.max_body, timeout=settings.body_timeout, hosts=self.hosts)
        self.readable = Readable(
            settings, ports, self.reloader, self.log, self.metrics, worker=worker, threads=self._threads, draining=lambda: self.draining
        )
        self._beat: asyncio.Task[None] | None = None
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def start(self) -> None:
        """Take up what is deployed and begin to follow it."""
        await self.reloader.start()
        self._beat = asyncio.get_running_loop().create_task(self._every_second())

    async def stop(self) -> None:
        """Write what is left of the log and let go of everything."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        await self.reloader.stop()
        await self.log.close()
        if self.settings.workers > 1:
            share(self.metrics, metrics_path(self.settings, self.worker))
        self._threads.shutdown(wait=False)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._open >= self.settings.max_concurrency:
            overload = HttpError(503, "too many requests at once", headers=[(b"retry-after", b"1")])
            self._count_error(503)
            await send_reply(send, error_reply(overload), close=True)
            return
        self._open += 1
        try:
            path = scope["path"]
            if path == "/predict" and scope["method"] == "POST":
                body = await self.bodies.read(scope, receive, browsers=True)
                reply = Reply(200, await self.predictor.answer(body))
            else:
                reply = await self._other(scope, path, receive)
        except ConnectionResetError:
            return
        except Exception as error:  # noqa: BLE001 - whatever happens, the client gets the error schema and the server goes on
            reply = self._failed(error)
        finally:
            self._open -= 1
        await send_reply(send, reply, close=self.draining)

    async def _other(self, scope: Scope, path: str, receive: Receive) -> Reply:
        handler: Callable[[Scope, Receive], Awaitable[Reply]] | None = None
        if path == "/predict":
            handler = self._predict
        elif path == "/outcomes":
            handler = self._outcomes
        elif (name := _model_in(scope)) is not None:
            if name != self.settings.model:
                near = did_you_mean(name, [self.settings.model])
                raise NotFoundError(f"there is no model {name[:60]!r} here{near}", hint=f"this server answers for {self.settings.model!r}")
            handler = self._predict
        if handler is None:
            return without_place(await self.readable.reply(scope), self.settings.folder)
        if scope["method"] != "POST":
            raise HttpError(405, f"{path[:60]} takes POST only", headers=[(b"allow", b"POST")])
        return await handler(scope, receive)

    async def _predict(self, scope: Scope, receive: Receive) -> Reply:
        return Reply(200, await self.predictor.answer(await self.bodies.read(scope, receive, browsers=True)))

    async def _outcomes(self, scope: Scope, receive: Receive) -> Reply:
        reply = await self.outcomes.answer(await self.bodies.read(scope, receive, browsers=False))
        if reply.status >= 400:
            self._count_error(reply.status)
        return reply

    def _failed(self, error: Exception) -> Reply:
        reply = without_place(error_reply(error), self.settings.folder)
        if reply.status == 500 or not isinstance(error, HttpError | FlyballError):
            _log.error("a request failed", exc_info=error)
        self._count_error(reply.status)
        return reply

    def _count_error(self, status: int) -> None:
        self.metrics.add("flyball_requests_refused_total", labels=(("code", str(status)),))

    def _swapped(self, live: LiveModel) -> None:
        _log.info("version %d answers, by deployment %d", live.champion.version, live.deployment.seq)
        for why in live.left_out.values():
            _log.warning("%s", why)

    async def _every_second(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            self.bodies.expire(loop.time())
            if self.settings.workers > 1:
                try:
                    await loop.run_in_executor(self._threads, share, self.metrics, metrics_path(self.settings, self.worker))
                except OSError as error:
                    _log.warning("the counters could not be shared with the other workers: %s", error.strerror)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except FlyballError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def make_app(settings: ServerSettings, ports: ServerPorts, *, worker: str = "w0", number: int = 0) -> App:
    """The application of one worker; `worker` names it in the log and to the deployments table."""
    return App(settings, ports, worker=worker, number=number, clock=wall_clock)


@asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """The app between start and stop, for whoever has no ASGI server."""
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def _model_in(scope: Scope) -> str | None:
    """The name in `/models/{name}/predict`, whatever characters it has."""
    raw = scope.get("raw_path") or scope["path"].encode()
    if raw.startswith(b"/models/") and raw.endswith(b"/predict") and len(raw) > len(b"/models//predict"):
        return unquote(raw[len(b"/models/") : -len(b"/predict")].decode("latin-1"))
    return None


def _hosts(host: str) -> frozenset[bytes]:
    """The names under which this server may be called: a page that was made to resolve here calls it by another."""
    return frozenset({*_LOOPBACK, (f"[{host}]" if ":" in host else host).encode()})
