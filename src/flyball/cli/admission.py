"""What a verb may do in stores that others share: reading is free, adding asks for an environment, acting for an admin token as well."""

from collections.abc import Mapping
from typing import Literal

from flyball.core.errors import RefusedError
from flyball.settings import Settings
from flyball.spec.load import environments_of
from flyball.spec.records import Spec

Reach = Literal["reads", "adds", "acts"]

INNER = "inner verb"
"""Among the options: the last word of a verb that has verbs of its own, such as `copy` of `db copy`."""

READS = (
    *(
        "init",
        "check",
        "doctor",
        "models",
        "replay",
        "monitor",
        "skew",
        "experiment",
        "backtest",
        "alerts",
        "status",
        "why",
        "trace",
        "history",
        "dashboard",  # its buttons ask for a token of their own
    ),
    *("retrains", "journal", "render", "demo", "export", "test", "package", "comment"),
)
ADDS = ("snapshot", "serve", "predict", "log", "outcomes", "tune", "reproduce")
ACTS = (
    *("adopt", "train", "register", "promote", "rollout", "approve", "decline", "rollback", "reference", "silence", "tick"),
    *("up", "freeze", "thaw", "db"),
)


def reach(verb: str, options: Mapping[str, object]) -> Reach:
    """What a verb does with these options. A verb that is not known here acts: it is refused rather than let through."""
    if verb in READS:
        return "reads"
    if verb in ADDS:
        return "adds"
    if verb == "train" and options.get("register") is False:
        return "adds"
    if verb == "rollout" and options.get("action") in (None, "status"):
        return "reads"
    if verb == "reference" and options.get("data") is None:
        return "reads"
    if (
        verb == "db"
    ):  # tables are made, and copied into while they are empty, before there is a journal that could know a token; see `allow`
        inner: Mapping[object, Reach] = {"status": "reads", "upgrade": "adds", "copy": "adds"}
        return inner.get(options.get(INNER), "acts")
    if verb == "rollback" and options.get("local"):
        return "reads"  # nothing shared is touched: the servers of this machine go back by themselves
    return "acts"


def allow(verb: str, options: Mapping[str, object], settings: Settings, spec: Spec) -> None:
    """RefusedError unless the verb may do what it does in the stores that are used."""
    wanted = reach(verb, options)
    if wanted == "reads" or not settings.is_shared:
        return
    known = environments_of(settings.folder)
    if known and not settings.environment:
        raise RefusedError(
            f"`flyball {verb}` would write to stores that others share, and no environment was chosen",
            hint=f"say which: flyball --env {known[0]} {verb} (environments: {', '.join(known)})",
        )
    if wanted == "acts":
        from flyball.wiring import admitted

        admitted(settings, spec)
    elif verb == "db" and options.get(INNER) == "upgrade":
        from flyball.wiring import may_upgrade

        may_upgrade(settings, spec)
