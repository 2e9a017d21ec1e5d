"""Everything below `/admin/`: denied by default, opened by a token, and done in threads beside the event loop."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from flyball.core.codec import to_plain
from flyball.core.errors import FlyballError, IntegrityError, NotFoundError, RefusedError, RequestError, SpecError, UsageError
from flyball.core.ids import id_maker
from flyball.core.schema import did_you_mean
from flyball.core.window import from_micros
from flyball.server.admin.hints import over_http
from flyball.server.admin.orders import body_values, query_values, read_order
from flyball.server.admin.routes import ROUTES, Order, Route, described, fits
from flyball.server.admin.tokens import HOW, bearer
from flyball.server.answers import Headers, HttpError, Receive, Reply, Scope, error_reply, json_reply, without_place
from flyball.server.body import BodyReader
from flyball.server.served import Models, Served

if TYPE_CHECKING:
    from flyball.server.admin.desk import Desk

PLACE = "/admin"
_NO_STORE: Headers = [(b"cache-control", b"no-store")]
_WHO: Headers = [(b"www-authenticate", b'Bearer realm="flyball admin"'), *_NO_STORE]
_THREADS = 2
_TURN = 0.0005  # seconds; Python's own is 0.005
_MOST_WAITING = 16
_LARGEST_BODY = 64 * 1024
# What means something else here than in a request for a prediction; the first line that fits decides.
_STATUS: tuple[tuple[type[FlyballError], int], ...] = ((RefusedError, 409), (SpecError, 409), (UsageError, 422), (IntegrityError, 503))


class Admin:
    """The admin routes of one worker. Nothing is opened, and nothing imported, before a request with the right token asks for it."""

    def __init__(self, models: Models, bodies: BodyReader, *, clock: Callable[[], int], number: int) -> None:
        self._models = models
        self._bodies = bodies
        self._clock = clock
        self._ids = id_maker(number)
        self._tokens = models.first.ports.tokens
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="admin")
        self._opening = threading.Lock()
        self._turns = threading.Lock()
        self._busy = 0
        self._usual = sys.getswitchinterval()
        self._desks: dict[str, Callable[[str], Desk]] = {}
        self._waiting = 0

    def speaks(self, path: str) -> bool:
        """Whether a path (percent-decoded) is one of ours, there or not."""
        return path == PLACE or path.startswith(f"{PLACE}/")

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        """Answer one request; every error but a client that went away (ConnectionResetError), or one nobody foresaw, as a reply."""
        try:
            actor = self._bearer(scope)
            return await self._answer(scope, receive, actor)
        except (HttpError, FlyballError) as error:
            return _refusal(error)

    def close(self) -> None:
        """Let go of the threads; what they are doing is finished."""
        self._threads.shutdown(wait=False)

    def _bearer(self, scope: Scope) -> str:
        """Who asks; HttpError unless a token says so. This stands before everything else that a request could make the server do."""
        if not self._tokens:
            raise HttpError(403, f"the admin routes are closed: this server has no admin token; {HOW}", headers=_NO_STORE)
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) > 1:
            raise HttpError(400, "the request has two Authorization headers", headers=_NO_STORE)
        actor = bearer(self._tokens, given[0]) if given else None
        if actor is None:
            said = "the admin token is wrong" if given else "the admin routes need a token"
            raise HttpError(401, f"{said}: send the header Authorization: Bearer TOKEN", headers=_WHO)
        return actor

    async def _answer(self, scope: Scope, receive: Receive, actor: str) -> Reply:
        name, path = _split(scope)
        if not path:
            self._bodies.check(scope, browsers=False, kinds=None)
            _only(scope, ["GET"])
            return json_reply(200, {"actor": actor, "models": list(self._models.by_name), "routes": described()}, _NO_STORE)
        found = [(route, parts) for route in ROUTES if (parts := fits(route, path)) is not None]
        if not found:
            near = did_you_mean("/".join(path), [route.path for route in ROUTES])
            raise NotFoundError(f"there is no admin route {'/'.join(path)[:60]!r}{near}", hint=f"GET {PLACE} lists them")
        _only(scope, [route.method for route, _ in found])
        route, parts = next((route, parts) for route, parts in found if route.method == scope["method"])
        order = await self._order(scope, receive, route, parts)
        return await self._do(route, order, self._model(name, route.path), actor)

    async def _order(self, scope: Scope, receive: Receive, route: Route, parts: dict[str, str]) -> Order:
        query = query_values(scope.get("query_string", b""))
        if route.method == "GET":
            self._bodies.check(scope, browsers=False, kinds=None)
            return read_order(route.takes, {**query, **parts}, texts=True)
        body = await self._bodies.read(scope, receive, browsers=False, limit=_LARGEST_BODY)
        if query:
            raise RequestError("a POST says everything in its body, nothing behind a question mark", field=next(iter(query))[:60])
        values = body_values(body)
        if twice := next((part for part in parts if part in values), ""):
            raise RequestError(f"{twice!r} stands in the path already", field=twice)
        return read_order(route.takes, {**values, **parts}, texts=False)

    async def _do(self, route: Route, order: Order, served: Served, actor: str) -> Reply:
        if self._waiting >= _MOST_WAITING:
            raise HttpError(429, "too many admin requests at once", headers=[(b"retry-after", b"1")])
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, route, order, served, actor)
        finally:
            self._waiting -= 1

    def _run(self, route: Route, order: Order, served: Served, actor: str) -> Reply:
        """In a thread: do it, and write the answer."""
        with self._giving_way():
            module, _, function = route.run.partition(":")
            with self._opening:
                desk = self._desks.get(served.name) or self._desks.setdefault(served.name, self._open(served))
                run: Callable[[Desk, Order], object] = getattr(import_module(module), function)
            body = msgspec.json.encode(to_plain(run(desk(actor), order)))
        return without_place(Reply(route.status, body, _NO_STORE), served.settings.folder)

    @contextmanager
    def _giving_way(self) -> Iterator[None]:
        """While this lasts, the event loop waits a tenth as long for its turn at the interpreter: predictions must not feel what is done
        here.
        """
        with self._turns:
            self._busy += 1
            if self._busy == 1:
                sys.setswitchinterval(_TURN)
        try:
            yield
        finally:
            with self._turns:
                self._busy -= 1
                if not self._busy:
                    sys.setswitchinterval(self._usual)

    def _open(self, served: Served) -> "Callable[[str], Desk]":
        """What makes the desk of a model for whoever asks; its ports are opened once."""
        if served.ports.admin is None:
            raise HttpError(403, f"the admin routes of {served.name} are closed: this server was not given what they work with")
        from flyball.server.admin.desk import Desk
        from flyball.server.admin.jobs import Jobs

        ports = served.ports.admin()
        jobs = Jobs(ports.world.executor, served.settings.folder, lambda: self._ids(self._clock()))
        return lambda actor: Desk(model=served.name, ports=ports, jobs=jobs, actor=actor, now=from_micros(self._clock()))

    def _model(self, name: str | None, path: str) -> Served:
        if name is None and len(self._models.by_name) > 1:
            raise RequestError(
                f"this server has several models: {', '.join(self._models.by_name)}", hint=f"name one: {PLACE}/models/NAME/{path}"
            )
        return self._models.one(name)


def _split(scope: Scope) -> tuple[str | None, list[str]]:
    """The model that a path names, if it names one, and the parts of the path behind it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    parts = [unquote(part.decode("latin-1")) for part in raw.split(b"/")[2:]]
    if parts[:1] == ["models"] and len(parts) > 2 and parts[1]:
        return parts[1], parts[2:]
    return None, [] if parts == [""] else parts


def _only(scope: Scope, methods: list[str]) -> None:
    if scope["method"] not in methods:
        raise HttpError(405, f"this route takes {' or '.join(methods)} only", headers=[(b"allow", ", ".join(methods).encode())])


def _refusal(error: HttpError | FlyballError) -> Reply:
    """An error in the schema of the native routes. What the loop's own refusals advise is said in words of HTTP."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            said = f"{error.message}; {over_http(error.hint)}" if error.hint and status < 500 else error.message
            return json_reply(status, {"error": said}, _NO_STORE)
    return error_reply(error)
