"""How often drift cries wolf, and how soon it says what happened: simulated traffic, looked at every minute.

    python -m bench.monitoring.alarms [--runs 20] [--days 3] [--only null season hour delay flights] [--seed 0]

null     nothing happens to 50 features of five kinds, and to categories with more names than a reference keeps: all as frequent, or Zipf's.
         How many runs raise any alarm; and what `ks_2samp`, p < .05, says of the same rows of the 50.
season   nothing happens to 50 features whose rows hang together (AR(1), .9 from row to row) and have a daily wave; calibrated reference.
hour     a strong daily wave: what a plain, a calibrated and an hourly reference say of days without a change, and how soon of a change
         within the hours.
delay    50 features, one of which moves at a random time: minutes until it is in drift.
flights  trained on January and February of real flights: which columns are in drift in each month after, and since when.
"""

import argparse
import sys
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
from bench.monitoring.streams import DAY, Floats, Minutes, correlated, daily, named, reference_of, times_of
from scipy.special import kolmogorov

from flyball.core.record import record
from flyball.data.season import Season
from flyball.monitoring.drift import drift_over
from flyball.monitoring.yardstick import Yardstick

RATE = 100  # rows a minute
FEATURES = 50
Draw = Callable[[np.random.Generator, int], Floats]

KINDS: tuple[Draw, ...] = (
    lambda rng, n: rng.normal(size=n),
    lambda rng, n: rng.lognormal(0, 2, n),
    lambda rng, n: rng.poisson(1, n).astype(np.float64),
    lambda rng, n: rng.normal(size=n) * (rng.random(n) < 0.2),
    lambda rng, n: np.where(rng.random(n) < 0.05, np.nan, rng.standard_cauchy(n)),
)
# Shares of the names of categories: flat ones, units of a fixed population, and a few frequent names with a long tail.
NAMED: tuple[Floats, ...] = tuple(
    np.arange(1.0, names + 1.0) ** -power for names, power in ((600, 0.0), (2000, 0.0), (10_000, 0.0), (2000, 1.0), (20_000, 1.5))
)


@record
class Alarms:
    """What one run raised: alarms (a column entering drift), columns that ever were in drift or that `ks_2samp` called drifted."""

    looks: int
    alarms: int
    columns: tuple[str, ...]
    naive: int = 0


def null(seed: int, *, days: float = 3, features: int = FEATURES, every: int = 1, reference_rows: int = 100_000) -> Alarms:
    """Nothing happens: the alarms of looking every `every` minutes, and how many numbers the test at p < .05 calls drifted."""
    rng = np.random.default_rng(seed)
    draws = {f"f{at}": KINDS[at % len(KINDS)] for at in range(features)}
    coins = np.random.default_rng([seed, 1])
    names = {f"c{at}": shares for at, shares in enumerate(NAMED)}
    numbers = {name: draw(rng, reference_rows) for name, draw in draws.items()}
    yard = Yardstick(reference_of({**numbers, **{name: named(coins, reference_rows, shares) for name, shares in names.items()}}, None))
    minutes = round(days * DAY)
    stream = Minutes(yard, minutes, RATE)
    for name, draw in draws.items():
        stream.add(name, draw(rng, minutes * RATE))
    for name, shares in names.items():
        stream.add(name, named(coins, minutes * RATE, shares))
    return _watch(stream, every, naive=True)


def season(
    seed: int, *, days: float = 3, features: int = FEATURES, every: int = 1, weeks: int = 3, references: int = 5, wave: float = 1.0
) -> Alarms:
    """Rows that hang together and have a daily wave, against a reference calibrated on weeks of the same.

    `references` trainings are simulated and shared by the features, because three million rows for each of 50 take hours.
    """
    rng = np.random.default_rng(seed)
    rows = weeks * 7 * DAY * RATE

    def draw(count: int, start: int) -> Floats:
        return correlated(rng, count, 0.9) + wave * daily(count, RATE, start=start)

    trained = [reference_of({"x": draw(rows, 0)}, times_of(rows, RATE)) for _ in range(references)]
    columns = {f"f{at}": trained[at % references].columns["x"] for at in range(features)}
    reference = replace(trained[0], columns=columns)
    yard, minutes, start = Yardstick(reference), round(days * DAY), weeks * 7 * DAY
    stream = Minutes(yard, minutes, RATE, start=start)
    for name in columns:
        stream.add(name, draw(minutes * RATE, start))
    return _watch(stream, every)


@record
class Hours:
    """One reference under a strong daily wave: alarms without a change, and the delay in minutes of a change within the hours."""

    alarms: int
    delay: float
    said: str


def hour(
    seed: int,
    kind: str,
    *,
    days: float = 2,
    features: int = 10,
    every: int = 1,
    weeks: int = 3,
    rate: int = RATE,
    shift: float = 0.5,
    reverse: bool = False,
) -> Hours:
    """A wave of two standard deviations. `kind`: `plain` (nothing but the margin), `calibrated`, or `hourly` (season = "day").

    One column moves by `shift`; with `reverse` its day is turned round instead: each day has the same values as ever, at other hours.
    """
    rng = np.random.default_rng(seed)
    rows = weeks * 7 * DAY * rate
    times = None if kind == "plain" else times_of(rows, rate)
    by: Season = "day" if kind == "hourly" else "none"
    trained = {f"f{at}": rng.normal(size=rows) + 2.0 * daily(rows, rate) for at in range(features)}
    yard, minutes, start = Yardstick(reference_of(trained, times, season=by)), round(days * DAY), weeks * 7 * DAY
    del trained
    stream = Minutes(yard, minutes, rate, start=start)
    changed = int(rng.integers(minutes // 2, minutes // 2 + DAY // 3))
    for at, name in enumerate(yard.names):
        values = rng.normal(size=minutes * rate) + 2.0 * daily(minutes * rate, rate, start=start)
        if at == 0:
            wave = 2.0 * daily(minutes * rate, rate, start=start)
            values[changed * rate :] += -2.0 * wave[changed * rate :] if reverse else shift
        stream.add(name, values)
    alarms, delay, said = 0, float("inf"), ""
    before: set[str] = set()
    for now in range(5, minutes + 1, every):
        found = drift_over(yard, stream.spans(now), latest=stream.span(now - 5, now), season=by)
        drifting = {name for name, one in found.columns.items() if one.state == "drift"}
        alarms += len([name for name in drifting - before if name != yard.names[0] or now <= changed])
        before = drifting
        if now > changed and yard.names[0] in drifting and not said:
            delay, said = now - changed, found.columns[yard.names[0]].reason.code
    return Hours(alarms=alarms, delay=delay, said=said)


@record
class Delay:
    """Minutes from the change to the first look that says drift; `early`: alarms before the change or of other features."""

    minutes: float
    length: timedelta | None
    early: int


def delay(
    seed: int,
    shift: float,
    *,
    features: int = FEATURES,
    references: int = FEATURES,
    reference_rows: int = 200_000,
    every: int = 1,
    patience: int = 180,
) -> Delay:
    """One of the features moves by `shift` standard deviations, at a random second of the second half of a day.

    `references` trainings are simulated and shared by the features.
    """
    rng = np.random.default_rng(seed)
    names = [f"f{at}" for at in range(features)]
    known = reference_of({name: rng.normal(size=reference_rows) for name in names[:references]}, None)
    columns = {name: known.columns[names[at % references]] for at, name in enumerate(names)}
    yard = Yardstick(replace(known, columns=columns))
    minutes = DAY + patience
    stream = Minutes(yard, minutes, RATE)
    changed = float(rng.uniform(DAY / 2, DAY))
    for at, name in enumerate(names):
        values = rng.normal(size=minutes * RATE)
        if at == 0:
            values[round(changed * RATE) :] += shift
        stream.add(name, values)
    early = 0
    for now in range(int(changed) + 1, int(changed) + patience, every):
        found = drift_over(yard, stream.spans(now), latest=stream.span(now - 5, now))
        drifting = [name for name, one in found.columns.items() if one.state == "drift"]
        early += len([name for name in drifting if name != "f0"])
        if "f0" in drifting:
            span = found.columns["f0"].span
            return Delay(minutes=now - changed, length=None if span is None else span.length, early=early)
    return Delay(minutes=float("inf"), length=None, early=early)


def _watch(stream: Minutes, every: int, *, naive: bool = False) -> Alarms:
    """Look from the fifth minute to the end."""
    ever: Tally[str] = Tally()
    before: set[str] = set()
    called: set[str] = set()
    looks = range(5, stream.minutes + 1, every)
    for now in looks:
        found = drift_over(stream.yard, stream.spans(now), latest=stream.span(now - 5, now))
        drifting = {name for name, one in found.columns.items() if one.state == "drift"}
        ever.update(drifting - before)
        before = drifting
        if naive and now >= 15:
            called |= _called(stream, now)
    return Alarms(looks=len(looks), alarms=sum(ever.values()), columns=tuple(sorted(ever)), naive=len(called))


def _called(stream: Minutes, now: int) -> set[str]:
    """The features that `ks_2samp` calls drifted at p < .05 on the newest 15 minutes against the reference.

    Its distance is at least that of the counts, so it calls at least as many.
    """
    span = stream.span(now - 15, now)
    found = set()
    for block in stream.yard.blocks:
        if not block.number:
            continue
        counts = block.gathered(span.counts) * block.value
        n = np.maximum(block.flat.sums(counts), 1.0)
        gap = np.abs(block.flat.cumulated(counts) / n[block.flat.owner] - block.below) * block.value
        root = np.sqrt(n * block.held / (n + block.held))
        p_values = kolmogorov((root + 0.12 + 0.11 / root) * block.flat.largest(gap))  # Stephens' form of the test
        found |= {name for name, p in zip(block.names, p_values.tolist(), strict=True) if p < 0.05}
    return found


def say_null(runs: int, days: float, seed: int) -> None:
    """Print the null."""
    found = [null(seed + at, days=days) for at in range(runs)]
    loud = sum(one.alarms > 0 for one in found)
    naive = sorted(one.naive for one in found)
    what = f"{FEATURES} numbers and {len(NAMED)} categories of many names"
    print(f"null: {what}, {RATE} rows a minute, {days:g} days, {found[0].looks} looks a run")
    print(f"  runs with an alarm: {loud} of {runs}; alarms in all: {sum(one.alarms for one in found)}")
    print(f"  ks_2samp, p < .05, newest 15 minutes: {naive[0]} to {naive[-1]} of {FEATURES} features called drifted in a run", flush=True)


def say_season(runs: int, days: float, seed: int) -> None:
    """Print the season."""
    found = [season(seed + at, days=days) for at in range(runs)]
    loud = sum(one.alarms > 0 for one in found)
    print(f"season: {FEATURES} features, AR(1) .9 from row to row and a daily wave of 1 sd, reference calibrated on 3 weeks, {days:g} days")
    print(f"  runs with an alarm: {loud} of {runs}; alarms in all: {sum(one.alarms for one in found)}", flush=True)


def say_hour(runs: int, seed: int) -> None:
    """Print what hours of their own are good for."""
    print("hour: 10 features, a daily wave of 2 sd, 100 rows a minute, 2 days; in the second, one of them changes")
    for reverse, what in ((False, "moves by .5 sd"), (True, "turns its day round")):
        for kind in ("plain", "calibrated", "hourly"):
            found = [hour(seed + at, kind, reverse=reverse) for at in range(runs)]
            delays = [one.delay for one in found]
            never = sum(not np.isfinite(one) for one in delays)
            print(
                f"  {what:20} {kind:10}  false alarms a run: {np.mean([one.alarms for one in found]):6.1f}   "
                f"seen after {float(np.median(delays)):g} minutes (median), never in {never} of {runs}",
                flush=True,
            )


def say_delay(runs: int, seed: int) -> None:
    """Print the delays."""
    print(f"delay: one of {FEATURES} features moves, {RATE} rows a minute, margin .05, reference of 200 000 rows, looked at every minute")
    for shift in (0.25, 0.5, 1.0, 2.0):
        found = [delay(seed + at, shift) for at in range(runs)]
        minutes = [one.minutes for one in found]
        lengths = Tally(one.length for one in found if one.length is not None).most_common(1)
        print(
            f"  {shift:4g} sd: median {np.median(minutes):5.1f} minutes (worst {max(minutes):5.1f}), "
            f"mostly in the window of {lengths[0][0] if lengths else '-'}; alarms of others: {sum(one.early for one in found)}",
            flush=True,
        )


def main() -> None:
    """Print what was measured."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--days", type=float, default=3.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", nargs="*", default=["delay", "null", "season", "hour", "flights"])
    asked = options.parse_args()
    for part in asked.only:
        match part:
            case "null":
                say_null(asked.runs, asked.days, asked.seed)
            case "season":
                say_season(asked.runs, asked.days, asked.seed)
            case "hour":
                say_hour(asked.runs, asked.seed)
            case "delay":
                say_delay(asked.runs, asked.seed)
            case "flights":
                from bench.monitoring.flights import say_flights

                say_flights()
            case _:
                sys.exit(f"there is no part {part!r}: null, season, hour, delay, flights")


if __name__ == "__main__":
    main()
