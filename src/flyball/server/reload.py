"""Hot swap: follows the deployments table, loads and tries new versions in a thread, and swaps when the champion is good.

A swap has two steps. What is being prepared is loaded and tried beside what serves, and the table is told whether this worker is ready;
whoever sees that all have answered makes it current, and every worker swaps to what it has in memory already.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from flyball.core.errors import FlyballError, StoreError
from flyball.core.reason import Reason, because
from flyball.core.window import from_micros
from flyball.journal.events import Promoted, RolloutStarted, Staged
from flyball.loop.live import live_of, open_version
from flyball.server.again import Again
from flyball.server.guard import Guard
from flyball.server.memory import give_back
from flyball.server.metrics import Metrics
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.local import LocalRollback, as_served, last_served, read_local, remember, stamp
from flyball.serving.records import Deployment, Swap, Trip

_log = logging.getLogger("flyball.server")
_LOADS = 8  # deployments that are loaded at once: more than one only while a version hangs
_REMEMBERED = timedelta(days=1)  # of a version whose beginning is not known: trips that are older have long been decided upon
_HEARTBEAT = 1.0  # seconds; a worker that is silent for ten counts as gone
_LATE = 2.0  # seconds that a worker may be behind others which answer with what is current


class Reloader:
    """Keeps `live` at what the deployments table says. `live` is None until a first deployment has been taken up.

    A deployment whose champion cannot be taken up (a bundle that fails verification, an engine that cannot score) changes nothing: `error`
    says why, the table is told, and it is not tried again until it changes, or, where a store or disk did not answer, a while later
    (`again.py`). A challenger or shadow that cannot be taken up is left out:
    the champion answers its share, and the table is told of that. A table that cannot be read changes nothing either: `stale` is true.
    Versions are loaded aside, so that one that hangs while it is loaded keeps nobody from taking up what comes after it. A rollback of
    this machine is looked for without the table, and `guard` takes versions out of what serves. `behind` says why this worker is not to
    be asked while others answer with what it could not take up, or not in time.
    """

    def __init__(
        self,
        settings: ServerSettings,
        ports: ServerPorts,
        metrics: Metrics,
        *,
        worker: str,
        on_swap: Callable[[LiveModel], None],
        guard: Guard | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.live: LiveModel | None = None
        self.refused = ""  # why the newest deployment does not serve
        self.stale = False
        self.behind: Reason | None = None
        self._late_since: float | None = None
        self._next: Deployment | None = None  # what is being prepared
        self._answer: str | None = None  # what hinders this worker from answering with it; None: not known yet
        self._spare: dict[str, LiveVersion] = {}  # what was loaded for it
        self._preparing: asyncio.Task[None] | None = None
        self._ahead, self._again = Again(), Again()  # when the next, and what is current, are tried again
        self._unread: dict[int, StoreError] = {}  # versions that a store did not give
        self._trouble = ""  # what the table said when it was last asked, if that was an error
        self._settings = settings
        self._ports = ports
        self._metrics = metrics
        self._worker = worker
        self._on_swap = on_swap
        self._guard = guard
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reload")
        self._loads = ThreadPoolExecutor(max_workers=_LOADS, thread_name_prefix="load")
        self._table: Deployment | None = None  # what the table said last
        self._stamp: tuple[int, int, int] | None = None
        self._local: LocalRollback | None = None
        self._lifting = False  # the file of that rollback is gone, and the table has not been read since
        self._tried: Deployment | None = None
        self._loaded: dict[str, LiveVersion] = {}
        self._placed: dict[int, datetime] = {}  # when versions got their place, by the journal
        self._placed_for: Deployment | None = None
        self._loading: asyncio.Task[None] | None = None
        self._told = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []
        self._state = settings.folder / ".flyball"

    @property
    def left_out(self) -> str:
        """Why versions of the deployment that serves are left out of it; empty if none is."""
        return "" if self.live is None else "; ".join(self.live.left_out.values())

    @property
    def error(self) -> str:
        """What is wrong with what is deployed, or else with the table; empty if nothing is."""
        return self.refused or self.left_out or self._trouble

    @property
    def local(self) -> LocalRollback | None:
        """The rollback of this machine, if there is one."""
        return self._local

    async def start(self) -> None:
        """Take up what is deployed now, and go on following it."""
        await self._look_on(lambda: self.look(ahead=False))
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follow(self._look_at_table)), loop.create_task(self._follow(self._look_here))]

    async def stop(self) -> None:
        """Stop following; what serves goes on serving."""
        tasks = [*self._tasks, *(one for one in (self._loading, self._preparing) if one is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False)
        self._loads.shutdown(wait=False)

    async def look(self, *, ahead: bool = True) -> None:
        """One look at everything; returns when what is wanted now, and, with `ahead`, what is being prepared, was taken up or refused."""
        await self._look_here()
        await self._read_table()
        if self._preparing is not None and ahead:
            await asyncio.shield(self._preparing)
        if self._loading is not None:
            await asyncio.shield(self._loading)
        await self._speak()
        await self._compare()

    def switch(self, live: LiveModel) -> None:
        """Let this serve, which is what serves but for versions that a guardrail took out."""
        self.live = live
        self._show(live)

    async def _look_here(self) -> None:
        """Look for a rollback of this machine."""
        found = stamp(self._state)
        if found == self._stamp:
            return
        self._stamp = found
        self._lifting = found is None
        if found is None:  # it is in the journal, or was taken back: what the table says now is asked before it is let go
            await self._read_table()
            return
        self._local = read_local(self._state)
        self._want()

    async def _look_at_table(self) -> None:
        await self._read_table()
        await self._speak()
        await self._compare()

    async def _read_table(self) -> None:
        loop = asyncio.get_running_loop()
        lift = self._lifting  # as it is before the table is read: what was read before the file went says nothing
        swap = None
        try:
            deployment, swap = await loop.run_in_executor(self._thread, self._read)
            self.stale, self._trouble = False, ""
        except FlyballError as error:
            deployment = await loop.run_in_executor(self._thread, self._remembered) if self.live is None else None
            self.stale, self._trouble = True, error.message
        self._metrics.set("flyball_deployment_stale", float(self.stale))
        lift = lift and self._lifting and not self.stale
        if lift:
            self._local, self._lifting = None, False
        if deployment is not None:
            self._table = deployment
        if deployment is not None or lift:
            self._want()
        if not self.stale:
            self._prepare(swap)

    def _read(self) -> tuple[Deployment | None, Swap | None]:
        """In the thread: what is current and what is being prepared. What is due is made current, by whoever sees that first."""
        table, model = self._ports.deployments, self._settings.model
        swap = table.pending(model)
        if swap is not None and swap.due:
            with suppress(FlyballError):  # it can be read and not written: then another does it
                table.commit(model, swap.deployment.seq)
                swap = None
        return table.current(model), swap

    def _prepare(self, swap: Swap | None) -> None:
        """Get ready for what is being prepared, and say so until it was heard."""
        if swap is None:
            if not self._being_loaded:
                self._next, self._answer, self._spare = None, None, {}
        elif swap.deployment != self._next:
            self._next, self._answer = swap.deployment, None
            self._ahead.begin(afresh=True)
            self._preparing = asyncio.get_running_loop().create_task(self._get_ready(swap.deployment))
        elif self._answer is not None and (self._preparing is None or self._preparing.done()):
            loop = asyncio.get_running_loop()
            if self._ahead.due(loop.time()):
                self._ahead.begin(afresh=False)
                self._preparing = loop.create_task(self._get_ready(self._next))
            elif self._worker in swap.waiting:
                self._preparing = loop.create_task(self._say_ready(swap.deployment, self._answer))

    @property
    def _being_loaded(self) -> bool:
        """Whether what is current by now is still being loaded, because others were ready before."""
        return self._next is not None and self._answer is None and self._next == self._table

    async def _get_ready(self, deployment: Deployment) -> None:
        """Load and try what the deployment needs, beside what serves."""
        loop, wanted = asyncio.get_running_loop(), as_served(deployment, self._local)
        try:
            loaded = {**self._loaded, **self._spare}
            live = await loop.run_in_executor(self._loads, self._load, wanted, loaded, self._kept(wanted))
        except Exception as error:  # noqa: BLE001 - whatever it was, what serves goes on, and whoever asks is told why
            if self._next is not deployment:
                return
            self._refuse(wanted, error)
            self._ahead.failed(error, loop.time())
            self._told = float("-inf")
            self._answer = self.refused
        else:
            if self._next is not deployment:
                return
            self._answer, self._spare = "", {wanted.bundles[number]: version for number, version in live.given.items()}
        await self._say_ready(deployment, self._answer)

    async def _say_ready(self, deployment: Deployment, error: str) -> None:
        loop, told = asyncio.get_running_loop(), self._ports.deployments.ready
        try:
            await loop.run_in_executor(self._thread, told, self._settings.model, self._worker, deployment.seq, error)
        except FlyballError as failure:  # the next look says it again
            self._trouble = failure.message
            return
        await self._look_on(self._read_table)

    async def _compare(self) -> None:
        """Whether others answer with what is current while this worker does not. Who is the last to answer at all is never behind."""
        table, serving = self._table, None if self.live is None else self.live.deployment
        if table is None or serving is None or serving.seq >= table.seq:
            self.behind = self._late_since = None
        elif not self.stale:
            loop = asyncio.get_running_loop()
            with suppress(FlyballError):
                workers = await loop.run_in_executor(self._thread, self._ports.deployments.workers, self._settings.model)
                if not any(seq >= table.seq for name, (seq, _) in workers.items() if name != self._worker):
                    self.behind = self._late_since = None
                    return
                self._late_since = self._late_since or loop.time()
                if self.refused or loop.time() - self._late_since >= _LATE:
                    why = self.refused or "it is still loading what is current"
                    self.behind = because("serving.behind", deployment=serving.seq, current=table.seq, error=why)

    async def _speak(self) -> None:
        """Hear what other workers' guardrails did, and say what serves here."""
        if self._tried is None or self.stale:
            return
        loop = asyncio.get_running_loop()
        try:
            if self._guard is not None and self._guard.guarding:
                self._guard.adopt(await loop.run_in_executor(self._thread, self._trips, self._guard.guarding))
            if loop.time() - self._told >= _HEARTBEAT:
                await loop.run_in_executor(self._thread, self._tell)
                self._told = loop.time()
        except FlyballError as error:  # it can be read and not written: what serves is what is deployed
            self._trouble = error.message

    async def _follow(self, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_every)
            await self._look_on(look)

    async def _look_on(self, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except Exception as error:  # noqa: BLE001 - following must outlive whatever a port raises; what serves goes on
            self.stale, self._trouble = True, f"the deployments table cannot be followed: {type(error).__name__}"

    def _want(self) -> None:
        """Begin to take up what should serve now, if it is not what was tried last."""
        if self._table is None:
            return
        wanted, loop = as_served(self._table, self._local), asyncio.get_running_loop()
        other = wanted != self._tried
        if (other or self._again.due(loop.time())) and not self._being_loaded:
            self._again.begin(afresh=other)
            self._tried, self._told = wanted, float("-inf")
            self._loading = loop.create_task(self._take_up(wanted, self._table, dict(self._spare)))

    async def _take_up(self, wanted: Deployment, table: Deployment, spare: Mapping[str, LiveVersion]) -> None:
        loop = asyncio.get_running_loop()
        try:
            kept: frozenset[int] | None = None
            while kept != self._kept(wanted):  # somebody may be taken out while it is loaded
                kept = self._kept(wanted)
                live = await loop.run_in_executor(self._loads, self._load, wanted, {**self._loaded, **spare}, kept)
            if self._tried is not wanted:
                return  # something else is wanted meanwhile
            for number in live.failed.keys() & self._unread.keys():
                self._again.failed(self._unread[number], loop.time())
                break
            serving = self.live
            if serving is None or serving.deployment != wanted or serving.failed.keys() != live.failed.keys():
                self._serve(wanted, live)
        except Exception as error:  # noqa: BLE001 - whatever it was, what serves goes on, and whoever asks is told why
            if self._tried is wanted:
                self._refuse(wanted, error)
                self._again.failed(error, loop.time())
            return
        await loop.run_in_executor(self._loads, self._settle, table)

    def _serve(self, wanted: Deployment, live: LiveModel) -> None:
        self._loaded = {wanted.bundles[number]: version for number, version in live.given.items()}
        live = live if self._guard is None else self._guard.take_up(live)
        self.live, self.refused = live, ""
        self._metrics.add("flyball_swaps_total", labels=(("result", "done"),))
        for number in live.left_out:
            _log.warning("version %s cannot be loaded and is left out; /health says why", number)
            self._metrics.add("flyball_versions_left_out_total", labels=(("version", str(number)),))
        self._show(live)
        self._on_swap(live)

    def _refuse(self, deployment: Deployment, error: Exception) -> None:
        what = "the rollback of this machine" if deployment.local else f"deployment {deployment.seq}"
        if isinstance(error, FlyballError):
            self.refused = f"{what} was refused: {error.message}"
            _log.warning("%s%s", self.refused, f" ({error.hint})" if error.hint else "")
        else:
            self.refused = f"{what} was refused: it cannot be taken up ({type(error).__name__})"
            _log.error("%s", self.refused, exc_info=error)
        self._metrics.add("flyball_swaps_total", labels=(("result", "refused"),))

    def _kept(self, deployment: Deployment) -> frozenset[int]:
        return frozenset() if self._guard is None else self._guard.kept(deployment)

    def _load(self, deployment: Deployment, loaded: Mapping[str, LiveVersion], kept: Collection[int]) -> LiveModel:
        """In a thread: every version the deployment needs, verified, loaded and tried; what is in memory already is used as it is.

        The champion is loaded strictly; without one of the others the deployment still serves.
        """

        def one(number: int) -> LiveVersion:
            found = loaded.get(deployment.bundles.get(number, ""))
            if found is not None and found.version == number and not found.closed:
                return found
            settings = self._settings
            self._unread.pop(number, None)
            try:
                return open_version(self._ports.bundles, deployment, number, trusted=settings.trusted, deadline=settings.request_timeout)
            except StoreError as error:
                self._unread[number] = error
                raise

        return live_of(deployment, one, kept=kept)

    def _settle(self, table: Deployment) -> None:
        """Keep the last good deployment beside the bundles: a start without the database serves it, marked stale."""
        with suppress(OSError):  # a full disk must not stop a promotion; what is remembered is then older
            remember(self._state, table, self._worker)
        give_back()

    def _remembered(self) -> Deployment | None:
        deployment = last_served(self._state)
        return deployment if deployment is not None and deployment.model == self._settings.model else None

    def _trips(self, guarding: frozenset[int]) -> list[Trip]:
        """In the thread: what guardrails of other workers took out since these versions got their place."""
        model = self._settings.model
        if self._tried is not self._placed_for:
            self._placed, self._placed_for = {}, self._tried
            for entry in self._ports.journal.read(model):
                if isinstance(entry.event, RolloutStarted | Staged | Promoted) and entry.event.version is not None:
                    self._placed[entry.event.version] = entry.at
        now = datetime.now(UTC) if self._clock is None else from_micros(self._clock())
        found = []
        for version in guarding:
            since = self._placed.get(version, now - _REMEMBERED)
            found += [trip for trip in self._ports.guards.trips(model, since=since) if trip.version == version]
        return found

    def _tell(self) -> None:
        """Say which deployment serves here, and what is wrong with it or with the newest one."""
        serving = None if self.live is None else self.live.deployment
        self._ports.deployments.acknowledge(
            self._settings.model, self._worker, 0 if serving is None else serving.seq, self.refused or self.left_out
        )

    def _show(self, live: LiveModel) -> None:
        self._metrics.set("flyball_deployment_seq", live.deployment.seq)
        self._metrics.set("flyball_deployment_local", float(live.deployment.local))
        self._metrics.clear("flyball_serving_version")
        for role, version in (("champion", live.champion), ("challenger", live.challenger)):
            if version is not None:
                self._metrics.set("flyball_serving_version", version.version, (("role", role),))
        for shadow in live.shadows:
            self._metrics.set("flyball_serving_version", 1, (("role", "shadow"), ("version", str(shadow.live.version))))
