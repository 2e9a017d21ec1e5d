"""The goals of monitoring, and what a run says about each of them."""

import math
import statistics
from collections.abc import Mapping, Sequence

from bench.monitoring.results import Comparison, Run, size_name
from bench.monitoring.run_sides import TITLES
from bench.serving.goals import Goal, grouped

SMALL, LARGE = (100_000, 20), (1_000_000, 50)
_RATIOS: Mapping[tuple[int, int], Mapping[str, float]] = {LARGE: {"scipy": 40, "evidently": 500}, SMALL: {"scipy": 40, "evidently": 300}}
_MOST_MB = 16.0
_MOST_MICROS = 1.0
# Shift in standard deviations → the most minutes until it is in drift, and the runs that such statements are about.
_DELAYS: Mapping[str, float] = {"0.25": 60, "0.5": 10, "1": 5}
_RUNS, _DAYS = 20, 3.0
# By how much ours may miss what was published.
_NEAR = {"KS": 5e-4, "ROC AUC": 2e-3}


def goals(run: Run) -> list[Goal]:
    """Every goal, in the order of the table."""
    found = [_faster(run, size, side, times) for size, sides in _RATIOS.items() for side, times in sides.items()]
    found += [_memory(run, size) for size in (LARGE, SMALL)]
    found += [*_request(run), *_over_time(run), _certified(run), *_published(run)]
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """An interval for the median that supposes nothing of the values but that they are alike: 95 % where there are six or more."""
    ordered = sorted(values)
    tail, chance = 0, 0.5 ** len(ordered)
    below = chance
    while tail + 1 < len(ordered) // 2 and below + math.comb(len(ordered), tail + 1) * chance <= 0.025:
        tail += 1
        below += math.comb(len(ordered), tail) * chance
    return ordered[tail], ordered[len(ordered) - 1 - tail]


def digits(value: float) -> str:
    """Three digits."""
    if abs(value) >= 1000:
        return grouped(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def seconds(value: float) -> str:
    """Seconds or milliseconds."""
    return f"{digits(value)} s" if value >= 1 else f"{digits(value * 1e3)} ms"


def _comparison(run: Run, size: tuple[int, int], side: str) -> Comparison | None:
    found = run.speed.get(size_name(*size), {}).get(side)
    return found if found is not None and found.seconds else None


def _why_not(run: Run, side: str) -> str:
    return f"not measured: {run.absent[side]}" if side in run.absent else "not measured in this run"


def _faster(run: Run, size: tuple[int, int], side: str, times: float) -> Goal:
    title = TITLES[side].replace("*", "")
    what, goal = f"{size_name(*size)} floats, one thread, against {title}", f"≥ {times:g} × faster"
    ours, theirs = _comparison(run, size, "flyball"), _comparison(run, size, side)
    if ours is None or theirs is None:
        return Goal(what, goal, _why_not(run, side), None)
    ratio = theirs.median / ours.median
    return Goal(what, goal, f"{digits(ratio)} × ({seconds(ours.median)} against {seconds(theirs.median)})", ratio >= times)


def _memory(run: Run, size: tuple[int, int]) -> Goal:
    what, goal = f"{size_name(*size)}: memory beyond the data", f"≤ {_MOST_MB:g} MB"
    ours = _comparison(run, size, "flyball")
    if ours is None or min(ours.peak_mb) < 0:
        return Goal(what, goal, "not measured in this run", None)
    peak = max(ours.peak_mb)
    others = [
        f"{TITLES[side]} {max(found.peak_mb):.0f} MB" for side in TITLES if side != "flyball" and (found := _comparison(run, size, side))
    ]
    return Goal(what, goal, f"{peak:.1f} MB" + (f" ({', '.join(others)})" if others else ""), peak <= _MOST_MB)


def _request(run: Run) -> list[Goal]:
    loads, cost = (
        "code that counts in the memory of a serving worker",
        "what counting every second beside it adds to a request of 20 features",
    )
    found = run.request
    if found is None or found.failure or not found.alone:
        why = f"not measured: {found.failure}" if found is not None and found.failure else "not measured in this run"
        return [Goal(loads, "none", why, None), Goal(cost, f"< {_MOST_MICROS:g} µs of CPU", why, None)]
    low, high = interval(found.differences)
    median = statistics.median(found.differences)
    measured = (
        f"{median:+.2f} µs [{low:+.2f}, {high:+.2f}] at {statistics.median(found.alone):.1f} µs per request; {len(found.alone)} rounds, "
        f"{grouped(found.rows_counted)} rows counted meanwhile"
    )
    # Noise is no verdict: only what the interval excludes is met or missed.
    met = True if high < _MOST_MICROS else False if low > _MOST_MICROS else None
    held = "cannot be told" if found.loads_counting is None else "some" if found.loads_counting else "none"
    return [
        Goal(loads, "none", held, None if found.loads_counting is None else not found.loads_counting),
        Goal(
            cost, f"< {_MOST_MICROS:g} µs of CPU", measured + ("" if met is not None else "; this machine cannot tell a microsecond"), met
        ),
        Goal(
            "counting a logged row of 20 features, away from the request",
            f"< {_MOST_MICROS:g} µs",
            f"{found.row:.3f} µs",
            found.row < _MOST_MICROS,
        ),
    ]


def _over_time(run: Run) -> list[Goal]:
    """Alarms in days without a change, and minutes until a change is seen."""
    found = run.over_time
    still, hang = (
        "50 features, 100 rows a minute, looked at every minute, nothing happens",
        "the same, AR(1) .9 and a daily wave, calibrated",
    )
    if found is None:
        why = _why_not(run, "alarms over time")
        empty = [Goal(what, "at most 1 run of 20 with an alarm", why, None) for what in (still, hang)]
        return [
            *empty,
            *(Goal(f"{shift} sd in one of 50 features", f"in drift within {most:g} min", why, None) for shift, most in _DELAYS.items()),
        ]
    whole = found.runs >= _RUNS and found.days >= _DAYS
    naive = f"; `ks_2samp` calls {min(found.naive)} to {max(found.naive)} features drifted in a run" if found.naive else ""
    goals = []
    for what, alarms, more in ((still, found.null, naive), (hang, found.season, "")):
        loud = sum(count > 0 for count in alarms)
        measured = f"{loud} of {found.runs} runs of {found.days:g} days, {sum(alarms)} alarms in all{more}"
        goals.append(Goal(what, "at most 1 run of 20 with an alarm", measured, loud <= 1 if whole or loud > 1 else None))
    for shift, most in _DELAYS.items():
        minutes = [math.inf if one is None else one for one in found.delays.get(shift, [])]
        what, goal = f"{shift} sd in one of 50 features", f"in drift within {most:g} min"
        if not minutes:
            goals.append(Goal(what, goal, "not measured in this run", None))
            continue
        median = statistics.median(minutes)
        measured = f"{digits(median)} min (median of {len(minutes)} runs, the worst {digits(max(minutes))})"
        goals.append(Goal(what, goal, measured, median <= most if len(minutes) >= _RUNS else None))
    return goals


def _certified(run: Run) -> Goal:
    what, goal = "lower ≤ exact KS ≤ upper, and any split of the rows adds up", "all of 1 000 random cases"
    found = run.certified
    if found is None:
        return Goal(what, goal, "not measured in this run", None)
    measured = f"{found.held} of {found.cases} cases, up to {found.slowest_rows:,} rows; widest interval {found.widest:.4f}".replace(
        ",", " "
    )
    return Goal(what, goal, measured, found.held == found.cases if found.held < found.cases or found.cases >= 1000 else None)


def _published(run: Run) -> list[Goal]:
    found = []
    for one in run.published:
        near = next(limit for name, limit in _NEAR.items() if one.name.startswith(name))
        worst = max(abs(ours - theirs) for ours, theirs in zip(one.ours, one.published, strict=True))
        held = one.inside is not False
        measured = f"largest difference {worst:.1e}" + (
            "" if one.inside is None else "; each inside its certified interval" if held else "; not all inside"
        )
        found.append(Goal(f"NannyML's published {one.name}", f"within {near:g}", measured, worst <= near and held))
    for name in _NEAR:
        if not any(one.name.startswith(name) for one in run.published):
            found.append(Goal(f"NannyML's published {name}", f"within {_NEAR[name]:g}", _why_not(run, f"published {name}"), None))
    return found
