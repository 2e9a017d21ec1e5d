"""The child process, `python -m flyball.adapters.child.main`: commands come in on stdin, one JSON object a line; answers go out likewise.

What the project's own code prints, and whatever it reads, is kept apart from both: its stdout is this process's stderr, its stdin is
empty. When the parent goes away, stdin ends, and this process takes everything the project's code started with it.
"""

import importlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from flyball.adapters.child.limits import limit_memory
from flyball.core.errors import FlyballError

# What a fit will need, imported while the parent is busy with something else.
_WARM = ("numpy", "pandas", "flyball.adapters.pandas.frames", "sklearn.ensemble", "cloudpickle", "flyball.adapters.sklearn.compile")


def main() -> int:
    """Answer commands until there are no more."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8")
    os.dup2(2, 1)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text stream
    project = Path(sys.argv[1])
    hello = json.loads(commands.readline())
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):  # of a run around this one: its experiment is not the project's
        os.environ.pop(name, None)
    os.environ.update(hello["environment"])
    limit_memory(hello.get("memory", 0))
    sys.path.insert(0, str(project))
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, waiting), daemon=True).start()
    verbs = _verbs(project, replies, hello)
    warm = list(_WARM)
    while True:
        while warm and waiting.empty():
            _warm(warm.pop(0))
        command = waiting.get()
        _say(replies, _answer(verbs, command, project))


def _verbs(project: Path, replies: IO[str], hello: dict[str, Any]) -> dict[str, Callable[[dict[str, Any]], object]]:
    """What can be asked of this process; each verb loads what it needs when it is asked."""
    from flyball.adapters.mlflow.in_child import RunWatch

    runs = RunWatch(
        tracking_uri=hello["tracking_uri"],
        artifacts=hello["artifacts"],
        lock=Path(hello["lock"]) if hello["lock"] else None,
        tell=lambda run_id: _say(replies, {"run": run_id}),
    )
    runs.install()

    def prepare(command: dict[str, Any]) -> object:
        from flyball.adapters.child.prepare import run_steps

        return run_steps(command, project)

    def fit(command: dict[str, Any]) -> object:
        from flyball.adapters.child.fit import run_fit

        return run_fit(command, project, runs)

    def score(command: dict[str, Any]) -> object:
        from flyball.adapters.child.score import run_score

        return run_score(command)

    def embed(command: dict[str, Any]) -> object:
        from flyball.adapters.child.embed import run_embed

        return run_embed(command)

    def schema(command: dict[str, Any]) -> object:
        from flyball.adapters.child.validate import run_schema

        return run_schema(command, project)

    def tests(command: dict[str, Any]) -> object:
        from flyball.adapters.child.model_tests import run_model_tests

        return run_model_tests(command, project)

    return {"prepare": prepare, "schema": schema, "fit": fit, "score": score, "embed": embed, "tests": tests}


def _answer(verbs: dict[str, Callable[[dict[str, Any]], object]], command: dict[str, Any], project: Path) -> dict[str, object]:
    from flyball.adapters.child.user_code import explain

    try:
        return {"ok": verbs[command["do"]](command)}
    except FlyballError as error:
        return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}
    except BaseException as error:  # noqa: BLE001 - a bug of ours must reach the parent as an answer, or it would wait for ever
        return {"error": {"kind": "FlyballError", "message": f"the training process failed: {error!r}", "hint": explain(error, project)}}


def _say(replies: IO[str], message: dict[str, object]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _listen(commands: IO[str], waiting: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in commands:
        waiting.put(json.loads(line))
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _warm(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        # It will be asked for again when it is needed, and fail there with a context.
        print(f"flyball: {module} cannot be imported: {error}", file=sys.stderr)  # noqa: T201 - this process's stderr is the log


if __name__ == "__main__":
    sys.exit(main())
