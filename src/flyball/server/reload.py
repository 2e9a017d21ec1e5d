"""Hot swap: follows the deployments table, loads and tries new versions in a thread, and swaps when the champion is good."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flyball.core.codec import from_json, to_json
from flyball.core.errors import FlyballError
from flyball.loop.live import live_of, open_version
from flyball.server.memory import give_back
from flyball.server.metrics import Metrics
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.records import Deployment

_log = logging.getLogger("flyball.server")
_HEARTBEAT = 1.0  # seconds; a worker that is silent for ten counts as gone


class Reloader:
    """Keeps `live` at what the deployments table says. `live` is None until a first deployment has been taken up.

    A deployment whose champion cannot be taken up (a bundle that fails verification, an engine that cannot score) changes nothing: `error`
    says why, the table is told, and it is not tried again until it changes. A challenger or shadow that cannot be taken up is left out:
    the champion answers its share, and the table is told of that. A table that cannot be read changes nothing either: `stale` is true.
    """

    def __init__(
        self, settings: ServerSettings, ports: ServerPorts, metrics: Metrics, *, worker: str, on_swap: Callable[[LiveModel], None]
    ) -> None:
        self.live: LiveModel | None = None
        self.refused = ""  # why the newest deployment does not serve
        self.stale = False
        self._trouble = ""  # what the table said when it was last asked, if that was an error
        self._settings = settings
        self._ports = ports
        self._metrics = metrics
        self._worker = worker
        self._on_swap = on_swap
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reload")
        self._tried: Deployment | None = None
        self._loaded: dict[str, LiveVersion] = {}
        self._told = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._last = settings.folder / ".flyball" / "deployment.json"

    @property
    def left_out(self) -> str:
        """Why versions of the deployment that serves are left out of it; empty if none is."""
        return "" if self.live is None else "; ".join(self.live.left_out.values())

    @property
    def error(self) -> str:
        """What is wrong with what is deployed, or else with the table; empty if nothing is."""
        return self.refused or self.left_out or self._trouble

    async def start(self) -> None:
        """Take up what is deployed now, and go on following it."""
        await self._look_on()
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Stop following; what serves goes on serving."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(wait=False)

    async def look(self) -> None:
        """One look at the table."""
        loop = asyncio.get_running_loop()
        try:
            deployment = await loop.run_in_executor(self._thread, self._ports.deployments.current, self._settings.model)
            self.stale, self._trouble = False, ""
        except FlyballError as error:
            deployment = await loop.run_in_executor(self._thread, self._remembered) if self.live is None else None
            self.stale, self._trouble = True, error.message
        self._metrics.set("flyball_deployment_stale", float(self.stale))
        if deployment is not None and deployment != self._tried:
            await self._take_up(deployment)
        if self._tried is not None and not self.stale and loop.time() - self._told >= _HEARTBEAT:
            try:
                await loop.run_in_executor(self._thread, self._tell)
                self._told = loop.time()
            except FlyballError as error:  # it can be read and not written: what serves is what is deployed
                self._trouble = error.message

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_every)
            await self._look_on()

    async def _look_on(self) -> None:
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 - following must outlive whatever a port raises; what serves goes on
            self.stale, self._trouble = True, f"the deployments table cannot be followed: {type(error).__name__}"

    async def _take_up(self, deployment: Deployment) -> None:
        self._tried, self._told = deployment, float("-inf")
        try:
            live = await asyncio.get_running_loop().run_in_executor(self._thread, self._load, deployment)
        except FlyballError as error:
            self.refused = f"deployment {deployment.seq} was refused: {error.message}"
            _log.warning("%s%s", self.refused, f" ({error.hint})" if error.hint else "")
            self._metrics.add("flyball_swaps_total", labels=(("result", "refused"),))
            return
        self.live, self.refused = live, ""
        self._metrics.add("flyball_swaps_total", labels=(("result", "done"),))
        for number in live.left_out:
            _log.warning("version %s cannot be loaded and is left out; /health says why", number)
            self._metrics.add("flyball_versions_left_out_total", labels=(("version", str(number)),))
        self._show(live)
        self._on_swap(live)
        await asyncio.get_running_loop().run_in_executor(self._thread, give_back)

    def _load(self, deployment: Deployment) -> LiveModel:
        """In the thread: every version the deployment needs, verified, loaded and tried; what is in memory already is used as it is.

        The champion is loaded strictly; without one of the others the deployment still serves.
        """
        live = live_of(deployment, lambda number: self._one(deployment, number))
        self._loaded = {deployment.bundles[number]: version for number, version in live.versions.items()}
        self._remember(deployment)
        return live

    def _one(self, deployment: Deployment, number: int) -> LiveVersion:
        found = self._loaded.get(deployment.bundles.get(number, ""))
        if found is not None and found.version == number:
            return found
        settings = self._settings
        return open_version(self._ports.bundles, deployment, number, trusted=settings.trusted, deadline=settings.request_timeout)

    def _remember(self, deployment: Deployment) -> None:
        """Keep the last good deployment beside the bundles: a start without the database serves it, marked stale."""
        try:
            fresh = self._last.with_suffix(f".{self._worker}.new")
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(to_json(deployment))
            fresh.replace(self._last)
        except OSError:
            return  # a full disk must not stop a promotion; what is remembered is then older

    def _remembered(self) -> Deployment | None:
        try:
            deployment = from_json(self._last.read_bytes(), Deployment)
        except (OSError, FlyballError):
            return None
        return deployment if deployment.model == self._settings.model else None

    def _tell(self) -> None:
        """Say which deployment serves here, and what is wrong with it or with the newest one."""
        serving = None if self.live is None else self.live.deployment
        self._ports.deployments.acknowledge(
            self._settings.model, self._worker, 0 if serving is None else serving.seq, self.refused or self.left_out
        )

    def _show(self, live: LiveModel) -> None:
        self._metrics.set("flyball_deployment_seq", live.deployment.seq)
        self._metrics.clear("flyball_serving_version")
        for role, version in (("champion", live.champion), ("challenger", live.challenger)):
            if version is not None:
                self._metrics.set("flyball_serving_version", version.version, (("role", role),))
        for shadow in live.shadows:
            self._metrics.set("flyball_serving_version", 1, (("role", "shadow"), ("version", str(shadow.live.version))))
