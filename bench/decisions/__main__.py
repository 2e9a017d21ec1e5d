"""How often decisions are wrong, and how soon they come: simulated rollouts between versions whose difference is known.

    python -m bench.decisions [--quick] [--runs 500] [--docs FOLDER]

Prints the goals and writes `docs/decisions-performance.md`; with --quick or --runs the page goes to `bench/results/` instead.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.decisions import aa, page
from bench.decisions.flights import flights
from bench.decisions.power import power
from bench.decisions.vectors import published

from flyball.core.errors import UnsupportedError

_HERE = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> bool:
    """Measure, print, write; say whether every goal is met."""
    options = _options(arguments)
    run = measured(options.runs, quick=options.quick)
    print(page.markdown(run))
    for what, goal, said, met in page.goals(run):
        print(f"{'yes' if met else 'NO':4}{what}: {goal}: {said}")
    whole = not options.quick and options.runs == 500
    print(f"written: {page.write(run, options.docs or (_HERE.parent / 'docs' if whole else _HERE / 'results'))}")
    return all(met for _, _, _, met in page.goals(run))


def measured(runs: int, *, quick: bool) -> page.Run:
    """One run: `runs` simulated rollouts of each kind."""
    days, rows = (20, 200) if quick else (40, 300)
    outcomes = 4000 if quick else 20_000
    promoted = [
        _said(aa.by_outcome(runs, outcomes)),
        _said(aa.by_outcome(runs, outcomes, share=0.05, seed=11)),
        _said(aa.by_days(runs, days, rows)),
        _said(aa.by_days(runs, days, rows, share=0.2, seed=12)),
        _said(aa.by_steps(runs, days // 3, 4 * rows)),
        _said(aa.paired(runs, 60)),
    ]
    absent = ""
    try:
        promoted += [_said(one) for one in flights(3 if quick else max(runs // 5, 1), days=20 if quick else 40, trees=10 if quick else 50)]
    except UnsupportedError as error:
        absent = f"flights, because {error}"
    ringing = [_said(aa.split(10 * runs, outcomes)), _said(aa.split(10 * runs, outcomes, share=0.05, seed=13))]
    powers = [power(max(runs // 2, 10), most=20_000 if quick else 60_000)]
    print("power done", flush=True)
    return page.Run(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        quick=quick,
        promoted=promoted,
        ringing=ringing,
        powers=powers,
        peeks=aa.peeking(2 * runs, outcomes),
        vectors=published(),
        absent=absent,
    )


def _said(found: aa.Share) -> aa.Share:
    print(f"{found.what}: {found.hits} of {found.runs}", flush=True)
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.decisions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few runs of everything: does it work?")
    parser.add_argument("--runs", type=int, help="simulated rollouts of each kind (default 500)")
    parser.add_argument("--docs", type=Path, help="where the page is written")
    options = parser.parse_args(arguments)
    options.runs = options.runs or (20 if options.quick else 500)
    return options


if __name__ == "__main__":
    main()
