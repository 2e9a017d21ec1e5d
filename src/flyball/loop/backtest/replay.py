"""One policy over one stream: each step asks what is deployed, tells the outcomes that came, and lets the loop look at its end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np

from flyball.core.errors import DataError
from flyball.core.verdict import Verdict
from flyball.core.window import to_micros
from flyball.journal.events import RetrainStarted
from flyball.loop.backtest.bench import Bench, Benches
from flyball.loop.backtest.front import Front
from flyball.loop.backtest.history import make_stream
from flyball.loop.backtest.policies import spec_at
from flyball.loop.backtest.records import Looked, Plan, Played, Policy, Stream
from flyball.loop.engine import follow_up, tick
from flyball.loop.making.training import train
from flyball.loop.memory import Memory
from flyball.loop.records import TickReport

_ACTOR = "backtest"
# A look that starts a training is followed by one that sees its end, which may start another; more would be a fault of the policy.
_LOOKS = 10
# So often a policy says how far it is.
_TOLD_EVERY = 30


def play(benches: Benches, plan: Plan, policy: Policy, say: Callable[[str], None]) -> Played:
    """Play one policy from a fresh world to the end of the plan. What it did is a function of its arguments.

    DataError where the first model cannot be trained or does not pass its gate.
    """
    began = time.process_time()
    prepared = benches.history(policy.spec)
    stream = make_stream(prepared, policy.spec, plan)
    bench = benches.open(policy.name, policy.spec, plan, prepared, stream)
    try:
        played = _Replay(bench, plan, policy, stream, say).run()
        return replace(played, cpu_seconds=time.process_time() - began + sum(one.cpu_seconds for one in played.trainings))
    finally:
        bench.close()


def steps(plan: Plan) -> Iterator[tuple[datetime, datetime]]:
    """The steps of a plan, each as (start, end)."""
    start = plan.start
    while start < plan.end:
        following = min(start + plan.step, plan.end)
        yield start, following
        start = following


class _Replay:
    """The state of one replay."""

    def __init__(self, bench: Bench, plan: Plan, policy: Policy, stream: Stream, say: Callable[[str], None]) -> None:
        self._bench, self._plan, self._policy, self._stream, self._say = bench, plan, policy, stream, say
        self._model = policy.spec.model.name
        self._memory = Memory()
        self._front = Front(bench, policy.spec, stream)
        self._looks: list[Looked] = []
        self._trouble: dict[str, None] = {}
        self._trained, self._last = 0, plan.start
        self._unanswered = 0

    def run(self) -> Played:
        self._begin()
        count = len(list(steps(self._plan)))
        for number, (start, end) in enumerate(steps(self._plan), 1):
            self._answer(start, end)
            self._bench.clock.now = end
            self._bench.recorder.tell(end)
            self._by_hand(end)
            self._look(end)
            if number % _TOLD_EVERY == 0 or number == count:
                champion = self._looks[-1].champion
                self._say(
                    f"{self._policy.name}: {end:%Y-%m-%d}, {number} of {count} looks, champion {champion}, {self._trained} retrainings"
                )
        score, version = self._bench.recorder.answered()
        return Played(
            name=self._policy.name,
            entries=tuple(self._bench.world.journal.read(self._model)),
            score=score,
            version=version,
            classes=self._front.classes,
            looks=tuple(self._looks),
            trainings=tuple(self._bench.trainings),
            trouble=tuple(self._trouble),
            unanswered=self._unanswered,
            cpu_seconds=0.0,
        )

    def _begin(self) -> None:
        """The first champion, as `flyball train` makes it."""
        bench, spec, plan = self._bench, self._policy.spec, self._plan
        bench.clock.now = plan.train_until
        try:
            result = train(spec, bench.workshop, now=plan.train_until, actor=_ACTOR)
        except DataError as error:
            raise DataError(
                f"the first champion cannot be trained on what was known before {plan.train_until:%Y-%m-%d}: {error.message}",
                hint=f"{error.hint}; or start later (--start, --train-until)" if error.hint else "start later (--start, --train-until)",
            ) from error
        bench.clock.now = plan.start
        follow_up(bench.world, spec, now=plan.start, actor=_ACTOR)
        deployment = bench.world.deployments.current(self._model)
        if deployment is None or deployment.champion is None:
            failed = [bench.workshop.sentence(one.reason) for one in result.gate.checks if one.verdict is not Verdict.PASS]
            raise DataError(
                f"policy {self._policy.name!r}: the first model, trained on {result.rows} rows known before {plan.train_until:%Y-%m-%d}, "
                f"did not pass its gate: {'; '.join(failed) or 'the gate has no checks'}",
                hint="start later, so that there is more to learn from (--start, --train-until), or look at [evaluate] gate",
            )

    def _by_hand(self, now: datetime) -> None:
        bench, spec = self._bench, self._policy.spec
        for one in self._plan.by_hand:
            if one.at == now:
                asked = spec if one.window is None else replace(spec, retrain=replace(spec.retrain, window=one.window))
                train(asked, bench.workshop, now=now, actor=one.actor)
                follow_up(bench.world, asked, now=now, actor=one.actor)

    def _look(self, now: datetime) -> None:
        """Tick until nothing runs: a training that a look starts is over at the next."""
        for _ in range(_LOOKS):
            spec = spec_at(self._policy, now, trained=self._trained, last=self._last)
            report = tick(self._bench.world, spec, self._memory, now=now)
            started = sum(isinstance(entry.event, RetrainStarted) for entry in report.entries)
            self._trained += started
            self._last = now if started else self._last
            self._note(report)
            if not started:
                return

    def _note(self, report: TickReport) -> None:
        if report.trouble:
            self._trouble.setdefault(report.trouble)
        evidence = report.evidence
        deployment = self._bench.world.deployments.current(self._model)
        looked = Looked(
            at=report.at,
            champion=(deployment.champion if deployment is not None else None) or 0,
            below=evidence is not None and evidence.floor is not None and evidence.floor.verdict is Verdict.FAIL,
            drifting=0 if evidence is None else sum(column.state == "drift" for column in evidence.drift.values()),
        )
        if self._looks and self._looks[-1].at == report.at:
            self._looks[-1] = replace(looked, below=looked.below or self._looks[-1].below)
        else:
            self._looks.append(looked)

    def _answer(self, start: datetime, end: datetime) -> None:
        """What a server would have answered and logged between two looks."""
        first, last = np.searchsorted(self._stream.at, (to_micros(start), to_micros(end)))
        deployment = self._bench.world.deployments.current(self._model)
        if first == last or deployment is None or deployment.champion is None:
            return
        self._unanswered += self._front.answer(deployment, np.arange(first, last, dtype=np.int64))
