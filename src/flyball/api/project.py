"""A project from Python, for notebooks and scripts: the same verbs as the command line, returning records with an HTML view."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flyball.api import shown
from flyball.api.view import View
from flyball.core.errors import NotFoundError, RefusedError, UsageError
from flyball.core.window import parse_duration, parse_time
from flyball.journal.explain import about, registered
from flyball.journal.state import fold
from flyball.loop.listing import Listed, list_versions
from flyball.loop.past.lineage import Chain, chain_of
from flyball.monitoring.records import MonitorReport
from flyball.settings import Settings, read_settings
from flyball.spec.load import load_spec
from flyball.words.sentences import sentence

if TYPE_CHECKING:
    from flyball.loop.records import Written
    from flyball.loop.world import World


class Project:
    """The project in a folder.

    Every call reads the journal anew, so a project shared with servers and loops shows what is so now. Errors are `FlyballError`s that say
    what to do.
    """

    def __init__(self, folder: str | Path = ".", *, clock: Callable[[], datetime] | None = None) -> None:
        from flyball.stores import wall_clock

        self._settings: Settings = read_settings(Path(folder))
        self._spec = load_spec(self._settings.folder, self._settings.environment)
        self._clock = clock or wall_clock

    @property
    def name(self) -> str:
        """The model's name."""
        return self._spec.model.name

    def train(self, *, force: bool = False, register: bool = True) -> View:
        """Prepare, train, evaluate, gate, register: `flyball train`. The value is a `TrainResult`."""
        from flyball.loop.engine import follow_up
        from flyball.loop.making.traced import traced
        from flyball.loop.making.training import train
        from flyball.wiring import admitted, open_lineage, open_workshop, open_world

        now = self._clock()
        if register:
            admitted(self._settings, self._spec)
        workshop = open_workshop(self._settings, self._spec, echo=lambda _: None)
        work = partial(train, self._spec, workshop, now=now, actor=self._settings.actor, force=force, register=register)
        result = traced(open_lineage(self._spec, say=lambda _: None), "train", "manual", work)
        if register:
            follow_up(open_world(self._settings), self._spec, now=now, actor=self._settings.actor)
        rows = [(name, value, result.lower.get(name), result.upper.get(name)) for name, value in result.metrics.items()]
        title = f"{self.name}@{result.version}: gate {result.gate.verdict.value}, engine {result.engine}"
        return View(title=title, head=("metric", "held out", "lower", "upper"), lines=tuple(rows), value=result)

    def models(self) -> View:
        """Every version with aliases and metrics: `flyball models`. The value is a list of records."""
        listed = self._listed()
        metrics = self._spec.evaluate.metrics
        rows = tuple((v.version, ", ".join(v.aliases), v.gate, *(v.metrics.get(m) for m in metrics), v.created_at) for v in listed)
        return View(title=self.name, head=("version", "aliases", "gate", *metrics, "created"), lines=rows, value=listed)

    def monitor(self, frame: Any = None) -> View:
        """Drift of a frame (pandas, or a dict of arrays) from the champion's training data; without one, of the last logged window.

        A notebook shows the page of `flyball monitor --html`; `.page` is its text.
        """
        from flyball.loop.evidence.monitor import monitor
        from flyball.loop.memory import Memory
        from flyball.loop.picture import plain_picture, take_picture
        from flyball.render.report.page import html_page
        from flyball.wiring import open_world

        world, memory, version = open_world(self._settings), Memory(), self._champion()
        state = self._state()
        bundle = state.versions[version].registered.bundle
        if frame is None:
            world.predictions.ingest()
            now = self._clock()
            report = monitor(world, self._spec, state, version, memory, now=now)
            picture = take_picture(world, self._spec, state, self._journal().read(self.name), memory, report, now=now)
        else:
            report, reference, counts = self._monitor_frame(frame, version, bundle, memory, world)
            picture = plain_picture(self.name, report, reference, counts, now=report.window.end)
        rows = tuple((name, c.state, c.distance, c.lower, c.upper, c.threshold, self._say(c.reason)) for name, c in report.columns.items())
        title = f"{self.name}@{version}: {report.rows} rows"
        head = ("column", "state", "distance", "lower", "upper", "threshold", "in words")
        return View(title=title, head=head, lines=rows, value=report, page=html_page(picture, self._settings.language))

    def why(self, version: int) -> View:
        """Every decision about a version, with who, when and why: `flyball why`. The value is a list of records."""
        entries = self._journal().read(self.name)
        if registered(entries, version) is None:
            raise NotFoundError(f"there is no {self.name}@{version}", hint=f"versions: {sorted(self._state().versions) or 'none'}")
        story = about(entries, version)
        rows = tuple((one.entry.at, one.action, one.entry.actor, self._say(one.reason)) for one in story)
        return View(title=f"{self.name}@{version}", head=("at", "what", "by", "why"), lines=rows, value=story)

    def trace(self, prediction_id: str) -> View:
        """The chain behind one prediction: `flyball trace`. The value is a `Chain`."""
        from flyball.stores import open_stores

        stores = open_stores(self._settings)
        stores.predictions.ingest()
        chain: Chain = chain_of(prediction_id, stores.predictions, stores.journal, stores.bundles)
        rows: Sequence[tuple[object, ...]] = (
            ("answer", chain.prediction.label),
            ("score", chain.prediction.score),
            ("at", chain.prediction.at),
            ("features", dict(chain.prediction.features)),
            ("outcome", chain.outcome.actual if chain.outcome else None),
            ("version", f"{chain.prediction.model}@{chain.prediction.version}"),
        )
        if chain.lineage is not None:
            rows = (*rows, ("run", chain.lineage.run_id), ("commit", chain.lineage.commit), ("data", chain.lineage.snapshot))
        return View(title=f"prediction {prediction_id}", head=("what", "value"), lines=tuple(rows), value=chain)

    def status(self) -> View:
        """What serves, what runs, what comes next: `flyball status`. The value is a dict, line by line."""
        from flyball.loop.fleet import fleet_of
        from flyball.loop.listing import describe
        from flyball.loop.telling.notify import untold
        from flyball.stores import open_stores

        stores = open_stores(self._settings)
        fleet = fleet_of(self.name, stores.journal.read(self.name), stores.deployments, stores.leases)
        waits = untold(stores.outbox, self._spec)
        return shown.status(self.name, describe(self._state(), self._spec, fleet, now=self._clock(), sentence=self._say, untold=waits))

    def promote(
        self,
        version: int,
        *,
        to: Literal["production", "staging", "none"] = "production",
        share: float | None = None,
        force: bool = False,
        reason: str = "",
    ) -> View:
        """Make a version champion (or challenger, or challenger no longer): `flyball promote`. The value is what was written down."""
        from flyball.loop import steer

        if share is not None and to != "staging":
            raise UsageError("share belongs to to='staging'", hint="production answers every unit")
        world, spec, actor, now = self._world(), self._spec, self._settings.actor, self._clock()
        if to == "staging":
            return self._written(steer.stage(world, spec, version, share=share or 0.0, force=force, reason=reason, actor=actor, now=now))
        if to == "none":
            return self._written(steer.unstage(world, spec, version, reason=reason, actor=actor, now=now))
        if to != "production":
            raise UsageError(f"to={to!r} is none of 'production', 'staging', 'none'")
        return self._written(steer.promote(world, spec, version, force=force, reason=reason, actor=actor, now=now))

    def rollback(self, reason: str = "") -> View:
        """Give the champion's place back to the version before it: `flyball rollback`."""
        from flyball.loop.steer import roll_back

        return self._written(roll_back(self._world(), self._spec, reason=reason, actor=self._settings.actor, now=self._clock()))

    def freeze(self, reason: str, *, length: timedelta | str | None = None) -> View:
        """Stop promotions and trainings, for so long or until thawed: `flyball freeze`."""
        from flyball.loop.steer import freeze

        if not reason.strip():
            raise UsageError("a freeze needs a reason: it stays in the journal", hint="say why: project.freeze('...')")
        now, span = self._clock(), _span(length)
        until = None if span is None else now + span
        return self._written(freeze(self._world(), self.name, reason=reason, until=until, actor=self._settings.actor, now=now))

    def thaw(self, reason: str = "") -> View:
        """Let the loop act again: `flyball thaw`."""
        from flyball.loop.steer import thaw

        return self._written(thaw(self._world(), self.name, reason=reason, actor=self._settings.actor, now=self._clock()))

    def approve(self, version: int, reason: str) -> View:
        """Let a promotion that waits go through: `flyball approve`."""
        from flyball.loop.steer_rollout import approve

        return self._written(approve(self._world(), self._spec, version, reason=reason, actor=self._settings.actor, now=self._clock()))

    def decline(self, version: int, reason: str) -> View:
        """Refuse a promotion that waits: `flyball decline`."""
        from flyball.loop.steer_rollout import decline

        return self._written(decline(self._world(), self._spec, version, reason=reason, actor=self._settings.actor, now=self._clock()))

    def rollout(self) -> View:
        """How the comparison of a new version stands, and what waits for approval: `flyball rollout`. The value is a dict."""
        from flyball.loop.rollout import answered
        from flyball.loop.shown import plain_rollout

        state, now = self._state(), self._clock()
        count = answered(self._world(acts=False).predictions, state, now=now)
        return shown.rollout(plain_rollout(state, now, self._say, answered=count))

    def pause(self, reason: str) -> View:
        """Let the challenger answer nobody until resumed: `flyball rollout pause`."""
        from flyball.loop.steer_rollout import pause

        return self._written(pause(self._world(), self._spec, reason=reason, actor=self._settings.actor, now=self._clock()))

    def resume(self, reason: str) -> View:
        """Let a paused rollout go on: `flyball rollout resume`."""
        from flyball.loop.steer_rollout import resume

        return self._written(resume(self._world(), self._spec, reason=reason, actor=self._settings.actor, now=self._clock()))

    def abort(self, reason: str) -> View:
        """End the rollout undecided; the champion stays: `flyball rollout abort`."""
        from flyball.loop.steer_rollout import abort

        return self._written(abort(self._world(), self._spec, reason=reason, actor=self._settings.actor, now=self._clock()))

    def experiment(self) -> View:
        """The rollout that runs, or the last: `flyball experiment`. The value is an `ExperimentView`; a notebook shows its page."""
        from flyball.loop.experiment import experiment_view
        from flyball.loop.memory import Memory

        world, now = self._world(acts=False), self._clock()
        world.predictions.ingest()
        entries = [entry for entry in world.journal.read(self.name) if entry.at <= now]
        found = experiment_view(world, self._spec, fold(self.name, entries), Memory(), now, entries=entries)
        return shown.experiment(found, self._settings.language)

    def replay(self, candidate: int, *, against: int | None = None, last: int = 10_000, since: timedelta | str | None = None) -> View:
        """Ask a version the newest logged requests once more: `flyball replay`. The value is a `ReplayReport`, with a page."""
        from flyball.loop.replaying.replay import replay
        from flyball.wiring import open_workshop

        workshop, now = open_workshop(self._settings, self._spec, echo=lambda _: None), self._clock()
        found = replay(self._spec, workshop, candidate=candidate, against=against, last=last, since=_span(since), now=now)
        return shown.replay(found, self._settings.language)

    def retrains(self, *, all: bool = False) -> View:
        """Every training: why, what it cost, what it bought: `flyball retrains`. `all`: those that were put off as well."""
        from flyball.loop.past.price import Training, trainings

        found = [one for one in trainings(self._journal().read(self.name)) if all or isinstance(one, Training)]
        return shown.retrains(self.name, found)

    def history(
        self, at: datetime | str | None = None, *, since: datetime | str | None = None, until: datetime | str | None = None
    ) -> View:
        """What was in production at a time, or every change of it in a span: `flyball history`."""
        from flyball.loop.past.history import changes, production_at

        moment, first, last = _time(at), _time(since), _time(until)
        if moment is not None and (first or last):
            raise UsageError("at= shows one time, since= and until= a span", hint="give one or the other")
        entries = self._journal().read(self.name)
        if moment is not None:
            return shown.production(production_at(self.name, entries, moment), self._say)
        return shown.changed(self.name, changes(self.name, entries, since=first, until=last), self._say)

    def reproduce(self, version: int) -> View:
        """Train a version again from what is recorded, and compare: `flyball reproduce`. The value is a `Reproduction`."""
        import tempfile

        from flyball.loop.past.reproduce import reproduce
        from flyball.wiring import open_studio

        with tempfile.TemporaryDirectory(prefix="flyball-reproduce-") as folder:
            studio = open_studio(self._settings, self._spec, Path(folder), echo=lambda _: None)
            found = reproduce(self.name, version, studio, actor=self._settings.actor, now=self._clock())
        return shown.reproduction(found, self._say)

    def backtest(
        self,
        policies: Sequence[str] = (),
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        train_until: datetime | str | None = None,
        changes: Sequence[datetime | str] | None = None,
        data: str | Path | None = None,
        from_log: bool = False,
        step: timedelta | str = "1d",
        seed: int | None = None,
        metric: str | None = None,
        processes: int | None = None,
    ) -> View:
        """Replay history under several policies: `flyball backtest`. The value is a `BacktestReport`; a notebook shows its page."""
        from flyball.loop.backtest.records import Request
        from flyball.wiring import run_backtest

        asked = Request(
            policies=(policies,) if isinstance(policies, str) else tuple(policies),
            start=_time(start),
            end=_time(end),
            train_until=_time(train_until),
            changes=None if changes is None else tuple(at for one in changes if (at := _time(one)) is not None),
            step=_span(step) or timedelta(days=1),
            seed=seed,
            metric=metric,
        )
        path = None if data is None else Path(data)
        found = run_backtest(self._settings, asked, data=path, from_log=from_log, processes=processes)
        return shown.backtest(found, self._settings.language)

    def verify_journal(self, expect: str | None = None) -> View:
        """Whether anybody edited the journal: `flyball journal --verify`. `expect`: an anchor, SEQ:HASH. The value is an `Examined`."""
        from flyball.journal.examine import examine, parse_head
        from flyball.stores import open_stores

        stores = open_stores(self._settings)
        deployed = stores.deployments.current(self.name)
        served = deployed.seq if deployed is not None and not deployed.local else 0
        expected = None if expect is None else parse_head(expect)
        return shown.examined(examine(self.name, stores.journal.links(self.name), expected=expected, served=served), self._say)

    def _written(self, done: "Written") -> View:
        return shown.written(self.name, done, self._say)

    def _world(self, *, acts: bool = True) -> "World":
        from flyball.wiring import admitted, open_world

        if acts:
            admitted(self._settings, self._spec)
        return open_world(self._settings)

    def _monitor_frame(self, frame: Any, version: int, bundle: str, memory: Any, world: Any) -> tuple[MonitorReport, Any, Any]:
        from flyball.adapters.pandas.frames import to_table
        from flyball.core.window import Window
        from flyball.monitoring.counts import count
        from flyball.monitoring.drift import drift

        manifest, reference = memory.bundle(world.bundles, bundle)
        import pandas as pd

        table = to_table(frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)).table
        counts = count(reference, table.select(manifest.schema.names), {})
        known: Mapping[str, Any] = drift(
            reference, counts, margin=self._spec.monitor.margin, share_margin=self._spec.monitor.share_margin, looks=1
        )
        columns = {name: known[name] for name in manifest.schema.names if name in known}
        now = self._clock()
        report = MonitorReport(window=Window(start=now, end=now), version=version, rows=len(table), columns=columns, performance=None)
        return report, reference, counts

    def _champion(self) -> int:
        champion: int | None = self._state().champion
        if champion is None:
            raise RefusedError(f"{self.name} has no champion to watch", hint="train one first: Project.train()")
        return champion

    def _listed(self) -> list[Listed]:
        return list_versions(self._state())

    def _state(self) -> Any:
        return fold(self.name, self._journal().read(self.name))

    def _journal(self) -> Any:
        from flyball.stores import open_stores

        return open_stores(self._settings).journal

    def _say(self, reason: Any) -> str:
        return sentence(reason, self._settings.language)


def _span(given: timedelta | str | None) -> timedelta | None:
    """A duration, as it is or as a text such as 24h."""
    try:
        return parse_duration(given) if isinstance(given, str) else given
    except ValueError as error:
        raise UsageError(str(error)) from None


def _time(given: datetime | str | None) -> datetime | None:
    """A time, as it is or as RFC 3339 text; one without a zone is refused."""
    try:
        at = parse_time(given) if isinstance(given, str) else given
    except ValueError as error:
        raise UsageError(str(error), hint="write for example 2026-01-31T00:00:00Z") from None
    if at is not None and at.tzinfo is None:
        raise UsageError(f"the time {at.isoformat()} has no zone", hint="write for example datetime(2026, 1, 31, tzinfo=UTC)")
    return at
