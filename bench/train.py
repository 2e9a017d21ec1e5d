"""What `flyball train` costs over the bare fit and metrics, and what starting costs: whole processes, alternated, medians.

    python bench/train.py [--rounds 5] [--example churn]

Prints wall and CPU seconds of a script that only reads, prepares, fits and computes metrics, of the first `flyball train` in a project,
and of further ones (forced, so that nothing is found again), and the differences. Goals: at most 4 s more, 8 s the first time.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import sys
import pandas as pd
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, roc_auc_score
import pipeline
from flyball_bench import FEATURES, TARGET, TIME, SOURCE, PARAMS
frame = pd.read_csv(SOURCE) if SOURCE.endswith(".csv") else pd.read_parquet(SOURCE)
frame = pipeline.prepare(frame)
frame = frame[frame[TARGET].notna()].sort_values(TIME)
cut = int(len(frame) * 0.8)
train, test = frame.iloc[:cut], frame.iloc[cut:]
model = pipeline.train(train[FEATURES], train[TARGET].astype(int), **PARAMS)
score, actual = model.predict_proba(test[FEATURES])[:, 1], test[TARGET].astype(int)
print(roc_auc_score(actual, score), brier_score_loss(actual, score), accuracy_score(actual, score >= 0.5), f1_score(actual, score >= 0.5))
"""


def run(words: list[str], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a process and its children; a failure ends the bench."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_bare(folder: Path) -> None:
    """The bare script, told what the spec says."""
    from flyball.spec.load import load_spec

    spec = load_spec(folder)
    values = {
        "FEATURES": list(spec.data.features or ()),
        "TARGET": spec.data.target,
        "TIME": spec.data.time,
        "SOURCE": spec.data.source,
        "PARAMS": dict(spec.train.params),
    }
    (folder / "flyball_bench.py").write_text("".join(f"{name} = {value!r}\n" for name, value in values.items()))
    (folder / "bare.py").write_text(BARE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--example", choices=["churn", "flights"], default="churn")
    options = parser.parse_args()
    flyball = [sys.executable, "-m", "flyball"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        run([*flyball, "init", str(folder), "--example", options.example], Path(scratch))
        write_bare(folder)
        run([sys.executable, "bare.py"], folder)  # the file cache is warm for both from here on
        first = run([*flyball, "train"], folder)
        bare, again = [], []
        for _ in range(options.rounds):
            bare.append(run([sys.executable, "bare.py"], folder))
            again.append(run([*flyball, "train", "--force"], folder))
    wall, cpu = (statistics.median(values) for values in zip(*bare, strict=True))
    more_wall, more_cpu = (statistics.median(values) for values in zip(*again, strict=True))
    print(f"example {options.example}, {options.rounds} alternated rounds, medians, seconds")
    print(f"{'':34}{'wall':>8}{'cpu':>8}")
    print(f"{'bare fit and metrics':34}{wall:8.2f}{cpu:8.2f}")
    print(f"{'flyball train':34}{more_wall:8.2f}{more_cpu:8.2f}")
    print(f"{'over the bare fit (goal 4)':34}{more_wall - wall:8.2f}{more_cpu - cpu:8.2f}")
    print(f"{'first flyball train in a project':34}{first[0]:8.2f}{first[1]:8.2f}")
    print(f"{'over the bare fit (goal 8)':34}{first[0] - wall:8.2f}{first[1] - cpu:8.2f}")


if __name__ == "__main__":
    main()
