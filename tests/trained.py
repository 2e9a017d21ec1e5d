"""A real churn project with three versions, trained once per session, and the command line as a user calls it."""

import contextlib
import io
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyball.api.client import Client
from flyball.cli.main import main
from flyball.demo.project import example_files, write_texts
from programs import told

ROWS = 2_500
MODEL = "churn"
NOW = "2025-03-01T00:00:00Z"  # the last label of the example is known on 2025-01-30
CUSTOMER = {
    "tenure_months": 3,
    "plan": "monthly",
    "monthly_charges": 95.0,
    "support_calls": 4,
    "payment_method": "electronic check",
    "charge_per_tenure": 23.75,
    "calls_per_month": 1.0,
}


@dataclass(frozen=True)
class Said:
    """What a verb left behind: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shop:
    """The project, and what `flyball train --json` said of its three versions: champion before, champion now, one that failed its gate."""

    folder: Path
    first: Said
    second: Said
    third: Said


@contextlib.contextmanager
def only_our_warnings() -> Iterator[None]:
    """What MLflow, SQLAlchemy and DVC say about themselves is not ours to answer for; what happens in our modules is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module=r"flyball\.")
        yield


def flyball(folder: Path, *words: str) -> Said:
    """A verb in this process: what takes long to import is imported once."""
    out, err = io.StringIO(), io.StringIO()
    status: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), only_our_warnings():
        try:
            main(["-C", str(folder), *words])
        except SystemExit as left:
            status = left.code
    assert isinstance(status, int)
    return Said(status, out.getvalue(), err.getvalue())


def command(folder: Path, *words: str) -> list[str]:
    """A verb as the words of a process."""
    return [sys.executable, "-P", "-m", "flyball", "-C", str(folder), *words]


def spawn(folder: Path, *words: str) -> Said:
    """A verb in a process of its own."""
    done = subprocess.run(command(folder, *words), capture_output=True, text=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def change(folder: Path, before: str, after: str, name: str = "flyball.toml") -> None:
    """Replace a piece of a project's file, which must be there."""
    text = (folder / name).read_text()
    assert before in text, before
    (folder / name).write_text(text.replace(before, after))


def begin(folder: Path) -> Path:
    """The churn example as `flyball init` writes it, with fewer customers and smaller forests, promoted by the gate alone.

    Its holdback is there, as such a model needs one, and so small that it holds hardly anybody back.
    """
    write_texts(folder, example_files(MODEL))
    subprocess.run([sys.executable, "generate.py", "--rows", str(ROWS)], cwd=folder, check=True, capture_output=True)
    change(folder, "n_estimators = 100", "n_estimators = 20")
    change(folder, 'strategy = "experiment"', 'strategy = "immediate"')
    change(folder, "holdback = 0.05", "holdback = 0.0001")
    return folder


def make_shop(folder: Path) -> Shop:
    """Train three versions: the second is promoted by its gate, the third fails a gate nobody could pass."""
    begin(folder)
    first = flyball(folder, "train", "--json", "--now", "2025-03-01T00:00:00Z")
    change(folder, "n_estimators = 20", "n_estimators = 40")
    second = flyball(folder, "train", "--json", "--now", "2025-03-02T00:00:00Z")
    change(folder, "n_estimators = 40", "n_estimators = 5")
    change(folder, "at_least = 0.65", "at_least = 0.99")
    third = flyball(folder, "train", "--json", "--now", "2025-03-03T00:00:00Z")
    change(folder, "at_least = 0.99", "at_least = 0.65")
    return Shop(folder, first, second, third)


@contextlib.contextmanager
def running(folder: Path, *words: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`flyball serve` or `flyball up` on a free port of 127.0.0.1: its URL and its process, which is ended at the end."""
    with told(command(folder, *words, "--port", "0"), r" answers at (http://[^/\s]+)", patience=30) as found:
        yield found


def until_logged(client: Client, rows: int) -> None:
    """Wait until the server has written down what it answered, which it does within a tenth of a second."""
    until = time.monotonic() + 30
    while client.health()["log"]["logged"] < rows:
        assert time.monotonic() < until, client.health()
        time.sleep(0.02)
