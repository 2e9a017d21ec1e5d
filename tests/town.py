"""A town whose people are asked about by a real server, day after day, while a rollout runs: the projects of the stories of rollouts.

Whether somebody leaves depends on `price` and `calls`. A model may `see` some of the columns only, so that it is known beforehand which
of two versions is the better one.
"""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from flyball.journal.events import Entry, RolloutStarted
from flyball.journal.known import State
from flyball.journal.moves import ShareMoved
from flyball.journal.state import fold
from flyball.settings import read_settings
from flyball.wiring import open_world
from trained import Said, flyball, running

MODEL = "town"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PER_DAY = 160
PIPELINE = """
from sklearn.linear_model import LogisticRegression

COLUMNS = ["price", "calls", "tilt", "lean"]


def train(frame, target, see="price", strength=1.0, shift=0.0, breaks=False, sample_weight=None):
    names = see.split()
    part = LogisticRegression(C=strength).fit(frame[names], target, sample_weight=sample_weight)
    model = LogisticRegression().fit(frame[COLUMNS], target)
    model.coef_[:] = 0.0
    for name, weight in zip(names, part.coef_[0]):
        model.coef_[0][COLUMNS.index(name)] = weight
    model.intercept_ = part.intercept_ + shift
    if breaks:  # unnoticed as long as both are nought
        model.coef_[0][COLUMNS.index("tilt")], model.coef_[0][COLUMNS.index("lean")] = 1e308, -1e308
    return model
"""
SPEC = """
[model]
name = "town"
task = "binary"
influences_outcome = true
[data]
source = "history.csv"
target = "left"
features = ["price", "calls", "tilt", "lean"]
id = "visit"
unit = "person"
time = "seen_at"
outcome_time = "known_at"
matures = "12h"
[train]
run = "town_pipeline:train"
params = { see = "price" }
[evaluate]
metrics = ["roc_auc", "brier"]
gate = [ { metric = "brier", at_least = 0.0 } ]
[rollout]
holdback = 0.0001
watch = "14d"
#rules
[monitor]
window = "1d"
[retrain]
on = []
from = "log"
min_outcomes = 100
"""
# What is trained, by the name a story calls it.
KINDS = {
    "better": 'see = "price calls"',
    "worse": 'see = "price", shift = 2.0',
    "equal": 'see = "price", strength = 0.9',
    "breaking": 'see = "price calls", breaks = true',
}


def odds(price: np.ndarray, calls: np.ndarray) -> np.ndarray:
    """How likely people of these prices and calls are to leave."""
    return 1 / (1 + np.exp(-2.0 * price - 2.0 * calls))


def history(rows: int = 2_000) -> pd.DataFrame:
    """The two months before the first day."""
    chance = np.random.default_rng(7)
    seen = FIRST - timedelta(days=61) + pd.to_timedelta(np.sort(chance.integers(0, 60 * 86_400, rows)), unit="s")
    price, calls = chance.normal(size=rows), chance.normal(size=rows)
    left = (chance.uniform(size=rows) < odds(price, calls)).astype(int)
    names = [f"h{number}" for number in range(rows)]
    known = seen + pd.to_timedelta(chance.integers(3_600, 40_000, rows), unit="s")
    frame = {"visit": names, "person": names, "seen_at": seen, "known_at": known, "price": price, "calls": calls, "left": left}
    frame["tilt"] = frame["lean"] = np.zeros(rows)
    return pd.DataFrame(frame)


def begin(folder: Path) -> Path:
    """A project with one champion that sees the price only."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flyball.toml").write_text(SPEC)
    (folder / "town_pipeline.py").write_text(PIPELINE)
    history().to_csv(folder / "history.csv", index=False)
    said = flyball(folder, "train", "--json", "--now", f"{FIRST - DAY:%Y-%m-%dT%H:%M:%SZ}")
    assert said.status == 0 and said.json["version"] == 1, said
    return folder


def with_candidate(champion: Path, folder: Path, kind: str) -> Path:
    """A copy of that project with a second version that no rollout has begun for: the loop was frozen while it was trained."""
    shutil.copytree(champion, folder)
    _replace(folder, 'params = { see = "price" }', f"params = {{ {KINDS[kind]} }}")
    assert flyball(folder, "freeze", "--reason", "a candidate is made").status == 0
    said = flyball(folder, "train", "--json", "--now", f"{FIRST - DAY / 2:%Y-%m-%dT%H:%M:%SZ}")
    assert said.json["version"] == 2 and said.json["gate"]["verdict"] == "pass", said
    assert flyball(folder, "thaw", "--reason", "it is made").status == 0
    return folder


def _replace(folder: Path, before: str, after: str) -> None:
    text = (folder / "flyball.toml").read_text()
    assert before in text, before
    (folder / "flyball.toml").write_text(text.replace(before, after))


@dataclass
class Asked:
    """Somebody who was asked about: the server's answer, and what came of it."""

    person: str
    at: datetime
    answer: dict[str, Any]
    left: int
    row: tuple[float, float]

    @property
    def challenger(self) -> bool:
        return bool(self.answer["variant"] == "challenger")


Value = Callable[[Asked], float | None]
Keep = Callable[[Asked], bool]


def everybody(_: Asked) -> bool:
    """Every outcome is told."""
    return True


def no_value(_: Asked) -> float | None:
    """Nothing is told but whether they left."""
    return None


@dataclass
class Town:
    """A project that is served, and the days that were lived.

    `people`: so many come again every day, else each comes once. `offers`: who is said to leave gets an offer, and stays.
    """

    folder: Path
    url: str = ""
    people: int | None = None
    offers: bool = False
    day: int = 0
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))
    asked: list[Asked] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The midnight at which the present day begins."""
        return FIRST + self.day * DAY

    def say(self, *words: str) -> Said:
        """A verb, as of now where it takes a time."""
        return flyball(self.folder, *words)

    def at(self, *words: str) -> Said:
        """A verb that takes `--now`."""
        return flyball(self.folder, *words, "--now", self.now.isoformat())

    def tick(self) -> list[str]:
        """The loop looks, and the server takes up what was decided; the kinds of what was written down."""
        before = self.entries()
        said = self.at("tick")
        assert said.status == 0, said
        self.settle()
        return [type(entry.event).__name__ for entry in self.entries()[len(before) :]]

    def settle(self) -> None:
        """Wait until the server serves what is deployed."""
        deadline = time.monotonic() + 20
        while self.url:
            health = self.health()
            found = health["versions"]
            state = self.state()
            if (found.get("champion"), found.get("challenger"), health["challenger_share"]) == (
                state.champion,
                state.challenger,
                state.challenger_share,
            ):
                return
            assert time.monotonic() < deadline, (health, state)
            time.sleep(0.03)

    def live(
        self, *, per_day: int = PER_DAY, keep: Keep = everybody, value: Value = no_value, broken: bool = False, tick: bool = True
    ) -> list[str]:
        """One day: people are asked about, what came of it is told, and the loop looks at its end."""
        chance = np.random.default_rng([self.day, 11])
        asked: list[Asked] = []
        for number in range(per_day):
            person = f"d{self.day}-{number}" if self.people is None else f"p{number % self.people}"
            price, calls = (float(one) for one in chance.normal(size=2))
            left = int(chance.uniform() < float(odds(np.array(price), np.array(calls))))
            at = self.now + DAY * number / per_day
            shift = 100.0 if broken else 0.0
            row = {"price": price, "calls": calls, "tilt": shift, "lean": shift}
            said = self.http.post(f"{self.url}/predict", json={"features": row, "unit": person, "at": at.isoformat()})
            assert said.status_code == 200, said.text
            asked.append(Asked(person, at, said.json(), left, (price, calls)))
        self.tell([one for one in asked if keep(one)], value, chance)
        self.asked += asked
        self.day += 1
        return self.tick() if tick else []

    def tell(self, asked: list[Asked], value: Value, chance: np.random.Generator) -> None:
        """What came of it, some hours later."""
        told = []
        for one in asked:
            known = one.at + timedelta(seconds=int(chance.integers(3_600, 36_000)))
            left = one.left and not (self.offers and one.answer["prediction"] == 1)
            outcome = {"prediction_id": one.answer["prediction_id"], "actual": int(left), "at": known.isoformat()}
            worth = value(one)
            told.append(outcome if worth is None else {**outcome, "value": worth})
        said = self.http.post(f"{self.url}/outcomes", json=told)
        assert said.status_code == 200 and said.json()["accepted"] == len(told), said.text

    def live_until(self, kind: str, *, most: int = 14, **day: Any) -> int:
        """Live until an event of a kind is written down; after how many days."""
        for count in range(1, most + 1):
            if kind in self.live(**day):
                return count
        raise AssertionError(f"no {kind} in {most} days: {[type(one.event).__name__ for one in self.entries()]}")

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"{self.url}/health").json()
        return found

    def entries(self) -> list[Entry]:
        """The journal."""
        return list(open_world(read_settings(self.folder)).journal.read(MODEL))

    def last(self, kind: type) -> Any:
        """The newest event of a kind."""
        return next(entry.event for entry in reversed(self.entries()) if isinstance(entry.event, kind))

    def moves(self) -> list[tuple[datetime, float]]:
        """Since when the challenger had which share, from the start of the rollout on."""
        found: list[tuple[datetime, float]] = []
        for entry in self.entries():
            if isinstance(entry.event, RolloutStarted | ShareMoved):
                found.append((entry.at, entry.event.share))
        return found

    def state(self) -> State:
        return fold(MODEL, self.entries())

    def log(self, columns: str, where: str = "1") -> list[tuple[Any, ...]]:
        """Rows of the log as they stand in the database."""
        with closing(sqlite3.connect(self.folder / "flyball.db")) as connection:
            return connection.execute(f"SELECT {columns} FROM predictions WHERE {where}").fetchall()


@contextmanager
def town(project: Path, folder: Path, rules: str, **changes: Any) -> Iterator[Town]:
    """A copy of a project under these rules of `[rollout]`, served; the rollout has begun with the first look."""
    shutil.copytree(project, folder)
    _replace(folder, "#rules", rules)
    for before, after in changes.pop("edits", {}).items():
        _replace(folder, before, after)
    made = Town(folder, **changes)
    with running(folder, "serve", "--clock", "request") as (url, _):
        made.url = url
        made.tick()
        try:
            yield made
        finally:
            made.http.close()
