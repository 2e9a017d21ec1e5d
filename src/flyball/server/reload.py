"""Hot swap: follows the deployments table, loads and tries new versions in a thread, and swaps when all of them are good."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flyball.core.codec import from_json, to_json
from flyball.core.errors import FlyballError, IntegrityError, StoreError
from flyball.registry.bundle import read_manifest
from flyball.server.metrics import Metrics
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import load_engine
from flyball.serving.records import Deployment

_HEARTBEAT = 1.0  # seconds; a worker that is silent for ten counts as gone


class Reloader:
    """Keeps `live` at what the deployments table says. `live` is None until a first deployment has been taken up.

    A deployment that cannot be taken up (a bundle that fails verification, an engine that cannot score) changes nothing: `error` says why,
    the table is told, and it is not tried again until it changes. A table that cannot be read changes nothing either: `stale` is true.
    """

    def __init__(
        self, settings: ServerSettings, ports: ServerPorts, metrics: Metrics, *, worker: str, on_swap: Callable[[LiveModel], None]
    ) -> None:
        self.live: LiveModel | None = None
        self.error = ""
        self.stale = False
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
            self.stale = False
        except StoreError as error:
            deployment = await loop.run_in_executor(self._thread, self._remembered) if self.live is None else None
            self.stale = True
            self.error = self.error or error.message
        self._metrics.set("flyball_deployment_stale", float(self.stale))
        if deployment is not None and deployment != self._tried:
            await self._take_up(deployment)
        if self._tried is not None and not self.stale and loop.time() - self._told >= _HEARTBEAT:
            await loop.run_in_executor(self._thread, self._tell)
            self._told = loop.time()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_every)
            await self._look_on()

    async def _look_on(self) -> None:
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 - following must outlive whatever a port raises; what serves goes on
            self.stale = True
            self.error = self.error or f"the deployments table cannot be followed: {type(error).__name__}"

    async def _take_up(self, deployment: Deployment) -> None:
        self._tried, self._told = deployment, float("-inf")
        try:
            live = await asyncio.get_running_loop().run_in_executor(self._thread, self._load, deployment)
        except FlyballError as error:
            self.error = f"deployment {deployment.seq} was refused: {error.message}"
            self._metrics.add("flyball_swaps_total", labels=(("result", "refused"),))
            return
        self.live, self.error = live, ""
        self._metrics.add("flyball_swaps_total", labels=(("result", "done"),))
        self._show(live)
        self._on_swap(live)

    def _load(self, deployment: Deployment) -> LiveModel:
        """In the thread: every version the deployment needs, verified, loaded and tried; what is in memory already is used as it is."""
        wanted = {number for number in (deployment.champion, *deployment.shadow) if number is not None}
        if deployment.challenger is not None and deployment.challenger_share > 0.0:
            wanted.add(deployment.challenger)
        loaded, versions = {}, {}
        for number in sorted(wanted):
            digest = deployment.bundles.get(number)
            if digest is None:
                raise IntegrityError(f"the deployment names version {number} and no bundle for it")
            found = self._loaded.get(digest)
            loaded[digest] = found if found is not None and found.version == number else self._one(deployment.model, number, digest)
            versions[number] = loaded[digest]
        live = LiveModel(deployment, versions)
        self._loaded = loaded
        self._remember(deployment)
        return live

    def _one(self, model: str, number: int, digest: str) -> LiveVersion:
        try:
            folder = self._ports.bundles.path(digest)
            manifest = read_manifest(folder, digest)
            if manifest.model != model:
                raise IntegrityError(f"the bundle of version {number} belongs to another model, {manifest.model!r}")
            version = LiveVersion(number, manifest, load_engine(folder, manifest, trusted=self._settings.trusted))
            version.warm()
        except FlyballError:
            raise
        except Exception as error:
            raise IntegrityError(f"version {number} cannot be loaded: {type(error).__name__}") from error
        return version

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
        """Say which deployment serves here, and what is wrong with the newest one."""
        serving = None if self.live is None else self.live.deployment
        self._ports.deployments.acknowledge(
            self._settings.model, self._worker, 0 if serving is None else serving.seq, "" if serving is self._tried else self.error
        )

    def _show(self, live: LiveModel) -> None:
        deployment = live.deployment
        self._metrics.set("flyball_deployment_seq", deployment.seq)
        self._metrics.clear("flyball_serving_version")
        for role, number in (("champion", deployment.champion), ("challenger", deployment.challenger)):
            if number is not None:
                self._metrics.set("flyball_serving_version", number, (("role", role),))
        for number in deployment.shadow:
            self._metrics.set("flyball_serving_version", 1, (("role", "shadow"), ("version", str(number))))
