"""The ASGI application: hot routes by exact path, what is only read beside them, one error schema for all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from time import time_ns
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from flyball.core.errors import FlyballError
from flyball.server.admin.layer import Admin
from flyball.server.alerts import ROUTE, model_of
from flyball.server.answers import HttpError, Receive, Reply, Scope, Send, error_reply, log_fault, send_reply, without_place
from flyball.server.body import BodyReader
from flyball.server.dialects.inference import OpenInference
from flyball.server.dialects.mlflow_scoring import MlflowScoring
from flyball.server.dialects.open_inference import OpenInferenceRest
from flyball.server.dialects.tf_serving import TfServing
from flyball.server.names import names
from flyball.server.readable import Readable
from flyball.server.served import Models, Served
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.server.tracing import finish, open_tracer
from flyball.server.traffic import asked_model

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from flyball.server.dialects.grpc_inference import GrpcInference

# Asked for when the server has too much to do, and answered all the same.
_EXEMPT = ("/health", "/metrics", "/ping", "/v2/health/", "/admin/")
_HEALTH = ("/health", "/ping", "/v2/health/")  # probes ask by whatever name they know, and learn nothing of the model's data
_VERBS = ("predict", "outcomes", "predictions", ROUTE)
_ALERTS = ROUTE.encode()
_log = logging.getLogger("flyball.server")


class Dialect(Protocol):
    """The protocol of another server, spoken over the same models."""

    def speaks(self, path: str) -> bool:
        """True if a path (percent-decoded) belongs to this protocol."""
        ...

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        """Answer one request; every error but a client that went away (ConnectionResetError) in the protocol's own shape."""
        ...

    def refused(self, error: Exception) -> Reply:
        """An error in the protocol's shape."""
        ...


def wall_clock() -> int:
    """Microseconds since 1970 UTC."""
    return time_ns() // 1000


class App:
    """One worker's server, as an ASGI 3 application. It works between lifespan startup and shutdown.

    `draining` is set when the process is asked to stop: requests are still answered, each with `Connection: close`.
    """

    def __init__(
        self,
        settings: ServerSettings,
        ports: ServerPorts,
        *,
        worker: str,
        number: int,
        clock: Callable[[], int],
        others: Sequence[tuple[ServerSettings, ServerPorts]] = (),
    ) -> None:
        self.tracer = open_tracer(worker=worker) if settings.traces else None
        settings = replace(settings, short_way=settings.short_way and not settings.traces)
        self.settings = settings
        self.draining = False
        self.worker = worker
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="ports")
        every = [(settings, ports), *others]
        served = [Served(one, its, worker=worker, number=number, clock=clock, threads=self._threads) for one, its in every]
        self.models = Models(served)
        first = self.models.first
        self.metrics, self.reloader, self.log, self.predictor = first.metrics, first.reloader, first.log, first.predictor
        self.hosts = names(settings.host, settings.called)
        self.bodies = BodyReader(limit=settings.max_body, timeout=settings.body_timeout, hosts=self.hosts)
        self.readable = Readable(settings, self.models, worker=worker, threads=self._threads, draining=lambda: self.draining)
        self.admin = Admin(self.models, self.bodies, clock=clock, number=number)
        self.open_inference = OpenInference(self.models, threads=self._threads, draining=lambda: self.draining, clock=clock)
        self.dialects: tuple[Dialect, ...] = (
            MlflowScoring(self.models, self.bodies, draining=lambda: self.draining),
            OpenInferenceRest(self.open_inference, self.bodies, max_body=settings.max_body),
            TfServing(self.models, self.bodies, draining=lambda: self.draining),
        )
        self.grpc: GrpcInference | None = None
        self._beat: asyncio.Task[None] | None = None
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and self.tracer is not None:
            with self.tracer.request(scope) as span:
                await self._http(scope, receive, send, span)
        elif scope["type"] == "http":
            await self._http(scope, receive, send, None)

    async def start(self) -> None:
        """Take up what is deployed and begin to follow it."""
        for served in self.models.by_name.values():
            await served.start()
        if self.settings.grpc_port is not None:
            from flyball.server.dialects.grpc_inference import GrpcInference  # it needs an extra

            self.grpc = GrpcInference(self.open_inference, self.settings, refused=self._count_error)
            await self.grpc.start(self.settings.grpc_port)
        self._beat = asyncio.get_running_loop().create_task(self._every_second())

    async def stop(self) -> None:
        """Write what is left of the log and let go of everything."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        if self.grpc is not None:
            await self.grpc.stop()
        for served in self.models.by_name.values():
            await served.stop()
        if self.tracer is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self.tracer.close)
        self.admin.close()
        self._threads.shutdown(wait=False)

    async def _http(self, scope: Scope, receive: Receive, send: Send, span: "Span | None") -> None:
        path = scope["path"]
        if self._open >= self.settings.max_concurrency and not path.startswith(_EXEMPT):
            overload = HttpError(503, "too many requests at once", headers=[(b"retry-after", b"1")])
            self._count_error(503, asked_model(scope, self.models.by_name))
            dialect = self._dialect(path)
            await send_reply(send, error_reply(overload) if dialect is None else dialect.refused(overload), close=True)
            return
        self._open += 1
        try:
            reply = await self._answer(scope, path, receive)
        except ConnectionResetError:
            return
        except Exception as error:  # noqa: BLE001 - whatever happens, the client gets the error schema and the server goes on
            reply = self._failed(error, scope)
        finally:
            self._open -= 1
        if span is not None:
            finish(span, reply)
        await send_reply(send, reply, close=self.draining)

    async def _answer(self, scope: Scope, path: str, receive: Receive) -> Reply:
        name, verb = _model_in(scope)
        dialect = None if verb in _VERBS else self._dialect(path)
        foreign = None if path.startswith(_HEALTH) else self.bodies.foreign(scope)
        if foreign is None and self.admin.speaks(path):
            reply = await self.admin.answer(scope, receive)
            if reply.status >= 400:
                self._count_error(reply.status)
            return reply
        if dialect is not None:
            said = await dialect.answer(scope, receive) if foreign is None else dialect.refused(foreign)
            reply = without_place(said, self.settings.folder)
            if reply.status >= 400:
                self._count_error(reply.status, asked_model(scope, self.models.by_name))
            return reply
        if foreign is not None:
            raise foreign
        if verb not in _VERBS:
            return without_place(await self.readable.reply(scope), self.settings.folder)
        served = self.models.one(name) if verb != ROUTE or name is not None else self.models.first
        if scope["method"] != "POST":
            raise HttpError(405, f"{path[:60]} takes POST only", headers=[(b"allow", b"POST")])
        body = await self.bodies.read(scope, receive, browsers=verb == "predict")
        if verb == ROUTE:
            if name is None and len(self.models.by_name) > 1:
                served = self.models.one(model_of(body), ROUTE)
            return await served.alerts.answer(body, scope.get("query_string", b""))
        if verb == "predict":
            return Reply(200, await served.predictor.answer(body))
        reply = await (served.outcomes if verb == "outcomes" else served.elsewhere).answer(body)
        if reply.status >= 400:
            self._count_error(reply.status)
        return reply

    def _dialect(self, path: str) -> Dialect | None:
        return next((one for one in self.dialects if one.speaks(path)), None)

    def _failed(self, error: Exception, scope: Scope) -> Reply:
        reply = without_place(error_reply(error), self.settings.folder)
        log_fault(error, reply.status)
        self._count_error(reply.status, asked_model(scope, self.models.by_name))
        return reply

    def _count_error(self, status: int, model: str | None = None) -> None:
        """An error was the answer; `model`: that was asked for predictions. What names no model stands with the first."""
        served = self.models.by_name.get(model or "")
        if served is not None:
            served.traffic.refuse(status)
        (served or self.models.first).metrics.add("flyball_requests_refused_total", labels=(("code", str(status)),))

    async def _every_second(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            self.bodies.expire(loop.time())
            if self.settings.workers > 1:
                try:
                    for served in self.models.by_name.values():
                        await loop.run_in_executor(self._threads, served.share)
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


def make_app(
    settings: ServerSettings,
    ports: ServerPorts,
    *,
    worker: str = "w0",
    number: int = 0,
    others: Sequence[tuple[ServerSettings, ServerPorts]] = (),
) -> App:
    """The application of one worker; `worker` names it in the log and to the deployments table."""
    return App(settings, ports, worker=worker, number=number, clock=wall_clock, others=others)


@asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """The app between start and stop, for whoever has no ASGI server."""
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def _model_in(scope: Scope) -> tuple[str | None, str]:
    """Model and verb of a native route: `/VERB`, or `/models/{name}/VERB`, whatever characters the name has."""
    path: str = scope["path"]
    if path[1:] in _VERBS:
        return None, path[1:]
    raw = scope.get("raw_path") or path.encode()
    if raw.startswith(b"/models/"):
        rest = raw[len(b"/models/") :]
        verb = _ALERTS if rest.endswith(b"/" + _ALERTS) else rest.rpartition(b"/")[2]
        name = rest[: -len(verb) - 1]
        if name:
            return unquote(name.decode("latin-1")), verb.decode("latin-1")
    return None, ""
