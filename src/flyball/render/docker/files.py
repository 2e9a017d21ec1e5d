"""`flyball render docker`: an image with everything, for loop and training, and a slim one for servers."""

import json
from collections.abc import Iterator, Sequence

from flyball.render.docker.slim import REQUIREMENTS
from flyball.render.kubernetes.naming import object_name
from flyball.render.kubernetes.pods import IN_IMAGE, PERSON, PLACE, USER
from flyball.render.records import Files, Order
from flyball.spec.records import Spec

FULL, SLIM, LIST = "Dockerfile", "Dockerfile.server", "requirements-server.txt"
_HEAD = "# Made by `flyball render docker`. Change flyball.toml and render again, rather than this file.\n"
_VENV = "/opt/venv"
_Instruction = tuple[str | list[str], ...]
_NAMED = " ".join(f"{name}={text}" for name, text in PERSON.items())
_IGNORED = (
    "**/.venv*",
    "**/__pycache__",
    "**/.flyball",
    "**/.flyball-serve",
    "**/flyball.db*",
    "**/mlflow.db*",
    "**/mlartifacts",
    "**/.dvc/cache",
    "**/.dvc/tmp",
    "**/.dvc/config.local",
    "**/.env",
    "**/.envrc",
    "**/*.env",
    "**/.netrc",
    "evaluation",
    "snapshots/*.parquet",
    ".git/config",
    ".git/config.worktree",
    ".git/hooks",
    ".git/logs",
    ".git/FETCH_HEAD",
    ".git/modules/**/config",
)
"""What is of one machine alone, and where secrets stand. The rest of `.git` goes in: a training asks it for its commit; its configuration,
in which CI systems keep a token, does not.
"""


def files(order: Order) -> Files:
    """The two Dockerfiles, what each leaves out of the project, and what the slim one installs."""
    found: dict[str, str] = {}
    for spec in order.specs:
        folder = f"{object_name(spec.model.name)}/" if len(order.specs) > 1 else ""
        found |= {
            f"{folder}{FULL}": full(spec),
            f"{folder}{FULL}.dockerignore": _HEAD + "".join(f"{name}\n" for name in _IGNORED),
            f"{folder}{SLIM}": slim(spec, order.release),
            f"{folder}{SLIM}.dockerignore": f"{_HEAD}*\n!{LIST}\n",
            f"{folder}{LIST}": _HEAD + "".join(f"{one}\n" for one in REQUIREMENTS),
        }
    return found


def full(spec: Spec) -> str:
    """Python with a compiler and git, the project, and what the spec's `install` installs, Flyball included.

    The project's folder is the user's own and where commands run: whoever gives the container a disk of its own needs nothing else. Pods
    whose root cannot be written copy it, and say where they work.
    """
    return _text(
        [
            ("FROM", f"python:{spec.deliver.python}"),
            ("ENV", f"PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH={_VENV}/bin:$PATH"),
            ("RUN", ["python", "-m", "venv", _VENV]),
            ("RUN", ["install", "-d", "-o", f"{USER}", "-g", f"{USER}", IN_IMAGE, PLACE]),
            ("RUN", ["git", "config", "--system", "--add", "safe.directory", IN_IMAGE]),
            ("RUN", ["git", "config", "--system", "--add", "safe.directory", PLACE]),
            ("WORKDIR", IN_IMAGE),
            ("COPY", f"--chown={USER}:{USER}", [".", "."]),
            ("RUN", list(spec.deliver.install)),
            ("RUN", ["flyball", "--version"]),
            ("ENV", _NAMED),
            ("USER", f"{USER}:{USER}"),
            ("ENTRYPOINT", ["flyball"]),
            ("CMD", ["--help"]),
        ]
    )


def slim(spec: Spec, release: str) -> str:
    """Only what a server needs to answer: no MLflow, no pandas, no scikit-learn, no project. It gets its model from the shared database."""
    wanted = f"flyball=={release}" if release else "flyball"
    return _text(
        [
            ("FROM", f"python:{spec.deliver.python} AS build"),
            ("ENV", f"PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH={_VENV}/bin:$PATH"),
            ("RUN", ["python", "-m", "venv", _VENV]),
            ("COPY", "", [LIST, f"/tmp/{LIST}"]),  # noqa: S108 - a stage of a build that is thrown away
            ("RUN", ["pip", "install", "-r", f"/tmp/{LIST}"]),  # noqa: S108 - as above
            ("RUN", ["pip", "install", "--no-deps", wanted]),
            ("FROM", f"python:{spec.deliver.python}-slim"),
            ("ENV", f"PYTHONUNBUFFERED=1 PATH={_VENV}/bin:$PATH"),
            ("COPY", "--from=build", [_VENV, _VENV]),
            ("RUN", ["flyball", "--version"]),
            ("ENV", _NAMED),
            ("USER", f"{USER}:{USER}"),
            ("WORKDIR", PLACE),
            ("ENTRYPOINT", ["flyball"]),
            ("CMD", ["serve"]),
        ]
    )


def _text(instructions: Sequence[_Instruction]) -> str:
    return _HEAD + "".join(f"{line}\n" for line in _lines(instructions))


def _lines(instructions: Sequence[_Instruction]) -> Iterator[str]:
    """Words go in as a JSON list, which no shell reads and nothing is filled into: whatever stands in them is said as it is."""
    for instruction in instructions:
        yield " ".join(json.dumps(one) if isinstance(one, list) else one for one in instruction if one)
