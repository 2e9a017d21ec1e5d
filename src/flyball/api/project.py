"""A project from Python, for notebooks and scripts: the same verbs as the command line, returning records with an HTML view."""

import html
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flyball.core.errors import NotFoundError, RefusedError
from flyball.core.record import record
from flyball.journal.explain import about, registered
from flyball.journal.state import fold
from flyball.loop.listing import Listed, list_versions
from flyball.loop.past.lineage import Chain, chain_of
from flyball.monitoring.records import MonitorReport
from flyball.settings import Settings, read_settings
from flyball.spec.load import load_spec
from flyball.words.sentences import sentence

_FRAME = 'sandbox="" style="width: 100%; height: 760px; border: 1px solid #999"'


@record
class View:
    """A result that prints as a table in a notebook, or as its `page` where it has one. `value` is the record or the records behind it."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[object, ...], ...]
    value: Any
    page: str = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __repr__(self) -> str:
        lines = [self.title, "  ".join(self.head), *("  ".join(_cell(cell) for cell in line) for line in self.lines)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if self.page:  # in a frame of its own: neither its style nor that of the notebook reaches the other
            return f'<iframe srcdoc="{html.escape(self.page)}" title="{html.escape(self.title)}" {_FRAME}></iframe>'
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.head)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in line) + "</tr>" for line in self.lines)
        return f"<table><caption>{html.escape(self.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Project:
    """The project in a folder.

    Every call reads the journal anew, so a project shared with servers and loops shows what is so now. Errors are `FlyballError`s that say
    what to do.
    """

    def __init__(self, folder: str | Path = ".", *, clock: Callable[[], datetime] | None = None) -> None:
        from flyball.wiring import wall_clock

        self._settings: Settings = read_settings(Path(folder))
        self._spec = load_spec(self._settings.folder)
        self._clock = clock or wall_clock

    @property
    def name(self) -> str:
        """The model's name."""
        return self._spec.model.name

    def train(self, *, force: bool = False, register: bool = True) -> View:
        """Prepare, train, evaluate, gate, register: `flyball train`. The value is a `TrainResult`."""
        from flyball.loop.engine import follow_up
        from flyball.loop.making.training import train
        from flyball.wiring import open_workshop, open_world

        now = self._clock()
        workshop = open_workshop(self._settings, self._spec, echo=lambda _: None)
        result = train(self._spec, workshop, now=now, actor=self._settings.actor, force=force, register=register)
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
        from flyball.wiring import open_stores

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
        from flyball.wiring import open_stores

        return open_stores(self._settings).journal

    def _say(self, reason: Any) -> str:
        return sentence(reason, self._settings.language)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
