"""The demo over several seeds: does the loop pay, and is a harmful candidate kept out?

    python bench/seeds.py [--seeds 0 1 2 3 4] [--days N]

Runs `flyball demo --json` once per seed (about five minutes each) and prints, per seed and on average, the mean monthly ROC AUC and
Brier score of the loop, of the frozen first model and of as many evenly spaced retrainings, and every decision. The seed is the forest's:
the year is one and the same, so the spread over seeds is not the uncertainty of the policy.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROWS = ("loop", "frozen", "scheduled")


def demo(seed: int, days: int | None) -> dict[str, Any]:
    """One run of the demo, as its JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        words = [sys.executable, "-m", "flyball", "demo", "--json", "--seed", str(seed), "--folder", str(Path(scratch) / "demo")]
        done = subprocess.run([*words, *(["--days", str(days)] if days else [])], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"seed {seed} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run, print each seed as it comes, then the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--days", type=int)
    options = parser.parse_args()
    runs = []
    print(
        f"{'seed':>5}{'retrains':>9}"
        + "".join(f"{name + ' AUC':>15}" for name in ROWS)
        + "".join(f"{name + ' Brier':>17}" for name in ROWS)
    )
    for seed in options.seeds:
        run = demo(seed, options.days)
        runs.append(run)
        auc, brier = run["mean_roc_auc"], run["mean_brier"]
        figures = "".join(f"{auc[name]:15.4f}" for name in ROWS) + "".join(f"{brier[name]:17.4f}" for name in ROWS)
        print(f"{seed:5}{run['retrains']['loop']:9}{figures}   {run['failed_requests']} failed, {run['seconds']:.0f} s", flush=True)
    for other in ROWS[1:]:
        gains = [run["mean_roc_auc"]["loop"] - run["mean_roc_auc"][other] for run in runs]
        better = [run["mean_brier"][other] - run["mean_brier"]["loop"] for run in runs]
        spread = statistics.stdev(gains) if len(gains) > 1 else 0.0
        print(
            f"loop against {other}: AUC {statistics.mean(gains):+.4f} (sd over seeds {spread:.4f}, worst {min(gains):+.4f}), "
            f"Brier {statistics.mean(better):+.4f}"
        )
    for run in runs:
        print(f"\nseed {run['seed']}:")
        for one in run["decisions"]:
            print(f"  {one['at'][:10]} {one['action']} {one['version'] or ''} {one['reason']}")


if __name__ == "__main__":
    main()
