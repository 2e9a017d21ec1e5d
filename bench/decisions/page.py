"""`docs/decisions-performance.md`, written from a run and from nothing else."""

from pathlib import Path

from bench.decisions.aa import Peeking, Share
from bench.decisions.power import Power
from bench.decisions.vectors import Published

from flyball.core.record import record

NAME = "decisions-performance.md"
MOST_PROMOTED, MOST_RINGING, MOST_ROWS = 0.05, 0.001, 2.5
_HOW = """## How to read this

- **Equally good versions.** Both arms draw from one distribution, so every promotion is a mistake. A rollout looks after every outcome (or
  every day) and is promoted the first time its lower bound lies above zero. The bound is one-sided at 5 %, over all looks together.
- **Days** differ by more than their rows explain, and **units** come back on other days and differ too: both are drawn that way. On flights
  nothing is drawn but which aircraft are in which half and where in the year the rollout begins. In the canary each day favours one of the
  two versions by chance, and its twelve steps are over within the first day.
- **Sample ratio**: an honest split, tested after every unit. The product tests two of them, units asked and units with labels, each at
  .0005, so that both together ring in at most one of a thousand rollouts; here one of them is held to .001.
- **Power**: the challenger is right in 3 points more of the cases; over all runs, the outcomes (both arms) that came before the lower bound
  lay above zero. The goal compares their median with what a two-sided test at 5 % needs that is looked at once, for a power of 80 %. Like
  for like is a one-sided test at the same level: half of the runs end by the median, as a test of power 50 % finds half, and likewise for
  80 %. That ratio is the price of looking as often as one likes.
- **Peeking**: one stream without a difference. The naive test is two-sided at 5 %; "after every row" begins at row 100.
"""


@record
class Run:
    """What was measured."""

    date: str
    quick: bool
    promoted: list[Share]
    ringing: list[Share]
    powers: list[Power]
    peeks: Peeking
    vectors: list[Published]
    absent: str = ""


def goals(run: Run) -> list[tuple[str, str, str, bool]]:
    """What was to be reached, what was measured, and whether it was."""
    found = []
    for one in run.promoted:
        found.append(
            (
                f"A/A: {one.what}",
                f"≤ {MOST_PROMOTED:.0%} promoted",
                f"{one.hits} of {one.runs} ({one.share:.1%})",
                one.share <= MOST_PROMOTED,
            )
        )
    for one in run.ringing:
        found.append((one.what, f"≤ {MOST_RINGING:.1%} ring", f"{one.hits} of {one.runs} ({one.share:.2%})", one.share <= MOST_RINGING))
    for power in run.powers:
        what = f"{power.points * 100:g} points at accuracy {power.accuracy:g}, balanced"
        said = f"median {power.median:,.0f} rows, fixed {power.fixed:,.0f}: {power.ratio:.2f} ×"
        found.append((what, f"≤ {MOST_ROWS} × the fixed size", said, power.ratio <= MOST_ROWS))
    said = f"naive {run.peeks.naive:.1%}, sequence {run.peeks.sequence:.1%}"
    found.append((f"peeking after each of {run.peeks.rows:,} rows", "sequence ≤ 5 %", said, run.peeks.sequence <= MOST_PROMOTED))
    if run.vectors:
        same = sum(one.same for one in run.vectors)
        found.append(("published values", "all", f"{same} of {len(run.vectors)}", same == len(run.vectors)))
    return found


def markdown(run: Run) -> str:
    """The page."""
    lines = ["| | goal | measured | met |", "|---|---|---|---|"]
    lines += [f"| {what} | {goal} | {said} | {'yes' if met else '**no**'} |" for what, goal, said, met in goals(run)]
    parts = [
        "# How often decisions are wrong, and how soon they come",
        "Written by `make bench-decisions`; every figure on this page is from one run of it.",
        f"{run.date}{', a quick run' if run.quick else ''}.",
        "## The goals",
        "\n".join(lines),
        "## Looking again and again",
        _peeking(run.peeks),
        *(["## Power", _powers(run.powers)] if run.powers else []),
        *(["## Published values", _vectors(run.vectors)] if run.vectors else []),
        *([f"Not measured: {run.absent}"] if run.absent else []),
        _HOW.strip(),
    ]
    return "\n\n".join(parts) + "\n"


def write(run: Run, folder: Path) -> Path:
    """Write the page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(markdown(run), encoding="utf-8")
    return folder / NAME


def _peeking(found: Peeking) -> str:
    looks = [*found.looks.items()]
    head = "| looks | " + " | ".join(str(count) for count, _ in looks) + " | after every row | the sequence, after every row |"
    rule = "|---" * (len(looks) + 3) + "|"
    row = "| called different | " + " | ".join(f"{share:.1%}" for _, share in looks) + f" | {found.naive:.1%} | {found.sequence:.1%} |"
    return f"{found.runs:,} streams of {found.rows:,} rows without any difference.\n\n{head}\n{rule}\n{row}"


def _powers(found: list[Power]) -> str:
    lines = ["| difference | runs | found | median rows | 80 % within | 90 % within |", "|---|---|---|---|---|---|"]
    for one in found:
        lines.append(
            f"| {one.points * 100:g} points at {one.accuracy:g} | {one.runs} | {one.found:.1%} | {one.median:,.0f} | {one.eighty:,.0f} "
            f"| {one.ninety:,.0f} |"
        )
    lines += ["", "Beside a test that is looked at once:", "", "| | it needs | the sequence | ratio |", "|---|---|---|---|"]
    for one in found:
        lines.append(f"| two-sided, power 80 %, against the median (the goal) | {one.fixed:,.0f} | {one.median:,.0f} | {one.ratio:.2f} × |")
        rows = (("one-sided, power 50 %, against the median", one.median), ("one-sided, power 80 %, against the 80 %", one.eighty))
        for (what, ours), once in zip(rows, one.alike, strict=True):
            lines.append(f"| {what} | {once:,.0f} | {ours:,.0f} | {ours / once:.2f} × |")
    return "\n".join(lines)


def _vectors(found: list[Published]) -> str:
    lines = ["| value | published | ours |", "|---|---|---|"]
    lines += [f"| {one.what} | {one.published} | {one.ours}{'' if one.same else ' (**differs**)'} |" for one in found]
    return "\n".join(lines)
