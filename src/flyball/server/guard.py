"""The circuit breaker of one model in one worker: who is guarded, what each did, and who answers nobody any more."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from flyball.core.errors import DataError, FlyballError
from flyball.core.reason import because
from flyball.core.window import from_micros
from flyball.server.guardrails import EDGES, Counts, Finding, Guardrail, Judge
from flyball.server.metrics import BUCKETS, Metrics
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.records import Deployment, Trip
from flyball.spec.records import Arm
from flyball.stats.running import quantile_upper
from flyball.words.sentences import sentence

if TYPE_CHECKING:
    from flyball.ports.watching import Guards

_LOOK_EVERY = 0.1  # seconds between two looks at the numbers
_RETRY = 1.0  # seconds until a database that is away is told again
_LAST_WORDS = 2.0  # seconds a stop waits for it
_LEAST_DEADLINE = 0.25  # seconds a guarded version has at least
_UNKNOWN_DEADLINE = 1.0  # as long as it is not known how long the other takes
_SHADOW_DEADLINE = 2.0  # a shadow's call, at least; at most so many times what the other usually takes for as many requests:
_SHADOW_TIMES = 2.0
_TIMES = 10.0  # so many times the other's 99th percentile
_TOGETHER = 1000  # rows of one request that have one deadline
_BEFORE = 1000  # answers from before it was guarded that say how fast a version was

_log = logging.getLogger("flyball.server")

Place = tuple[int, str]  # version, role
Key = tuple[int, str, str]  # version, role, seed of the rollout: a trip belongs to all three


class Taken(NamedTuple):
    """A version that has been taken out: whether others answer for it now, and whether nobody will need it any more."""

    version: LiveVersion
    answers: bool
    needed: bool


class _Calling(NamedTuple):
    version: int
    since: float
    rows: int


class Guard:
    """Guards the challenger, every shadow, and the champion while it is watched. What it takes out is out until the deployment names it
    no more, or in another role, or for another rollout; a champion, until it is champion no more or replaced another.

    `off` are the versions that are out, and why in words. `on_trip` is called at once, with each that has just been taken out: whether it
    may still be asked (only its shadow's work is over), and whether it is needed no more. Works in the event loop; shadows report from
    their thread, which reads dicts that are replaced and never changed.
    """

    def __init__(
        self,
        model: str,
        guards: "Guards",
        metrics: Metrics,
        *,
        worker: str,
        clock: Callable[[], int],
        threads: Executor,
        patience: float,
        on_trip: Callable[["Taken"], None],
    ) -> None:
        self._model, self._guards, self._metrics = model, guards, metrics
        self._worker, self._clock, self._threads, self._patience = worker, clock, threads, patience
        self._on_trip = on_trip
        self._live: LiveModel | None = None
        self._counts: Mapping[Place, Counts] = {}
        self._judges: Mapping[Key, Judge] = {}
        self._off: Mapping[Key, str] = {}
        self._trouble = ""  # what kept it from looking the last time
        self._untold: list[Trip] = []
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._calling: _Calling | None = None
        self._usual: float | None = None  # what the 99th percentile of all answers was when the deployment was taken up

    @property
    def off(self) -> Mapping[int, str]:
        """The versions that answer nobody, and why."""
        return {version: why for (version, _, _), why in self._off.items()}

    def is_off(self, version: int, role: str) -> bool:
        """Whether a version was taken out in a role."""
        return any(key[0] == version and key[1] == role for key in self._off)

    def kept(self, deployment: Deployment) -> frozenset[int]:
        """The versions that are needed for a deployment because others are out, whether or not it says so itself."""
        previous = deployment.previous
        stands = previous is not None and (deployment.champion, "champion", f"{previous}") in self._off
        return frozenset([previous] if stands and previous is not None else [])

    @property
    def guarding(self) -> frozenset[int]:
        """The versions that are guarded and not out."""
        return frozenset(key[0] for key in self._judges if key not in self._off)

    def take_up(self, live: LiveModel) -> LiveModel:
        """Guard a deployment from now on; give it without the versions that are out already."""
        wanted = _roles(live)
        kept = {(live.deployment.champion or 0, "champion", f"{version}") for version in self.kept(live.deployment) & live.given.keys()}
        self._off = {key: why for key, why in self._off.items() if key in wanted or key in kept}
        self._usual = self._p99_so_far()
        self._judges, self._counts = self._judged(wanted, live.deployment)
        self._live = live.without(self.off) if self._off else live
        self._show()
        self._wake()
        return self._live

    def counts(self, version: int, role: str) -> Counts | None:
        """Where to count what a version does in a role (`champion`, `challenger`, `shadow`); None where nobody looks at it any more."""
        found = self._counts.get((version, role))
        if found is None:
            return None
        looked_at = any(found in (judge.ours, judge.theirs) for key, judge in self._judges.items() if key not in self._off)
        return found if looked_at else None

    def failed(self, version: int, role: str, kind: Guardrail) -> None:
        """A version failed a request that another could answer."""
        counts = self.counts(version, role)
        if counts is None:
            return
        counts.fail(kind)
        for key, judge in list(self._judges.items()):
            if judge.ours is counts and key not in self._off and (found := judge.in_a_row(kind)) is not None:
                self._trip(key, found)

    def deadline(self, version: LiveVersion, rows: int) -> float | None:
        """How many seconds a version has for a request before the one beside it answers; None: as long as any."""
        judge = next((one for key, one in self._judges.items() if key[0] == version.version and key[1] != "shadow"), None)
        if judge is None:
            return None
        p99 = judge.p99()
        least = max(_UNKNOWN_DEADLINE, _TIMES * (self._usual or 0.0)) if p99 is None else max(_LEAST_DEADLINE, _TIMES * p99)
        return min(least * max(1.0, rows / _TOGETHER), self._patience / 2)

    def begin(self, version: int, rows: int) -> None:
        """A shadow is called. In the shadows' thread."""
        self._calling = _Calling(version, monotonic(), rows)

    def end(self) -> None:
        """The call came back. In the shadows' thread."""
        self._calling = None

    def adopt(self, trips: Sequence[Trip]) -> None:
        """Take out what a guardrail took out in another worker."""
        for trip in trips:
            for key in [key for key in self._judges if key[0] == trip.version and key not in self._off]:
                self._take_out(key, sentence(trip.reason))
                _log.warning("version %d of %s answers nobody any more, as in worker %s", trip.version, self._model, trip.worker)

    async def stop(self) -> None:
        """Tell what is still untold, if that takes no time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._untold:
            try:
                await asyncio.wait_for(self._tell(), _LAST_WORDS)
            except TimeoutError:
                return

    def look(self) -> None:
        """Look at the numbers once."""
        for key, judge in list(self._judges.items()):
            if key in self._off:
                continue
            found = self._hangs(key, judge) or judge.in_a_row(judge.ours.last_kind) or judge.look()
            if found is not None:
                self._trip(key, found)

    def _judged(self, wanted: Mapping[Key, Place], deployment: Deployment) -> tuple[dict[Key, Judge], dict[Place, Counts]]:
        """Who looks at whom, and where that is counted. What is compared anew is counted anew, with whatever is compared with the same."""
        rails = deployment.guardrails
        if rails is None:
            return {}, {}
        kept = {
            key: judge
            for key, judge in self._judges.items()
            if key in wanted and judge.rails == rails and self._counts.get(wanted[key]) is judge.theirs
        }
        anew: set[Place] = set()
        before = -1
        while before != len(anew):
            before = len(anew)
            for key, beside in wanted.items():
                if key not in kept or anew & {key[:2], beside}:
                    kept.pop(key, None)
                    anew |= {key[:2], beside}
        counts = {one: Counts() if one in anew else self._counts[one] for key, beside in wanted.items() for one in (key[:2], beside)}
        judges: dict[Key, Judge] = {}
        for key, beside in wanted.items():
            ours, theirs = counts[key[:2]], counts[beside]
            judges[key] = kept.get(key) or Judge(key[0], _arm(key[1]), ours, beside[0], theirs, rails)
            theirs.sampled = theirs.sampled or beside[1] == "shadow"
        return judges, counts

    def _p99_so_far(self) -> float | None:
        """What the 99th percentile of all answers of this process certainly is at most, in seconds."""
        counts, _ = self._metrics.latency()
        if sum(counts) < _BEFORE:
            return None
        import numpy as np

        bucket = quantile_upper(np.array(counts, dtype=np.int64), 0.99, 0.0005)
        return None if bucket is None or bucket >= len(BUCKETS) else BUCKETS[bucket]

    def _hangs(self, key: Key, judge: Judge) -> Finding | None:
        """A shadow that does not come back."""
        calling = self._calling
        if calling is None or key[1] != "shadow" or calling.version != key[0] or not judge.guards("errors"):
            return None
        usual = judge.theirs.usual(0.5) or EDGES[0]
        took = monotonic() - calling.since
        if took < min(self._patience, max(_SHADOW_DEADLINE, _SHADOW_TIMES * usual * calling.rows)):
            return None
        reason = because("guardrail.hangs", version=key[0], seconds=took, rows=calling.rows)
        return Finding(guardrail="errors", reason=reason, evidence={"seconds": took, "rows": float(calling.rows)})

    def _trip(self, key: Key, found: Finding) -> None:
        version, role, _ = key
        why = sentence(found.reason)
        self._metrics.add("flyball_guardrail_trips_total", labels=(("guardrail", found.guardrail), ("role", role)))
        _log.warning("guardrail %s of %s: %s", found.guardrail, self._model, why)
        previous = None if self._live is None else self._live.deployment.previous
        if role != "shadow" or version != previous:  # of a version that is only compared once more nothing has to be decided
            self._untold.append(
                Trip(
                    model=self._model,
                    version=version,
                    arm=_arm(role),
                    guardrail=found.guardrail,
                    worker=self._worker,
                    at=from_micros(self._clock()),
                    reason=found.reason,
                    evidence=found.evidence,
                )
            )
        self._take_out(key, why)
        self._wake()

    def _take_out(self, key: Key, why: str) -> None:
        version, role, _ = key
        self._off = {**self._off, key: why}
        for judge in self._judges.values():
            if judge.theirs is self._counts.get((version, role)):  # nothing more will come, and what came is soon of another time
                judge.theirs = Counts()
        self._show()
        live = self._live
        if live is None or version not in live.given:
            return
        self._live = live.without(self.off)
        named = (live.deployment.champion, live.deployment.previous)
        self._on_trip(Taken(live.given[version], answers=role == "shadow", needed=version in named))

    @property
    def live(self) -> LiveModel | None:
        """What was taken up, without the versions that are out."""
        return self._live

    def _show(self) -> None:
        self._metrics.clear("flyball_guardrail_tripped")
        for version, role, _ in self._off:
            self._metrics.set("flyball_guardrail_tripped", 1, (("role", role), ("version", str(version))))

    def _wake(self) -> None:
        """Look and tell as long as there is something to look at or to tell."""
        if self._judges or self._untold:
            self._wanted.set()
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        retry = 0.0
        while True:
            await self._wanted.wait()
            if not self._judges and not self._untold:
                self._wanted.clear()
                continue
            try:
                self.look()
                if self._untold and monotonic() >= retry:
                    await self._tell()
                    retry = monotonic() + _RETRY if self._untold else 0.0
                self._trouble = ""
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look comes
                told = f"{type(error).__name__}: {error}"
                if told != self._trouble:
                    self._trouble = told
                    _log.exception("the guardrails of %s could not look", self._model)
            await asyncio.sleep(_LOOK_EVERY)

    async def _tell(self) -> None:
        """Write down what was taken out; what cannot be written now is kept."""
        while self._untold:
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._guards.trip, self._untold[0])
            except DataError as error:  # it never can be: those behind it are told all the same
                _log.error("what a guardrail did to version %d cannot be written down: %s", self._untold[0].version, error.message)
            except Exception as error:  # noqa: BLE001 - whatever a port raises, the arm is out and stays out
                told = error.message if isinstance(error, FlyballError) else type(error).__name__
                _log.warning("what a guardrail did cannot be written down just now: %s", told)
                return
            del self._untold[0]


def _arm(role: str) -> Arm:
    return "champion" if role == "champion" else "challenger"


def _roles(live: LiveModel) -> Mapping[Key, Place]:
    """Who is guarded in which role, and beside whom in which."""
    deployment = live.deployment
    if deployment.guardrails is None or deployment.champion is None:
        return {}
    found: dict[Key, Place] = {}
    champion = (deployment.champion, "champion")
    here: Collection[int] = live.read_by
    if deployment.challenger is not None and deployment.challenger_share > 0.0 and deployment.challenger in here:
        found[deployment.challenger, "challenger", deployment.seed] = champion
    for number in deployment.shadow:
        if number in here and number != deployment.champion:
            found[number, "shadow", deployment.seed] = champion
    if deployment.watched and deployment.previous in here and deployment.previous is not None:
        # asked as a shadow, the version before says how fast and how often it fails at the same time
        role = "shadow" if deployment.previous in deployment.shadow else "champion"
        found[*champion, f"{deployment.previous}"] = (deployment.previous, role)
    return found
