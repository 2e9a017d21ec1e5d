"""What starting costs: `flyball --help`, `import flyball`, and the memory of a server process; medians of whole processes.

    python bench/start.py [--rounds 9]

Goals: help 300 ms, import 150 ms, a server process 150 MB resident with the demo's model.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil


def milliseconds(words: list[str], rounds: int) -> float:
    """The median wall time of a command, after one run to warm the file cache."""
    spent = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent[1:])


def server_memory() -> dict[str, float]:
    """Resident MB of each process of a server of the flights model after some predictions: the workers and the supervisor."""
    flyball = [sys.executable, "-m", "flyball"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        subprocess.run([*flyball, "init", str(folder), "--example", "flights"], check=True, capture_output=True)
        subprocess.run([*flyball, "-C", str(folder), "train", "--now", "2013-03-01T00:00:00Z"], check=True, capture_output=True)
        server = subprocess.Popen([*flyball, "-C", str(folder), "serve", "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            url = ""
            assert server.stderr is not None
            for line in server.stderr:
                found = re.search(r"answers at (http://\S+)/predict", line)
                if found:
                    url = found[1]
                    break
            from flyball.api.client import Client

            with Client(url) as client:
                features = {
                    "carrier": "UA", "origin": "EWR", "dest": "IAH", "hour": 5, "minute": 15, "weekday": 1, "arrival_hour": 8.3,
                    "distance": 1400, "temp": 39.0, "dewp": 28.0, "humid": 64.0, "wind_dir": 260.0, "wind_speed": 12.7, "precip": 0.0,
                    "pressure": 1011.9, "visib": 10.0,
                }  # fmt: skip
                for _ in range(2000):
                    client.predict(features)
            parent = psutil.Process(server.pid)
            found_mb = {"supervisor": parent.memory_info().rss / 1e6}
            for number, child in enumerate(parent.children(recursive=True)):
                found_mb[f"worker {number}"] = child.memory_info().rss / 1e6
            return found_mb
        finally:
            server.terminate()
            server.wait(30)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    bare = milliseconds([sys.executable, "-c", "pass"], rounds)
    print(f"python itself           {bare:7.0f} ms")
    print(f"import flyball          {milliseconds([sys.executable, '-c', 'import flyball'], rounds):7.0f} ms   (goal 150)")
    print(f"flyball --help          {milliseconds([sys.executable, '-m', 'flyball', '--help'], rounds):7.0f} ms   (goal 300)")
    for name, size in server_memory().items():
        print(f"server, {name:15} {size:7.0f} MB   (goal 150 a worker)")


if __name__ == "__main__":
    main()
