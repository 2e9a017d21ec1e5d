"""The parent's side of looking at a model: write the order, run the child, read its answer."""

import contextlib
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from flyball.core import errors
from flyball.core.codec import from_plain, to_json
from flyball.core.errors import FlyballError, UserCodeError
from flyball.core.record import record
from flyball.core.surroundings import for_others
from flyball.core.window import format_duration
from flyball.loop.adopt import Examined
from flyball.serving.records import Label

_LONGEST = timedelta(minutes=30)


@record
class Order:
    """What to look at, where MLflow is, whether its code may run, and the folder to leave the parts in.

    `known` are the identities that need no second look. `classes` names them where the model does not. `data` is a file with rows like
    those it will meet (empty: none).
    """

    asked: str
    tracking_uri: str
    trusted: bool
    known: tuple[str, ...]
    classes: tuple[Label, ...]
    data: str
    folder: str
    now: datetime


def examine(order: Order, *, timeout: timedelta = _LONGEST) -> Examined:
    """What a child finds; the error it ends with is raised here. What the model prints goes to standard error."""
    folder = Path(order.folder)
    folder.mkdir(parents=True, exist_ok=True)
    path, answer = folder / "order.json", folder / "answer.json"
    path.write_text(to_json(order))
    answer.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "flyball.adapters.child.examine", str(path)],
        env=for_others(os.environ),
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout.total_seconds())
    except subprocess.TimeoutExpired:
        raise UserCodeError(
            f"looking at {order.asked} took longer than {format_duration(timeout)}",
            hint="does mlflow.pyfunc.load_model(...) end?",
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
    if not answer.is_file():
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise UserCodeError(f"the process that looked at {order.asked} {how} without an answer", hint="its last words stand above")
    return _answer(answer.read_bytes())


def _answer(content: bytes) -> Examined:
    plain = msgspec.json.decode(content)
    if "ok" in plain:
        return from_plain(plain["ok"], Examined)
    name, message, hint = plain["error"]
    kind = getattr(errors, name, FlyballError)
    raise (kind if isinstance(kind, type) and issubclass(kind, FlyballError) else FlyballError)(message, hint=hint)
