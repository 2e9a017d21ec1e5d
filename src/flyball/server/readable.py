"""The routes that are only read: health, metrics and documentation."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path

from flyball.core.errors import FlyballError, NotFoundError
from flyball.core.reason import Reason, because
from flyball.core.schema import did_you_mean
from flyball.server.answers import Headers, HttpError, Reply, Scope, json_reply
from flyball.server.log import RecordLog
from flyball.server.metrics import Metrics, render, shared
from flyball.server.pages import POLICY, docs_page, openapi
from flyball.server.reload import Reloader
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.deployment import LiveModel
from flyball.words.sentences import sentence

_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,45}\])(:\d{1,5})?")
_NO_STORE: Headers = [(b"cache-control", b"no-store")]
_PAGE: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    *_NO_STORE,
]


class Readable:
    """Answers GET and HEAD."""

    def __init__(
        self,
        settings: ServerSettings,
        ports: ServerPorts,
        reloader: Reloader,
        log: RecordLog,
        metrics: Metrics,
        *,
        worker: str,
        threads: Executor,
        draining: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._reloader = reloader
        self._log = log
        self._metrics = metrics
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
        reloader, live = self._reloader, self._reloader.live
        reason = self._reason()
        body: dict[str, object] = {
            "status": "draining" if self._draining() else "waiting" if live is None else "healthy",
            "model": self._settings.model,
            "version": None if live is None else live.champion.version,
            "versions": {} if live is None else _versions(live),
            "challenger_share": 0.0 if live is None else live.deployment.challenger_share,
            "deployment": None if live is None else live.deployment.seq,
            "stale": reloader.stale,
            "error": reloader.error or None,
            "reason": sentence(reason),
            "worker": self._worker,
            "log": {
                "mode": self._settings.log,
                "pending": self._log.rows,
                "logged": self._metrics.counted("flyball_log_rows_total", state="logged"),
                "lost": self._metrics.counted("flyball_log_rows_total", state="lost"),
                "error": self._log.error or None,
            },
        }
        return json_reply(503 if live is None or self._draining() else 200, body, _NO_STORE)

    def _reason(self) -> Reason:
        """Why the health is what it is."""
        reloader, live = self._reloader, self._reloader.live
        if self._draining():
            return because("serving.draining")
        if live is None:
            return because("serving.refused", error=reloader.error) if reloader.error else because("serving.waiting")
        if reloader.stale:
            return because("serving.stale", version=live.champion.version)
        if reloader.error:
            code = "serving.kept" if reloader.refused else "serving.reduced" if reloader.left_out else "serving.unwritten"
            return because(code, version=live.champion.version, error=reloader.error)
        if self._log.error:
            return because("serving.log_refused", error=self._log.error, pending=self._log.rows)
        return because("serving.healthy", version=live.champion.version)

    async def _live(self, scope: Scope) -> Reply:
        return json_reply(200, {"status": "live"}, _NO_STORE)

    async def _ready(self, scope: Scope) -> Reply:
        ready = self._reloader.live is not None and not self._draining()
        status = "ready" if ready else "draining" if self._draining() else "waiting"
        return json_reply(200 if ready else 503, {"status": status, "reason": sentence(self._reason())}, _NO_STORE)

    async def _scrape(self, scope: Scope) -> Reply:
        self._metrics.set("flyball_log_pending_rows", self._log.rows)
        others = []
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._ports.reports.latest, self._settings.model)
        except FlyballError:
            found = None  # the last known distances stay
        if found is not None:
            self._metrics.clear("model_feature_drift")
            for name, column in found.columns.items():
                self._metrics.set("model_feature_drift", column.distance, (("feature_name", name),))
        if self._settings.workers > 1:
            own = metrics_path(self._settings, self._worker)
            others = shared(path for path in own.parent.glob("*.json") if path != own)
        text = render(self._metrics, others, self._settings.model)
        return Reply(200, text.encode(), [], b"text/plain; version=0.0.4; charset=utf-8")

    async def _docs(self, scope: Scope) -> Reply:
        page = docs_page(self._reloader.live, self._settings, self._address(scope))
        return Reply(200, page.encode(), _PAGE, b"text/html; charset=utf-8")

    async def _openapi(self, scope: Scope) -> Reply:
        return json_reply(200, openapi(self._reloader.live, self._settings), _NO_STORE)

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
    return {**found, "left_out": sorted(live.left_out)} if live.left_out else found
