"""What tests of rollouts share: a spec by strategy, a state from events, evidence about two arms, and a loop in memory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import versions
from flyball.adapters.memory.counts import MemoryCounts
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.executor import MemoryExecutor
from flyball.adapters.memory.guards import MemoryGuards
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.looks import MemoryLooks
from flyball.adapters.memory.outcomes import MemoryOutcomeLog
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.adapters.memory.reports import MemoryReports
from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.journal.events import Cause, Entry, Event, Promoted, Registered, RolloutStarted
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.engine import act
from flyball.loop.policy import decide
from flyball.loop.records import Action, Evidence, Floored
from flyball.loop.world import World
from flyball.monitoring.records import ArmFigures, ArmsEvidence, PairedEvidence, Performance
from flyball.serving.records import Trip
from flyball.spec.load import parse_spec
from flyball.spec.records import Arm, Guardrails, Spec
from versions import judged

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WHY = because("rollout.start")
HEAD = """
[model]
name = "m"
task = "binary"
influences_outcome = {shapes}
[data]
source = "d.csv"
target = "y"
time = "t"
unit = "u"
[train]
run = "pipeline:train"
[monitor]
floor = {{ metric = "brier", drop = 0.02 }}
[retrain]
on = []
[rollout]
"""


def spec_of(strategy: str, *lines: str, shapes: bool = True) -> Spec:
    """A spec by its strategy; `shapes`: whether answers change what happens."""
    text = HEAD.format(shapes="true" if shapes else "false")
    return parse_spec("\n".join([text, f'strategy = "{strategy}"', *lines]), folder=Path("p"))


def registered(version: int, *, verdict: Verdict = Verdict.PASS, cause: Cause = "schedule", **changes: Any) -> Registered:
    """A version that was compared with champion 1, with a bundle of its own."""
    told = {"bundle": f"bundle{version}", "compared_with": 1, **changes}
    return versions.registered(
        version, gate=judged(verdict), cause=cause, metrics={"brier": 0.15}, lower={"brier": 0.14}, upper={"brier": 0.16}, **told
    )


def promoted(version: int, replaced: int | None, *, watch_until: datetime | None = None) -> Promoted:
    """A promotion."""
    return Promoted(version=version, replaced=replaced, reason=WHY, forced=False, watch_until=watch_until)


def rollout(strategy: Any, **changes: Any) -> RolloutStarted:
    """Version 2 against champion 1, from `T0` on, for 30 days."""
    shares = {"canary": 0.01, "experiment": 0.5, "bandit": 0.1}
    begun = RolloutStarted(
        version=2,
        champion=1,
        strategy=strategy,
        metric="brier",
        spec_digest="",
        start_at=T0,
        deadline_at=T0 + 30 * DAY,
        reason=WHY,
        share=shares.get(strategy, 0.0),
        steps=(0.01, 0.1, 0.5) if strategy == "canary" else (),
        hold=DAY,
        floor=0.05,
        guardrails=Guardrails(),
        seed="m:4",
    )
    return replace(begun, **changes)


CHAMPION: tuple[tuple[datetime, Event], ...] = ((T0, registered(1)), (T0, promoted(1, None)))
CANDIDATE: tuple[tuple[datetime, Event], ...] = (*CHAMPION, (T0, registered(2)))


def state(*events: tuple[datetime, Event]) -> State:
    """What is known after these events."""
    return more(fold("m", []), *events)


def more(known: State, *events: tuple[datetime, Event], actor: str = "loop") -> State:
    """What is known after further events."""
    return fold(
        "m",
        [
            Entry(model="m", seq=seq, at=at, actor=actor, event=event, prev_hash="", hash="")
            for seq, (at, event) in enumerate(events, known.seq + 1)
        ],
        start=known,
    )


def running(strategy: Any, **changes: Any) -> State:
    """Version 2 is being compared with champion 1."""
    return state(*CANDIDATE, (T0, rollout(strategy, **changes)))


def arms(gain: float, lower: float | None, upper: float | None, **changes: Any) -> ArmsEvidence:
    """Evidence about version 2 and champion 1 on units of their own."""
    figures = ArmFigures(rows=4000, units=900, matured=4000, labelled=4000, labelled_units=900, mean=0.2, lag_median=60.0)
    found = ArmsEvidence(
        version=2,
        against=1,
        metric="brier",
        gain=gain,
        lower=lower,
        upper=upper,
        alpha=0.05,
        rows=8000,
        blocks=10,
        live_blocks=10,
        block="day",
        champion=figures,
        challenger=figures,
        ratio_p=0.5,
        ratio_p_labelled=0.5,
        answered=400,
    )
    return replace(found, **changes)


BETTER = arms(0.01, 0.001, 0.02)
WORSE = arms(-0.01, -0.02, -0.001)
OPEN = arms(0.005, -0.001, 0.02)
TROUBLE = because("experiment.ratio", champion=900, challenger=300)


def paired(gain: float, lower: float | None, upper: float | None, **changes: Any) -> PairedEvidence:
    """Evidence about version 2 and champion 1 on the same rows."""
    found = PairedEvidence(
        version=2, against=1, metric="brier", gain=gain, lower=lower, upper=upper, alpha=0.05, rows=9000, blocks=10, live_blocks=10
    )
    return replace(found, **changes)


def trip(version: int, at: datetime, *, arm: Arm = "challenger", guardrail: Any = "errors") -> Trip:
    """A guardrail that acted."""
    why = because("test.reason", count=5)
    return Trip(model="m", version=version, arm=arm, guardrail=guardrail, worker="w0", at=at, reason=why, evidence={"failed": 5.0})


def seen(found: PairedEvidence | ArmsEvidence | None = None, *, watch: PairedEvidence | None = None, **changes: Any) -> Evidence:
    """Evidence with a comparison in it, and nothing else to see."""
    nothing = Evidence(drift={}, calm={}, performance=None, floor=None, rollout=found, watch=watch, new_outcomes=0, finished=None)
    return replace(nothing, **changes)


def fallen(version: int, since: datetime, now: datetime) -> dict[str, Any]:
    """A floor certainly broken by a version, on rows since a time."""
    performance = Performance(
        metric="brier",
        version=version,
        window=Window(start=since, end=max(since, now)),
        matured=900,
        labelled=900,
        blocks=14,
        value=0.3,
        lower=0.28,
        upper=0.32,
        reason=WHY,
        floor=0.18,
    )
    return {"performance": performance, "floor": Floored(verdict=Verdict.FAIL, reason=because("performance.below_floor"))}


def at(known: State, evidence: Evidence, spec: Spec, *, days: float) -> list[Action]:
    """What is decided so many days after `T0`."""
    return decide(known, evidence, spec, now=T0 + days * DAY)


class Everything:
    """A store of bundles that has whatever is asked for, and nothing in it: for those who never look into one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, folder: Path) -> str:
        """Nobody keeps one here."""
        raise NotImplementedError

    def path(self, digest: str) -> Path:
        """The folder of a bundle."""
        return self._folder


class Small:
    """A world in memory, whose loop is handed its evidence."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        log = MemoryPredictionLog()
        self.spec = spec
        self.world = World(
            journal=MemoryJournal(),
            predictions=log,
            outcomes=MemoryOutcomeLog(log),
            deployments=MemoryDeployments(clock=lambda: T0),
            bundles=Everything(folder),
            registry=MemoryRegistry(),
            executor=MemoryExecutor(lambda job: "{}"),
            reports=MemoryReports(),
            looks=MemoryLooks(),
            traffic=MemoryTraffic(),
            counts=MemoryCounts(),
            guards=MemoryGuards(),
        )

    @property
    def state(self) -> State:
        """What is known."""
        return fold("m", self.world.journal.read("m"))

    @property
    def entries(self) -> list[Entry]:
        """What was written down."""
        return list(self.world.journal.read("m"))

    def happen(self, *events: Event, days: float = 0.0, actor: str = "loop") -> "Small":
        """Write events down, as if somebody else had."""
        self.world.journal.append("m", list(events), expected=self.state.seq, actor=actor, at=T0 + days * DAY)
        return self

    def look(self, evidence: Evidence, *, days: float) -> list[Event]:
        """One look of the loop, as often as something follows; what was written down."""
        found: list[Event] = []
        for _ in range(8):
            known = self.state
            actions = decide(known, evidence, self.spec, now=T0 + days * DAY)
            if not actions:
                return found
            found += [entry.event for entry in act(self.world, self.spec, known, actions, now=T0 + days * DAY, actor="loop")]
        raise AssertionError("the loop never came to rest")
