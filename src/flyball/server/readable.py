"""The routes that are only read: health, metrics and documentation."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.core.errors import NotFoundError
from flyball.core.reason import Reason, because
from flyball.core.schema import did_you_mean
from flyball.core.window import from_micros
from flyball.monitoring.series import SERIES
from flyball.server.answers import Headers, HttpError, Reply, Scope, json_reply
from flyball.server.metrics import Page, Snapshot, render, shared
from flyball.server.openmetrics import KIND, asked_for, openmetrics
from flyball.server.pages import POLICY, docs_page, openapi
from flyball.server.settings import ServerSettings
from flyball.serving.deployment import LiveModel
from flyball.words.sentences import sentence

if TYPE_CHECKING:
    from flyball.server.served import Models, Served

_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,45}\])(:\d{1,5})?")
_KNOWN = frozenset(one.name for one in SERIES if one.source != "server")
_NO_STORE: Headers = [(b"cache-control", b"no-store")]
_PAGE: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    *_NO_STORE,
]


class Readable:
    """Answers GET and HEAD. `/docs` and `/openapi.json` describe the first model."""

    def __init__(self, settings: ServerSettings, models: "Models", *, worker: str, threads: Executor, draining: Callable[[], bool]) -> None:
        self._settings = settings
        self._models = models
        self._worker = worker
        self._threads = threads
        self._draining = draining
        self._pages: dict[str, Callable[[Scope], Awaitable[Reply]]] = {
            "/health": self._health,
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._scrape,
            "/docs": self._docs,
            "/openapi.json": self._openapi,
        }

    async def reply(self, scope: Scope) -> Reply:
        """The page of a path; HttpError 405 for another method, NotFoundError for another path."""
        path = scope["path"]
        page = self._pages.get(path)
        if page is None:
            near = did_you_mean(path, [*self._pages, "/predict", "/outcomes"])
            raise NotFoundError(f"there is nothing at {path[:60]!r}{near}", hint="see /docs")
        if scope["method"] not in ("GET", "HEAD"):
            raise HttpError(405, f"{path} takes GET only", headers=[(b"allow", b"GET, HEAD")])
        return await page(scope)

    async def _health(self, scope: Scope) -> Reply:
        every = list(self._models.by_name.values())
        body = self._state(self._models.first)
        if len(every) > 1:
            body = {"status": self._worst(every), "models": {one.name: self._state(one) for one in every}, "worker": self._worker}
        return json_reply(200 if body["status"] == "healthy" else 503, body, _NO_STORE)

    def _worst(self, every: "list[Served]") -> str:
        said = {self._status(one) for one in every}
        return next(one for one in ("draining", "waiting", "healthy") if one in said)

    def _status(self, served: "Served") -> str:
        return "draining" if self._draining() else "waiting" if served.reloader.live is None else "healthy"

    def _state(self, served: "Served") -> dict[str, object]:
        reloader, live = served.reloader, served.reloader.live
        return {
            "status": self._status(served),
            "model": served.name,
            "version": None if live is None else live.champion.version,
            "versions": {} if live is None else _versions(live),
            "challenger_share": 0.0 if live is None else live.deployment.challenger_share,
            "deployment": None if live is None else live.deployment.seq,
            "stale": reloader.stale,
            "behind": reloader.behind is not None,
            "local": live is not None and live.deployment.local,
            "error": reloader.error or None,
            "reason": sentence(self._reason(served)),
            "worker": self._worker,
            "log": {
                "mode": served.settings.log,
                "pending": served.log.rows,
                "logged": served.metrics.counted("flyball_log_rows_total", state="logged"),
                "lost": served.metrics.counted("flyball_log_rows_total", state="lost"),
                "error": served.log.error or None,
            },
        }

    def _reason(self, served: "Served") -> Reason:
        """Why the health is what it is."""
        reloader, live, log = served.reloader, served.reloader.live, served.log
        if self._draining():
            return because("serving.draining")
        if live is None:
            return because("serving.refused", error=reloader.error) if reloader.error else because("serving.waiting")
        if reloader.behind is not None:
            return reloader.behind
        if live.deployment.local and (local := reloader.local) is not None:
            return because("serving.local", version=local.to, instead=local.version, actor=local.actor, reason=local.reason)
        if reloader.stale:
            return because("serving.stale", version=live.champion.version)
        if served.guard.off:
            off, why = next(iter(served.guard.off.items()))
            return because("serving.guarded", version=live.champion.version, off=off, why=why)
        if reloader.error:
            code = "serving.kept" if reloader.refused else "serving.reduced" if reloader.left_out else "serving.unwritten"
            return because(code, version=live.champion.version, error=reloader.error)
        if log.error:
            return because("serving.log_refused", error=log.error, pending=log.rows)
        return because("serving.healthy", version=live.champion.version)

    async def _live(self, scope: Scope) -> Reply:
        return json_reply(200, {"status": "live"}, _NO_STORE)

    async def _ready(self, scope: Scope) -> Reply:
        every = self._models.by_name.values()
        behind = next((one for one in every if one.reloader.behind is not None), self._models.first)
        waiting = next((one for one in every if one.reloader.live is None), behind)
        status = self._status(waiting)
        if status == "healthy" and waiting.reloader.behind is not None:
            status = "behind"
        ready = status == "healthy"
        return json_reply(
            200 if ready else 503, {"status": "ready" if ready else status, "reason": sentence(self._reason(waiting))}, _NO_STORE
        )

    async def _scrape(self, scope: Scope) -> Reply:
        loop = asyncio.get_running_loop()
        pages: list[Page] = []
        for served in self._models.by_name.values():
            metrics, others = served.metrics, list[Snapshot]()
            metrics.set("flyball_log_pending_rows", served.log.rows)
            metrics.set("flyball_deployment_refused", float(bool(served.reloader.refused)))
            live = served.reloader.live
            features = None if live is None else frozenset(live.champion.manifest.schema.names)
            now = from_micros(served.clock())
            metrics.show(await loop.run_in_executor(self._threads, served.known.samples, now, features), _KNOWN)
            if served.settings.workers > 1:
                own = metrics_path(served.settings, self._worker)
                others = shared(path for path in own.parent.glob("*.json") if path != own)
            pages.append(Page(served.name, metrics, others))
        text = render(pages)
        if asked_for(scope):
            return Reply(200, openmetrics(text).encode(), [], KIND)
        return Reply(200, text.encode(), [], b"text/plain; version=0.0.4; charset=utf-8")

    async def _docs(self, scope: Scope) -> Reply:
        served = self._models.first
        page = docs_page(served.reloader.live, served.settings, self._address(scope))
        return Reply(200, page.encode(), _PAGE, b"text/html; charset=utf-8")

    async def _openapi(self, scope: Scope) -> Reply:
        served = self._models.first
        return json_reply(200, openapi(served.reloader.live, served.settings), _NO_STORE)

    def _address(self, scope: Scope) -> str:
        """Where the reader reached this server, if the header is a plain host."""
        for name, value in scope["headers"]:
            host = str(value, "latin-1")
            if name == b"host" and _HOST.fullmatch(host):
                return host
        return f"{self._settings.host}:{self._settings.port}"


def metrics_path(settings: ServerSettings, worker: str) -> Path:
    """Where a worker leaves its counters for the others."""
    return settings.folder / ".flyball" / "metrics" / f"{worker}.json"


def _versions(live: LiveModel) -> dict[str, object]:
    """The versions as they are deployed, and which of them are left out."""
    deployment = live.deployment
    found: dict[str, object] = {"champion": deployment.champion, "challenger": deployment.challenger, "shadow": list(deployment.shadow)}
    found |= {"tripped": sorted(live.off)} if live.off else {}
    return {**found, "left_out": sorted(live.left_out)} if live.left_out else found
