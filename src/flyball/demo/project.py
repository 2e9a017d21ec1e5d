"""Writes an example project into a folder: its files as shipped, and its data made on the spot. Never overwrites."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.core.errors import DataError, RefusedError, UsageError
from flyball.core.schema import did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# Example → the data file that is made for it.
EXAMPLES = {"churn": "data/customers.csv", "flights": "data/flights.parquet"}

# Packaged under another name, so that no tool takes it for the package's own.
_RENAMED = {"gitignore": ".gitignore"}


def write_example(name: str, folder: Path) -> list[str]:
    """Write an example's files and make its data; give the names of what was written, relative to the folder."""
    if name not in EXAMPLES:
        raise UsageError(f"there is no example {name!r}{did_you_mean(name, EXAMPLES)}", hint=f"examples: {', '.join(EXAMPLES)}")
    texts = example_files(name)
    data = EXAMPLES[name]
    refuse_existing(folder, [*texts, data])
    if name == "flights":
        from flyball.demo.dataset import load_flights, write_flights

        flights = load_flights()  # first, so that nothing is written when the data is not installed
        write_texts(folder, texts)
        write_flights(flights, folder / data)
    else:
        write_texts(folder, texts)
        _generate(folder)
    return [*texts, data]


def example_files(name: str) -> dict[str, str]:
    """The files of an example: name in the project → text."""
    return {
        _RENAMED.get(entry.name, entry.name): entry.read_text(encoding="utf-8")
        for entry in sorted(_entries(name), key=lambda entry: entry.name)
    }


def refuse_existing(folder: Path, names: Iterable[str]) -> None:
    """RefusedError that lists what is there already, if anything is."""
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise RefusedError(
            f"nothing was written: {', '.join(there)} exist{'s' if len(there) == 1 else ''} already in {folder.resolve()}",
            hint="go to an empty folder, or name a new one: flyball init NAME",
        )


def write_texts(folder: Path, texts: dict[str, str]) -> None:
    """Write new files; one that appeared meanwhile is an error, not overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)


def _entries(name: str) -> list[Traversable]:
    return [entry for entry in files("flyball.examples").joinpath(name).iterdir() if entry.is_file() and not entry.name.endswith(".pyc")]


def _generate(folder: Path) -> None:
    """Run the project's own generator, as its README tells a user to."""
    done = subprocess.run([sys.executable, "generate.py"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"generate.py in {folder} failed", hint=done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "")
