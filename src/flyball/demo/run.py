"""The whole demo: a project, a first champion, a server, ten months of flights, and what would have been."""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from flyball.core.errors import RefusedError, UsageError
from flyball.core.record import record
from flyball.core.window import to_micros
from flyball.demo.dataset import load_flights, write_flights
from flyball.demo.days import Interrupted, Seen, Told, replay
from flyball.demo.decisions import alarms, decided
from flyball.demo.offline import evenly_spaced, frozen_scores, load_pipeline, scheduled_scores
from flyball.demo.process import Dashboard, Server, finish_training, start_training, stop
from flyball.demo.project import EXAMPLES, example_files, write_texts
from flyball.demo.stream import NEVER, Stream, make_stream
from flyball.demo.summary import Summary, by_month
from flyball.demo.view import View
from flyball.journal.events import Registered, RetrainEnded
from flyball.journal.state import fold
from flyball.loop.steer import freeze
from flyball.loop.world import World
from flyball.settings import Settings, read_settings
from flyball.spec.load import load_spec
from flyball.spec.records import Spec
from flyball.words.sentences import Language

if TYPE_CHECKING:
    import pandas as pd

START = datetime(2013, 3, 1, tzinfo=UTC)
END = datetime(2014, 1, 1, tzinfo=UTC)
_MARK = ".flyball-demo"


@record
class Options:
    """What the command line asks for. `days` None: until the end of the year; `speed`: simulated days per second at most; `dashboard`:
    pages beside it."""

    folder: Path
    days: int | None
    speed: float | None
    seed: int
    language: Language = "en"
    dashboard: bool = False

    @property
    def end(self) -> datetime:
        """When the replay ends."""
        return END if self.days is None else min(END, START + timedelta(days=self.days))


def run_demo(options: Options, view: View) -> Summary:
    """Run it all. Ctrl-C during the replay ends it in order and gives a summary of what was seen; at other times KeyboardInterrupt."""
    if options.days is not None and options.days < 1:
        raise UsageError(f"--days {options.days}: at least one day is needed")
    timer = _Timer()
    view.stage("reading the flights of 2013")
    flights = load_flights()
    clear_folder(options.folder)
    _write_project(options, flights)
    with Dashboard(options.folder.resolve(), lambda at: view.note(f"the dashboard is at {at}"), wanted=options.dashboard):
        return _live(options, flights, view, timer)


def _live(options: Options, flights: pd.DataFrame, view: View, timer: _Timer) -> Summary:
    """Train the first champion, play the year, and see what would have been."""
    settings, spec = read_settings(options.folder), load_spec(options.folder.resolve())
    prepared, pipeline = _first_champion(options, flights, view)
    del flights
    stream = make_stream(prepared, list(spec.data.features or ()), start=START, end=options.end)
    from flyball.wiring import open_world

    world = open_world(settings)
    timer.lap("set up, first champion")
    seen = Seen(len(stream))
    with _deferred_interrupts() as stopped:
        view.stage("starting the server")
        with Server(options.folder.resolve()) as server:
            told = Told(host=server.host, port=server.port, start=START, end=options.end, speed=options.speed, language=options.language)
            timer.lap("start of the server")
            try:
                _run(lambda: replay(stream, told, world, spec, view, seen, alive=server.check, stopped=stopped))
            except Interrupted:
                view.stage("stopping")
    # The year is over, the clock on the wall is not in it: nothing is to be retrained on a world without flights.
    freeze(world, spec.model.name, reason="the demo is over", until=None, actor="demo", now=seen.until or START)
    timer.lap("replay")
    summary = _summarise(options, settings, world, spec, stream, seen, timer)
    if summary.finished:
        summary = _afterwards(summary, options, world, spec, prepared, pipeline, stream, seen, view, timer)
    return summary


def clear_folder(folder: Path) -> None:
    """Make the folder, or empty it if an earlier demo left it; RefusedError for a folder that holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is not a folder", hint="name another one with --folder")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise RefusedError(
                f"{folder.resolve()} is not empty and was not made by flyball demo, so it is left alone",
                hint="name another folder with --folder",
            )
        for entry in folder.iterdir():
            if entry.name == _MARK:
                continue  # last, so that a clearing that was cut short can be repeated
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        (folder / _MARK).unlink()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text("Made by flyball demo, which may delete everything here when it runs again.\n", encoding="utf-8")


def _write_project(options: Options, flights: pd.DataFrame) -> None:
    """The flights project, its source holding what was known on 1 March: departures until then, and no landing after."""
    texts = example_files("flights")
    texts["flyball.toml"] = re.sub(r"random_state = \d+", f"random_state = {options.seed}", texts["flyball.toml"])
    write_texts(options.folder, texts)
    source = flights[flights["scheduled_at"] < START].copy()
    unknown = source["landed_at"].isna() | (source["landed_at"] >= START)
    source["landed_at"] = source["landed_at"].mask(unknown)
    source["late"] = source["late"].mask(unknown)
    write_flights(source, options.folder / EXAMPLES["flights"])


def _first_champion(options: Options, flights: pd.DataFrame, view: View) -> tuple[pd.DataFrame, Any]:
    """Train on January and February; meanwhile prepare the year to come."""
    view.stage("training the first champion on January and February (flyball train)")
    training = start_training(options.folder.resolve(), START)
    try:
        pipeline, data = load_pipeline(options.folder.resolve()), load_spec(options.folder.resolve()).data
        prepared = pipeline.prepare(flights)[[*data.roles, *(data.features or ())]]
    except BaseException:
        stop(training.process)
        raise
    finish_training(training)
    return prepared, pipeline


def _run(play: Callable[[], Any]) -> None:
    """Run a coroutine on the fastest event loop there is."""
    import uvloop  # not installed on Windows, where there is no server either

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


@contextmanager
def _deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM only set a flag, which is handed out as a function; a second one interrupts at once."""
    requested: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if requested:
            raise KeyboardInterrupt
        requested.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(requested)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summarise(options: Options, settings: Settings, world: World, spec: Spec, stream: Stream, seen: Seen, timer: _Timer) -> Summary:
    """What is known without computing anything afterwards."""
    entries = world.journal.read(spec.model.name)
    rows = _judged(stream, seen, options.end)
    retrains = sum(isinstance(entry.event, RetrainEnded) and entry.event.outcome == "registered" for entry in entries)
    return Summary(
        folder=settings.folder,
        seed=options.seed,
        days=seen.day_number,
        finished=seen.until == options.end,
        until=seen.until,
        predictions=seen.predictions,
        outcomes=seen.outcomes,
        failed_requests=seen.failed_requests,
        rejected_outcomes=seen.rejected_outcomes,
        first_failure=seen.first_failure,
        decisions=tuple(decided(entries, options.language)),
        alarms=tuple(alarms(entries, options.language)),
        champion=fold(spec.model.name, entries).champion,
        roc_auc={"loop": by_month("roc_auc", stream, rows, seen.score)},
        brier={"loop": by_month("brier", stream, rows, seen.score)},
        retrains={"loop": retrains},
        parts=timer.parts,
        peak_memory_mb=_peak_memory_mb(),
        prediction_id=seen.last_prediction_id,
    )


def _afterwards(
    summary: Summary,
    options: Options,
    world: World,
    spec: Spec,
    prepared: pd.DataFrame,
    pipeline: Any,
    stream: Stream,
    seen: Seen,
    view: View,
    timer: _Timer,
) -> Summary:
    """Add the frozen first model and the evenly spaced retrainings."""
    from dataclasses import replace

    count = summary.retrains["loop"]
    view.stage(f"afterwards: the first model left alone, and {count} evenly spaced retrainings")
    first = next(entry.event for entry in world.journal.read(spec.model.name) if isinstance(entry.event, Registered))
    frozen = frozen_scores(world.bundles, first.bundle, stream, len(stream))
    times = evenly_spaced(START, options.end, count)
    scheduled = scheduled_scores(
        prepared, spec, pipeline.train, stream, frozen, times, lambda done: view.waiting(f"{done} of {count} retrainings")
    )
    rows = _judged(stream, seen, options.end)
    scores = {"loop": seen.score, "frozen": frozen, "scheduled": scheduled}
    timer.lap("afterwards")
    return replace(
        summary,
        roc_auc={name: by_month("roc_auc", stream, rows, score) for name, score in scores.items()},
        brier={name: by_month("brier", stream, rows, score) for name, score in scores.items()},
        retrains={"loop": count, "scheduled": len(times)},
        parts=timer.parts,
        peak_memory_mb=_peak_memory_mb(),
    )


def _judged(stream: Stream, seen: Seen, end: datetime) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows that were answered and whose outcome was known by the end."""
    known = (stream.landed != NEVER) & (stream.landed <= to_micros(end))
    return np.flatnonzero(known & ~np.isnan(seen.score)).astype(np.int64)


def _peak_memory_mb() -> float:
    """The largest this process has been, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class _Timer:
    """Seconds per part of the run."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._parts: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """The part `name` ends here."""
        now = time.perf_counter()
        self._parts[name] = self._parts.get(name, 0.0) + now - self._since
        self._since = now

    @property
    def parts(self) -> dict[str, float]:
        """The parts so far, in order."""
        return dict(self._parts)
