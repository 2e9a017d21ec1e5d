"""The dashboard as an application: which address shows which page, what every answer is sealed with, what is asked only once a second."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from urllib.parse import quote

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flyball.core.errors import FlyballError, NotFoundError, SpecError, StoreError
from flyball.core.reason import because
from flyball.core.record import record
from flyball.core.window import format_minute
from flyball.dashboard.actions import BODY_TIMEOUT, Actions
from flyball.dashboard.paper import plain_page, section, whole_page
from flyball.dashboard.records import Ask, DashboardPorts, Maker, Page, Part, Project
from flyball.dashboard.style import sheet
from flyball.dashboard.table import maker
from flyball.render.report.text import clean
from flyball.server.body import BodyReader
from flyball.words.sentences import Language, sentence

_log = logging.getLogger("flyball.dashboard")
_SEAL = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
_FRESH = 1.0  # seconds for which a page that was made is shown to whoever else asks for it: fifty tabs cost as much as one
_KEPT = 64
_AT_ONCE = 16  # pages that are being made, or wait for a thread
_BUSY = "the dashboard makes as many pages as it can; ask again in a moment"
_STATIC = {"dashboard.js": "text/javascript", "icon.svg": "image/svg+xml"}


@record
class _Made:
    """What was made once for all who ask within a second: the whole page, and the sections of which somebody may want one alone.

    `away`: what a section is answered while the stores are away. Without `parts` it is what everybody is told.
    """

    status: int
    text: str
    parts: Mapping[str, Part] | None = None
    away: str = ""

    def part(self, key: str) -> tuple[int, str]:
        """Status and text of one section."""
        if self.away:
            return 503, self.away
        if self.parts is None:
            return self.status, self.text
        return (200, str(section(self.parts[key]))) if key in self.parts else (404, "")


class Dashboard:
    """Makes pages. Each in a thread, one at a time for the same address, and not again within a second."""

    def __init__(self, ports: DashboardPorts, *, hosts: frozenset[bytes]) -> None:
        self._ports = ports
        self._projects: Mapping[str, Project] = {project.slug: project for project in ports.projects}
        self._models = [(one.slug, one.name) for one in ports.projects]
        self._bodies = BodyReader(limit=64 * 1024, timeout=BODY_TIMEOUT, hosts=hosts)
        self._actions = Actions(ports, self._bodies)
        self._good: OrderedDict[tuple[str, ...], tuple[datetime, Page]] = OrderedDict()  # what is shown while a store does not answer
        self._since: dict[str, datetime] = {}  # when a project's stores were first found not to answer
        self._made: OrderedDict[tuple[str, ...], tuple[float, asyncio.Future[_Made]]] = OrderedDict()

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/", self._first),
            Route("/static/dashboard.css", self._style),
            Route("/static/{name}", self._static),
            Route("/m/{slug}/do/{path:path}", self._do, methods=["POST"]),
            Route("/m/{slug}/who", self._who, methods=["POST"]),
            Route("/m/{slug}", self._model),
            Route("/m/{slug}/{page}", self._page),
            Route("/health", self._health),
        ]

    def sealed(self, app: ASGIApp) -> ASGIApp:
        """The application behind its seal: every answer has the headers, and whoever calls it by another name gets none of it."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            async def seal(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers.update({**_SEAL, "cache-control": headers.get("cache-control", "no-store")})
                await send(message)

            answered: ASGIApp = app
            if scope["type"] == "http":
                if self._bodies.foreign(scope):
                    answered = PlainTextResponse("this dashboard goes by another name", 421)
                elif _from_elsewhere(scope):
                    answered = PlainTextResponse("this dashboard is not part of other sites", 403)
            await answered(scope, receive, seal)

        return answer

    async def _first(self, request: Request) -> Response:
        chosen = "lang" if "lang" in request.query_params else ""
        language = self._language(request)
        if len(self._ports.projects) == 1:
            return RedirectResponse(f"/m/{self._ports.projects[0].slug}/loop" + (f"?lang={language}" if chosen else ""))
        from flyball.dashboard.pages.fleet import fleet_section

        def made() -> _Made:
            return _Made(status=200, text=str(fleet_section(self._ports, language, chosen=language if chosen else "")))

        body = (await self._once(("", "fleet", language, chosen), made)).text
        if request.query_params.get("part"):
            return _html(body)
        return _html(plain_page(language, sentence(because("dashboard.fleet.title"), language), {"html": Markup(body)}))  # noqa: S704 - escaped

    async def _model(self, request: Request) -> Response:
        chosen = f"?lang={self._language(request)}" if "lang" in request.query_params else ""
        return RedirectResponse(f"/m/{quote(request.path_params['slug'])}/loop{chosen}")

    async def _page(self, request: Request) -> Response:
        language, slug, name = self._language(request), request.path_params["slug"], request.path_params["page"]
        project, make = self._projects.get(slug), maker(name)
        if project is None or make is None:
            return await self.nothing(request)
        query = dict(list(request.query_params.items())[:20])
        part = query.pop("part", "")
        ask = Ask(project=project, page=name, query=query, language=language, now=self._ports.clock())
        key = (slug, name, language, *(f"{one}={value}" for one, value in sorted(query.items())))
        made = await self._once(key, lambda: self._make(ask, make, key))
        status, text = made.part(part) if part else (made.status, made.text)
        return PlainTextResponse(text, status) if part and made.away else _html(text, status)

    def _make(self, ask: Ask, make: Maker, address: tuple[str, ...]) -> _Made:
        """In a thread: the page, whole and in parts. One that fails is told, and the others go on."""
        try:
            return self._shown(ask, make, address)
        except Exception:  # noqa: BLE001 - whatever it is
            _log.exception("the page %s cannot be made", ask.page)
            return _Made(status=500, text=plain_page(ask.language, ask.t("failed"), ask.t("failed_why")))

    def _shown(self, ask: Ask, make: Maker, address: tuple[str, ...]) -> _Made:
        """While the stores do not answer, the page as it was last, and since when that is."""
        try:
            page = make(ask)
        except FlyballError as error:
            return self._without(ask, address, error)
        self._since.pop(ask.project.slug, None)
        self._good[address] = (ask.now, page)
        self._good.move_to_end(address)
        while len(self._good) > _KEPT:
            self._good.popitem(last=False)
        parts = {one.key: one for one in page.parts}
        return _Made(status=200, text=whole_page(ask, page, models=self._models), parts=parts)

    def _without(self, ask: Ask, address: tuple[str, ...], error: FlyballError) -> _Made:
        said = clean(f"{error.message}; {error.hint}" if error.hint else error.message, 400)
        if not isinstance(error, StoreError | SpecError):
            status = 404 if isinstance(error, NotFoundError) else 409
            return _Made(status=status, text=plain_page(ask.language, ask.t("failed"), said))
        since = self._since.setdefault(ask.project.slug, ask.now)
        shown, page = self._good.get(address, (None, None))
        trouble = ask.t("trouble", since=format_minute(since), error=said, shown="-" if shown is None else format_minute(shown))
        if page is None:
            status = 503 if isinstance(error, StoreError) else 409
            return _Made(status=status, text=plain_page(ask.language, ask.t("failed"), trouble), away=trouble)
        return _Made(status=200, text=whole_page(ask, page, models=self._models, trouble=trouble), away=trouble)

    async def _once(self, key: tuple[str, ...], made: Callable[[], _Made]) -> _Made:
        now = time.monotonic()
        known = self._made.get(key)
        if known is None or (known[1].done() and now - known[0] > _FRESH):
            if sum(not one.done() for _, one in self._made.values()) >= _AT_ONCE:
                return _Made(status=503, text=_BUSY, away=_BUSY)
            task = asyncio.ensure_future(asyncio.to_thread(made))
            known = self._made[key] = (now, task)
            self._made.move_to_end(key)
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return await asyncio.shield(known[1])

    async def _do(self, request: Request) -> Response:
        project = self._projects.get(request.path_params["slug"])
        if project is None:
            return PlainTextResponse('{"error": "there is no such model here"}', 404, media_type="application/json")
        try:
            return await self._actions.answer(request, project, request.path_params["path"])
        finally:
            self._made.clear()  # afterwards: what was made meanwhile may not show what was done

    async def _who(self, request: Request) -> Response:
        project = self._projects.get(request.path_params["slug"])
        return PlainTextResponse("", 404) if project is None else await self._actions.who(request, project)

    async def _style(self, request: Request) -> Response:
        return Response(sheet(), media_type="text/css", headers={"cache-control": "max-age=300"})

    async def _static(self, request: Request) -> Response:
        kind = _STATIC.get(request.path_params["name"])
        if kind is None:
            return PlainTextResponse("", 404)
        body = (files("flyball.dashboard") / "static" / request.path_params["name"]).read_bytes()
        return Response(body, media_type=kind, headers={"cache-control": "max-age=300"})

    async def _health(self, request: Request) -> Response:
        return PlainTextResponse('{"status": "healthy"}', media_type="application/json")

    async def nothing(self, request: Request, _: Exception | None = None) -> Response:
        """What is answered where there is nothing."""
        language = self._language(request)
        return _html(plain_page(language, "404", sentence(because("dashboard.no_page"), language)), 404)

    def _language(self, request: Request) -> Language:
        wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")[:20] or self._ports.language
        return "zh" if wanted.lower().startswith("zh") else "en"


def _from_elsewhere(scope: Scope) -> bool:
    """Whether a page of another site asks for this, other than by a link that somebody followed."""
    headers = Headers(scope=scope)
    if scope["method"] == "POST":
        return False  # who reads the order asks more of it, and answers in its words
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return False
    return headers.get("sec-fetch-mode") != "navigate" or headers.get("sec-fetch-dest") != "document"


def make_app(ports: DashboardPorts, *, hosts: frozenset[bytes]) -> ASGIApp:
    """The application. `hosts`: the names it may be called by; whatever else asks was sent here by a page that lies about its name."""
    made = Dashboard(ports, hosts=hosts)
    return made.sealed(Starlette(routes=made.routes(), exception_handlers={404: made.nothing}))


def _html(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/html")
