"""One model in one worker: what answers, what is logged, what is counted, and the models of a server by name."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from flyball.core.errors import NotFoundError, RequestError, StoreError
from flyball.core.ids import loop_id_maker
from flyball.core.schema import did_you_mean
from flyball.server.alerts import AlertTaker
from flyball.server.guard import Guard, Taken
from flyball.server.known import Known
from flyball.server.log import RecordLog
from flyball.server.made_elsewhere import ElsewhereTaker
from flyball.server.metrics import Metrics, share
from flyball.server.outcomes import OutcomeTaker
from flyball.server.predict import Predictor
from flyball.server.readable import metrics_path
from flyball.server.reload import Reloader
from flyball.server.settings import ServerPorts, ServerSettings
from flyball.server.tally import Tally
from flyball.server.traffic import TrafficKeeper
from flyball.serving.deployment import LiveModel
from flyball.serving.records import Prediction
from flyball.serving.segments import SegmentWriter

_log = logging.getLogger("flyball.server")


class Served:
    """Everything a worker keeps for one model. It works between `start` and `stop`."""

    def __init__(
        self, settings: ServerSettings, ports: ServerPorts, *, worker: str, number: int, clock: Callable[[], int], threads: Executor
    ) -> None:
        self.settings = settings
        self.ports = ports
        self.worker = worker
        self.clock = clock
        self.metrics = Metrics()
        self.known = Known(settings.model, ports)
        self.guard = Guard(
            settings.model,
            ports.guards,
            self.metrics,
            worker=worker,
            clock=clock,
            threads=threads,
            patience=settings.request_timeout,
            on_trip=self._tripped,
        )
        self.reloader = Reloader(settings, ports, self.metrics, worker=worker, on_swap=self._swapped, guard=self.guard, clock=clock)
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
            guard=self.guard,
        )

        def find(client_id: str) -> Prediction | None:
            if settings.workers > 1:
                ports.predictions.ingest()  # another worker may have answered it a moment ago
            found = ports.predictions.find(client_id)
            return found[0] if found is not None and found[0].client_id == client_id and found[0].model == settings.model else None

        self.predictor = Predictor(
            settings,
            self.reloader,
            self.log,
            self.metrics,
            make_id=loop_id_maker(number),
            clock=clock,
            find=find,
            threads=threads,
            guard=self.guard,
        )
        self.outcomes = OutcomeTaker(settings, ports, self.reloader, self.log, self.metrics, clock=clock, threads=threads)
        self.elsewhere = ElsewhereTaker(settings, ports, self.reloader, self.log, self.metrics, clock=clock, threads=threads)
        self.traffic = TrafficKeeper(settings.model, ports.traffic, self.metrics, clock=clock, threads=threads)
        self.alerts = AlertTaker(settings, ports, clock=clock, threads=threads)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.settings.model

    @property
    def ready(self) -> bool:
        """Whether it is to be asked: there is something to answer with, and others are not ahead of it."""
        return self.reloader.live is not None and self.reloader.behind is None

    @property
    def live(self) -> LiveModel:
        """What answers now; StoreError while nothing does."""
        if self.reloader.live is None:
            raise StoreError(self.reloader.refused or "no model is deployed yet: this server has nothing to answer with")
        return self.reloader.live

    async def start(self) -> None:
        """Take up what is deployed and begin to follow it."""
        await self.reloader.start()
        self.traffic.start()

    async def stop(self) -> None:
        """Write what is left of the log and let go of everything."""
        await self.reloader.stop()
        await self.guard.stop()
        self.predictor.close()
        await self.log.close()
        await self.traffic.stop()
        if self.settings.workers > 1:
            self.share()

    def _swapped(self, live: LiveModel) -> None:
        self.predictor.forget()
        _log.info("version %d of %s answers, by deployment %d", live.champion.version, live.model, live.deployment.seq)
        for why in live.left_out.values():
            _log.warning("%s", why)

    def _tripped(self, taken: Taken) -> None:
        """A guardrail took a version out: from this very request on another answers. What others may still need is not closed."""
        if self.guard.live is not None:
            self.reloader.switch(self.guard.live)
        self.predictor.forget()
        if not taken.answers:
            self.predictor.give_up(taken.version)
        if not taken.needed:
            taken.version.close()

    def share(self) -> None:
        """Leave this worker's counters where the other workers find them; OSError if the disk refuses."""
        share(self.metrics, metrics_path(self.settings, self.worker))


class Models:
    """The models of one server. The first answers where a request names none, if it is the only one."""

    def __init__(self, served: Sequence[Served]) -> None:
        self.by_name: Mapping[str, Served] = {one.name: one for one in served}
        self.first = served[0]

    def one(self, name: str | None, verb: str = "predict") -> Served:
        """The model of a name; NotFoundError if there is none, RequestError if none is named and there are several."""
        if name is None:
            if len(self.by_name) > 1:
                raise RequestError(f"this server has several models: {', '.join(self.by_name)}", hint=f"name one: POST /models/NAME/{verb}")
            return self.first
        found = self.by_name.get(name)
        if found is None:
            near = did_you_mean(name, self.by_name)
            raise NotFoundError(
                f"there is no model {name[:60]!r} here{near}", hint=f"this server answers for {', '.join(map(repr, self.by_name))}"
            )
        return found
