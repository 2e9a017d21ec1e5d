"""The goals, and what a run says about each of them."""

from collections.abc import Callable, Sequence

import msgspec
from bench.serving.results import Measured, Run
from bench.serving.servers import SERVERS

_TITLES = {server.name: server.title for server in SERVERS}
_BATCHING = tuple(server.name for server in SERVERS if server.batches)
_RIVALS = ("rival", "rival-fast")


class Goal(msgspec.Struct):
    """One row of the table. `met` is None if the run did not measure it; then `measured` says why."""

    what: str
    goal: str
    measured: str
    met: bool | None


def goals(run: Run) -> list[Goal]:
    """Every goal, in the order of the table."""
    return [
        _less(run, "CPU per request against `mlflow models serve`, 64 connections", 350, "row", ["mlflow"]),
        _less(run, "against the best batching peer", 40, "row", _BATCHING),
        _less(run, "against the competent rival: FastAPI, async, uvloop, ONNX Runtime; no log, split, metrics", 8, "row", _RIVALS),
        _nginx(run),
        _half_load(run),
        _half_load_mlflow(run),
        _frame(run),
        _less(run, "100 rows per request, every row logged, against `mlflow models serve`", 15, "rows", ["mlflow"]),
        _less(run, "the same against MLServer + ONNX Runtime", 2, "rows", ["mlserver-onnx"]),
        _logged(run),
        _added(run, "what split + log + metrics add on the request path", 0.30, "cpu"),
        _added(run, "the same with the ingestion into the database", 0.80, "total"),
        _gather(run),
        _gather_single(run),
        _start_up(run),
        _memory(run),
        _workers(run),
    ]


def micros(value: float) -> str:
    """Microseconds, three digits."""
    return f"{_digits(value)} µs"


def millis(value: float) -> str:
    """Seconds as milliseconds, three digits."""
    return f"{_digits(value * 1e3)} ms"


def grouped(value: float) -> str:
    """A whole number, its thousands apart."""
    return f"{value:,.0f}".replace(",", " ")


def _digits(value: float) -> str:
    if value >= 1000:
        return grouped(value)
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _less(run: Run, what: str, times: float, case: str, others: Sequence[str], ours: str = "flyball") -> Goal:
    """Ours against the cheapest of some others."""
    goal = f"≥ {times:g} × less"
    our = run.found(ours, case)
    there = {name: found for name in others if (found := run.found(name, case)) is not None}
    if our is None or not there:
        return Goal(what, goal, _missing(run, case, [ours] if our is None else others), None)
    name, best = min(there.items(), key=lambda entry: entry[1].median("cpu"))
    ratio = best.median("cpu") / our.median("cpu")
    against = f" of {_TITLES[name]}" if len(others) > 1 else ""
    absent = [_TITLES[other] for other in others if other not in there]
    measured = f"{_digits(ratio)} × ({micros(our.median('cpu'))} against {micros(best.median('cpu'))}{against}"
    measured += f"; with ingestion {micros(our.median('total'))}, {_digits(best.median('cpu') / our.median('total'))} ×)"
    measured += f"; {grouped(our.median('rate'))} requests/s against {grouped(best.median('rate'))}"
    if absent:
        measured += f"; without {', '.join(absent)}, which did not run"
    return Goal(what, goal, measured, ratio >= times)


def _frame(run: Run) -> Goal:
    """Against MLflow checking its signature, as we check our contract; what it is without the check stands beside."""
    what = "600-column frame through `/invocations` against `mlflow models serve`"
    found = _less(run, what, 100, "frame", ["mlflow-frame"], "flyball-frame")
    our, plain = run.found("flyball-frame", "frame"), run.found("mlflow-frame-plain", "frame")
    if our is not None and plain is not None:
        ratio = plain.median("cpu") / our.median("cpu")
        found.measured += f"; against a model logged without signature {_digits(ratio)} × ({micros(plain.median('cpu'))})"
    return found


def _nginx(run: Run) -> Goal:
    what, goal = "against nginx answering a static body", "≤ 2 ×"
    our, other = run.found("flyball", "row"), run.found("nginx", "row")
    if our is None or other is None:
        return Goal(what, goal, _missing(run, "row", ["flyball", "nginx"]), None)
    ratio = our.median("cpu") / other.median("cpu")
    return Goal(what, goal, f"{ratio:.2f} × ({micros(our.median('cpu'))} against {micros(other.median('cpu'))})", ratio <= 2)


def _half_load(run: Run) -> Goal:
    what, goal = "p99 at half load", "≤ 2 ms, or ≤ 2 × nginx's of the same minute"
    our, other = run.found("flyball", "half"), run.found("nginx", "half")
    if our is None:
        return Goal(what, goal, _missing(run, "half", ["flyball"]), None)
    measured = f"{millis(our.median('p99'))} at {grouped(our.median('rate'))} requests/s"
    met = our.median("p99") <= 0.002
    if other is not None:
        measured += f"; nginx {millis(other.median('p99'))} at {grouped(other.median('rate'))}"
        # The rounds of both alternate: round by round is the same minute.
        times = sorted(ours / theirs for ours, theirs in zip(our.p99, other.p99, strict=False))
        met = met or times[len(times) // 2] <= 2
    return Goal(what, goal, measured, met)


def _half_load_mlflow(run: Run) -> Goal:
    what, goal = "p99 at half load against `mlflow models serve`", "≤ 1/50"
    our, other = run.found("flyball", "half"), run.found("mlflow", "half")
    if our is None or other is None:
        return Goal(what, goal, _missing(run, "half", ["flyball", "mlflow"]), None)
    ratio = other.median("p99") / our.median("p99")
    return Goal(what, goal, f"1/{_digits(ratio)} ({millis(our.median('p99'))} against {millis(other.median('p99'))})", ratio >= 50)


def _logged(run: Run) -> Goal:
    what, goal = "rows answered in this run, in every case, and rows in the log", "all of them"
    if not run.logged:
        return Goal(what, goal, "not measured in this run", None)
    answered, logged = (sum(getattr(one, name) for one in run.logged.values()) for name in ("answered", "logged"))
    return Goal(what, goal, f"{grouped(answered)} answered, {grouped(logged)} logged", answered == logged)


def _added(run: Run, what: str, most: float, quantity: str) -> Goal:
    goal = f"≤ {most:.0%} of the bare request".replace("%", " %")
    full, bare = run.found("flyball", "row"), run.found("flyball-bare", "row")
    if full is None or bare is None:
        return Goal(what, goal, _missing(run, "row", ["flyball", "flyball-bare"]), None)
    more = full.median(quantity) / bare.median("cpu") - 1
    return Goal(what, goal, f"{more * 100:.0f} % ({micros(full.median(quantity))} against {micros(bare.median('cpu'))})", more <= most)


def _gather(run: Run) -> Goal:
    what, goal = "MLP 3×512, loop-turn batching against none, 64 connections", "≥ 2 ×"
    return _between(run, what, goal, "mlp", lambda ratio: ratio >= 2)


def _gather_single(run: Run) -> Goal:
    what, goal = "the same at 1 connection", "no slower (within 5 %)"
    return _between(run, what, goal, "mlp-single", lambda ratio: ratio >= 0.95)


def _between(run: Run, what: str, goal: str, case: str, good: Callable[[float], bool]) -> Goal:
    together, alone = run.found("flyball-mlp", case), run.found("flyball-mlp-alone", case)
    if together is None or alone is None:
        return Goal(what, goal, _missing(run, case, ["flyball-mlp", "flyball-mlp-alone"]), None)
    ratio = alone.median("cpu") / together.median("cpu")
    measured = f"{ratio:.2f} × ({micros(together.median('cpu'))} against {micros(alone.median('cpu'))}; "
    measured += f"p50 {millis(together.median('p50'))} against {millis(alone.median('p50'))})"
    return Goal(what, goal, measured, good(ratio))


def _start_up(run: Run) -> Goal:
    what, goal = "`flyball serve` to its first answer, warm file cache", "≤ 1 s"
    if not run.start_up:
        return Goal(what, goal, "not measured in this run", None)
    times = sorted(run.start_up)
    middle = times[len(times) // 2]
    return Goal(what, goal, f"{middle:.2f} s ({times[0]:.2f} to {times[-1]:.2f})", middle <= 1)


def _memory(run: Run) -> Goal:
    what, goal = "RSS of a worker after the load", "≤ 150 MB"
    sizes = run.memory.get("flyball")
    if not sizes:
        return Goal(what, goal, "not measured in this run", None)
    return Goal(what, goal, f"{max(sizes):.0f} MB", max(sizes) <= 150)


def _workers(run: Run) -> Goal:
    what, goal = "two workers, one port, one log", "both answer, every answer is logged"
    if run.workers is None:
        return Goal(what, goal, "not measured in this run", None)
    logged = run.workers.logged
    shares = " and ".join(grouped(count) for count in logged.values())
    measured = f"{grouped(run.workers.answers)} answers; logged by each worker: {shares}"
    return Goal(what, goal, measured, len(logged) == 2 and sum(logged.values()) == run.workers.answers)


def _missing(run: Run, case: str, names: Sequence[str]) -> str:
    """Why there is no figure."""
    reasons = []
    for name in names:
        if name in run.absent:
            reasons.append(f"{_TITLES[name]} did not run, see below")
        elif run.measured.get(name, {}).get(case, Measured()).failures:
            reasons.append(f"{_TITLES[name]} failed under load, see below")
    return "; ".join(reasons) or "not measured in this run"
