"""The wheel: what the buttons do. They are routes of the admin API, asked with the same orders, opened by the same tokens."""

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from flyball.core.codec import to_plain
from flyball.core.errors import FlyballError, IntegrityError, NotFoundError, RefusedError, SpecError, UsageError
from flyball.core.ids import id_maker
from flyball.core.window import to_micros
from flyball.dashboard.records import DashboardPorts, Project
from flyball.dashboard.standing import seen
from flyball.journal.state import fold
from flyball.loop.world import World
from flyball.server.admin.desk import Desk
from flyball.server.admin.hints import over_http
from flyball.server.admin.jobs import Jobs
from flyball.server.admin.orders import body_values, read_order
from flyball.server.admin.routes import ROUTES, Order, Route, fits
from flyball.server.admin.tokens import HOW, bearer
from flyball.server.answers import HttpError, error_reply
from flyball.server.body import BodyReader
from flyball.server.settings import AdminPorts
from flyball.words.sentences import sentence

SEEN = "x-flyball-seen"
"""A header: what the page with the button was made under, as `standing.seen` says it."""
BODY_TIMEOUT = 10.0
"""Seconds that the body of an order may take."""
_NO_STORE = {"cache-control": "no-store"}
_STATUS: tuple[tuple[type[FlyballError], int], ...] = ((RefusedError, 409), (SpecError, 409), (UsageError, 422), (IntegrityError, 503))


class Actions:
    """Runs what a button asks for: denied without a token, in a thread, with the answer or the refusal as JSON."""

    def __init__(self, ports: DashboardPorts, bodies: BodyReader) -> None:
        self._ports = ports
        self._bodies = bodies
        self._ids = id_maker(0)
        self._jobs: dict[str, Jobs] = {}

    async def answer(self, request: Request, project: Project, path: str) -> Response:
        """One action; every error as a reply of the native schema."""
        try:
            actor = await asyncio.to_thread(self._bearer, request, project)
            body = await self._body(request)
            route, parts = _found(path)
            order = read_order(route.takes, {**body_values(body), **parts}, texts=False)
            shown = request.headers.get(SEEN, "")
            found = await asyncio.to_thread(self._run, route, order, project, actor, shown)
            return Response(msgspec.json.encode(to_plain(found)), route.status, _NO_STORE, "application/json")
        except (HttpError, FlyballError) as error:
            return _refusal(error)

    async def who(self, request: Request, project: Project) -> Response:
        """Whose token this is, for who has just typed one; nothing is done."""
        try:
            actor = await asyncio.to_thread(self._bearer, request, project)
            await self._body(request)
            return Response(msgspec.json.encode({"actor": actor}), 200, _NO_STORE, "application/json")
        except (HttpError, FlyballError) as error:
            return _refusal(error)

    async def _body(self, request: Request) -> bytes:
        try:
            return await asyncio.wait_for(self._bodies.read(request.scope, request.receive, browsers=True), BODY_TIMEOUT)
        except TimeoutError:
            raise HttpError(408, "the body did not arrive in time") from None

    def _bearer(self, request: Request, project: Project) -> str:
        tokens = project.tokens()
        if not tokens:
            raise HttpError(403, f"the actions are closed: this dashboard has no admin token; {HOW}")
        given = [value for name, value in request.scope["headers"] if name == b"authorization"]
        actor = bearer(tokens, given[0]) if len(given) == 1 else None
        if actor is None:
            raise HttpError(401, "the admin token is wrong" if given else "this needs the admin token")
        return actor

    def _run(self, route: Route, order: Order, project: Project, actor: str, shown: str) -> object:
        world = project.world()
        _must_still_be(project.name, world, shown)
        jobs = self._jobs.setdefault(project.slug, Jobs(world.executor, project.folder, lambda: self._ids(to_micros(self._ports.clock()))))
        told = AdminPorts(world=world, spec=project.spec, sentence=lambda reason: sentence(reason, self._ports.language))
        desk = Desk(model=project.name, ports=told, jobs=jobs, actor=actor, now=self._ports.clock())
        module, _, function = route.run.partition(":")
        return getattr(import_module(module), function)(desk, order)


def _must_still_be(model: str, world: World, shown: str) -> None:
    """RefusedError if the model's champion, challenger or comparison is another one since somebody was shown the button pressed now."""
    state = fold(model, world.journal.read(model))
    if not shown or shown == seen(state):
        return
    rollout = "" if state.rollout is None else f", and version {state.rollout.version} is compared with it"
    raise RefusedError(
        f"{model} changed since this was shown, so nothing was done: the champion is now version {state.champion or 'none'}{rollout}",
        hint="close this, and look at the page again",
    )


def _found(path: str) -> tuple[Route, Mapping[str, str]]:
    words: Sequence[str] = path.split("/")
    for route in ROUTES:
        parts = fits(route, words)
        if route.method == "POST" and parts is not None:
            return route, parts
    raise NotFoundError(f"there is no action {path[:60]!r}")


def _refusal(error: HttpError | FlyballError) -> Response:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            said = f"{error.message}; {over_http(error.hint)}" if error.hint and status < 500 else error.message
            return Response(msgspec.json.encode({"error": said}), status, _NO_STORE, "application/json")
    reply = error_reply(error)
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, {**_NO_STORE, **headers}, "application/json")
