"""Backtests that were begun from the dashboard, and the order that begins another."""

import shlex
from collections.abc import Mapping, Sequence

from flyball.core.codec import to_json
from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.loop.backtest.policies import DEFAULT, read_policies
from flyball.ports.training import Executor
from flyball.server.admin.jobs import named

_MOST = 20  # jobs since one report
_BACK = 3  # reports since whose making jobs are looked for
_FIELDS = ("start", "end", "train-until")


@record
class Going:
    """A job that was begun from here: its name, its key, how it stands, and what it said when it failed."""

    job: str
    key: str
    state: str
    message: str


@record
class Wanted:
    """What a person put together: the body of the order, the same as a command, and what is wrong with it."""

    policies: tuple[str, ...]
    other: str
    fields: Mapping[str, str]
    from_log: bool
    body: str
    command: str
    wrong: str


def going(executor: Executor, model: str, names: Sequence[str]) -> list[Going]:
    """What was begun from here since the newest reports: what runs, what failed, and what is done (which made the next of them).

    An executor does not say what it knows; but the key of a job begun here is the newest report at that time and a number.
    """
    found = []
    for base in _bases(names)[:_BACK]:
        for number in range(_MOST):
            key = f"{base}-{number}"
            job = named(model, "backtest", key)
            state = executor.poll(job)
            if state.state == "lost" and state.message.startswith("nothing is known"):
                break
            found.append(Going(job=job, key=key, state=state.state, message=state.message))
    return found


def wanted(query: Mapping[str, str], jobs: Sequence[Going], names: Sequence[str]) -> Wanted:
    """The order of what the form says; without any, of what `flyball backtest` does by itself."""
    chosen = tuple(name for name in DEFAULT if f"p-{name}" in query)
    other = query.get("policy", "").strip()[:200]
    policies = (*chosen, *((other,) if other else ()))
    fields = {name: text for name in _FIELDS if (text := query.get(name, "").strip()[:40])}
    from_log = "from-log" in query
    wrong = ""
    try:
        read_policies(policies)
    except FlyballError as error:
        wrong = str(error)
    body: dict[str, object] = {**fields, "key": _key(jobs, names)}
    if policies:
        body["policy"] = list(policies)
    if from_log:
        body["from-log"] = True
    options = [word for one in policies for word in ("--policy", one)] + (["--from-log"] if from_log else [])
    options += [word for name, text in fields.items() for word in (f"--{name}", text)]
    return Wanted(
        policies=policies or DEFAULT,
        other=other,
        fields=fields,
        from_log=from_log,
        body=to_json(body),
        command=shlex.join(["flyball", "backtest", *options]),
        wrong=wrong,
    )


def _bases(names: Sequence[str]) -> list[str]:
    return [*names[:_BACK], "none"]


def _key(jobs: Sequence[Going], names: Sequence[str]) -> str:
    """The key of the next job: who presses the same button twice, or beside somebody else, begins one."""
    base = _bases(names)[0]
    used = [int(one.key.rpartition("-")[2]) for one in jobs if one.key.rpartition("-")[0] == base]
    return f"{base}-{max(used, default=-1) + 1}"
