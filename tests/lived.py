"""Four weeks of a project's life, lived once per session: real trainings, a real server that is asked over HTTP, a loop that decides."""

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from flyball.demo.dataset import load_flights, write_flights
from flyball.demo.days import Seen, Told, replay
from flyball.demo.offline import load_pipeline
from flyball.demo.process import Server, finish_training, start_training
from flyball.demo.project import EXAMPLES, example_files, write_texts
from flyball.demo.run import START
from flyball.demo.stream import make_stream
from flyball.demo.view import PlainView
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_world

DAYS, SEED = 28, 3
# The example trains every 60 days; here everything happens sooner, and forests are small.
SOONER = {
    r"n_estimators = \d+": "n_estimators = 20",
    r"random_state = \d+": f"random_state = {SEED}",
    r'every = "60d"': 'every = "14d"',
    r'cooldown = "60d"': 'cooldown = "10d"',
    r"min_days = 7": "min_days = 3",
    r'deadline = "45d"': 'deadline = "10d"',
    r'watch = "60d"': 'watch = "12d"',
    r"(?m)^margin = 0.002": "margin = 0.01",
}


def project(folder: Path, *, until: datetime | None) -> None:
    """The flights project with sooner settings; its source is what was known at `until`, or all of it."""
    texts = example_files("flights")
    for pattern, text in SOONER.items():
        texts["flyball.toml"], changed = re.subn(pattern, text, texts["flyball.toml"])
        assert changed == 1, pattern
    write_texts(folder, texts)
    flights = load_flights()
    if until is not None:
        flights = flights[flights["scheduled_at"] < until].copy()
        unknown = flights["landed_at"].isna() | (flights["landed_at"] >= until)
        flights["landed_at"] = flights["landed_at"].mask(unknown)
        flights["late"] = flights["late"].mask(unknown)
    write_flights(flights, folder / EXAMPLES["flights"])


def live(folder: Path, end: datetime = START + timedelta(days=DAYS)) -> None:
    """Flights are asked about over HTTP, day after day, and the loop looks every midnight."""
    project(folder, until=START)
    finish_training(start_training(folder, START))
    spec = load_spec(folder)
    prepared = load_pipeline(folder).prepare(load_flights())[[*spec.data.roles, *(spec.data.features or ())]]
    stream = make_stream(prepared, list(spec.data.features or ()), start=START, end=end)
    world, seen, view = open_world(read_settings(folder)), Seen(len(stream)), PlainView(Console(stderr=True))
    with Server(folder) as server:
        told = Told(host=server.host, port=server.port, start=START, end=end, speed=None, language="en")
        asyncio.run(replay(stream, told, world, spec, view, seen, alive=server.check, stopped=lambda: False))
    assert seen.failed_requests == 0
