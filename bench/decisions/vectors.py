"""The published values of the statistics that decisions rest on, if the folder of vectors is here."""

import json
import os
from pathlib import Path

from flyball.core.record import record
from flyball.stats.bandit import beta_superiority
from flyball.stats.boundaries import asymptotic, bernoulli_bounds
from flyball.stats.significance import Sample, ratio_mismatch, welch

_ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("FLYBALL_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "stats"


@record
class Published:
    """One published value and ours."""

    what: str
    published: str
    ours: str
    same: bool


def published() -> list[Published]:
    """The values that STATISTICS are checked by; empty without the vectors."""
    file = FOLDER / "stats_vectors.json"
    if not file.exists():
        return []
    vectors = json.loads(file.read_text(encoding="utf-8"))
    cases = {case["name"]: case for case in vectors["gbstats_frequentist"]["cases"]}
    found = []
    fixed = cases["welch_relative"]
    a, b = (_sample(fixed[arm]) for arm in "ab")
    ours = welch(a, b, difference="relative")
    found.append(_row("Welch, relative effect", fixed["expected"], [ours.effect, ours.lower, ours.upper, ours.p_value]))
    always = cases["sequential_rel_tuning1000"]
    a, b = (_sample(always[arm]) for arm in "ab")
    sequence = asymptotic(a, b, tuning=1000, difference="relative")
    found.append(
        _row("asymptotic confidence sequence", always["expected"], [sequence.effect, sequence.lower, sequence.upper, sequence.p_value])
    )
    low, high = bernoulli_bounds(700, 1000, tuning=100)
    found.append(
        _near("700 of 1000, always valid", "[.651629, .745949]", f"[{low:.6f}, {high:.6f}]", abs(low - 0.651629) + abs(high - 0.745949))
    )
    p = ratio_mismatch([1000, 1200], [0.5, 0.5])
    found.append(_near("sample ratio 1000 : 1200", ".000020079", f"{p:.9f}", abs(p - 0.000020079) * 1e3))
    for case in vectors["beta_thompson"]["cases"]:
        chance = beta_superiority(tuple(case["A"]), tuple(case["B"]))
        what = f"Beta({case['B'][0]}, {case['B'][1]}) beats Beta({case['A'][0]}, {case['A'][1]})"
        found.append(_near(what, f"{case['p_B_beats_A']:.6f}", f"{chance:.6f}", abs(chance - case["p_B_beats_A"])))
    return found


def _sample(entry: list[float]) -> Sample:
    total, squares, rows = entry
    return Sample(mean=total / rows, variance=(squares - total**2 / rows) / (rows - 1), rows=int(rows))


def _row(what: str, expected: dict[str, float], ours: list[float | None]) -> Published:
    theirs = [expected[name] for name in ("expected", "ci_low", "ci_high", "p_value")]
    pairs = zip(theirs, ours, strict=True)
    return Published(
        what=what,
        published=_numbers(theirs),
        ours=_numbers([0.0 if one is None else one for one in ours]),
        same=all(one is not None and abs(one - their) < 1e-5 for their, one in pairs),
    )


def _near(what: str, theirs: str, ours: str, apart: float) -> Published:
    return Published(what=what, published=theirs, ours=ours, same=apart < 2e-6)


def _numbers(values: list[float]) -> str:
    return f"{values[0]:.5f} [{values[1]:.5f}, {values[2]:.5f}], p {values[3]:.5f}"
