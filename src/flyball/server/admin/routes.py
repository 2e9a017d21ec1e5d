"""The admin routes as one table: what each takes, what it is for, and the function that does it. To add one, add a row."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct, field

Version = Annotated[int, Meta(ge=1, le=2**31, description="a version's number")]
Text = Annotated[str, Meta(max_length=1000)]
Why = Annotated[str, Meta(min_length=1, max_length=1000, pattern="\\S", description="why; it stays in the journal")]
Time = Annotated[str, Meta(max_length=40, description="a time such as 2026-01-31T00:00:00Z")]
Span = Annotated[str, Meta(max_length=20, description="a duration such as 24h")]
Key = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", description="the same key again starts nothing new")]


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request of a route says, beside who sends it and when. A route that takes nothing takes this."""


class OfVersion(Order, frozen=True, kw_only=True):
    """About one version."""

    version: Version


class After(Order, frozen=True, kw_only=True):
    """A part of the journal: at most `limit` entries with a higher number than `after`."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class Promote(Order, frozen=True, kw_only=True):
    """Another champion (`production`), a challenger that answers `share` of the units (`staging`), or no challenger any more (`none`)."""

    version: Version
    to: Literal["production", "staging", "none"] = "production"
    share: Annotated[float, Meta(ge=0, le=1)] | None = None
    force: bool = False
    reason: Text = ""


class WithReason(Order, frozen=True, kw_only=True):
    """Why; it stays in the journal."""

    reason: Text = ""


class Because(Order, frozen=True, kw_only=True):
    """Why; without it nothing is done."""

    reason: Why


class Judged(Order, frozen=True, kw_only=True):
    """Which version's promotion, and why."""

    version: Version
    reason: Why


class Retrains(Order, frozen=True, kw_only=True):
    """With `all`, the triggers that were put off as well."""

    all: bool = False


class History(Order, frozen=True, kw_only=True):
    """One time (`at`), or a span whose changes are listed; without either, every change."""

    at: Time | None = None
    since: Time | None = field(default=None, name="from")
    until: Time | None = field(default=None, name="to")


class OfPrediction(Order, frozen=True, kw_only=True):
    """About one prediction: the server's id or the client's."""

    prediction_id: Annotated[str, Meta(min_length=1, max_length=400)]


class Verify(Order, frozen=True, kw_only=True):
    """`expect`: what `flyball journal --head` printed once, SEQ:HASH."""

    expect: Annotated[str, Meta(max_length=100)] | None = None


class Freeze(Order, frozen=True, kw_only=True):
    """Why, and for how long (without: until it is thawed)."""

    reason: Annotated[str, Meta(min_length=1, max_length=1000)]
    length: Span | None = field(default=None, name="for")


class Silence(Order, frozen=True, kw_only=True):
    """Which alerts nobody is told of, why and for how long; with `end`, the silence of this pattern ends now."""

    pattern: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Text = ""
    length: Span | None = field(default=None, name="for")
    end: bool = False


class OfJob(Order, frozen=True, kw_only=True):
    """About one job."""

    job: Annotated[str, Meta(pattern="^admin-[a-z]+-[0-9a-f]{8,64}$")]


class Train(Order, frozen=True, kw_only=True):
    """Train a version on the newest data, whatever was trained before. It is judged by its gate, and not promoted by this."""

    force: bool = False
    window: Span | None = None
    key: Key | None = None


class Replay(Order, frozen=True, kw_only=True):
    """Ask `candidate` the newest logged requests once more: the `last` so many, of the time `since`."""

    candidate: Version
    against: Version | None = None
    last: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    since: Span | None = None
    key: Key | None = None


class Reproduce(Order, frozen=True, kw_only=True):
    """Train `version` again from what is recorded."""

    version: Version
    key: Key | None = None


class Backtest(Order, frozen=True, kw_only=True):
    """Replay history under several policies."""

    policy: Annotated[Sequence[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=20)] = ()
    from_log: bool = field(default=False, name="from-log")
    start: Time | None = None
    end: Time | None = None
    train_until: Time | None = field(default=None, name="train-until")
    step: Span | None = None
    within: Span | None = None
    metric: Annotated[str, Meta(max_length=60)] | None = None
    seed: Annotated[int, Meta(ge=0)] | None = None
    key: Key | None = None


class Route(NamedTuple):
    """One route below `/admin/` (or `/admin/models/NAME/`). `run` names a function `(desk, order) -> answer`; it is imported when first
    asked for. Parts of the path in braces, the query of a GET and the body of a POST make the order. `status`: of the answer.
    """

    method: Literal["GET", "POST"]
    path: str
    about: str
    run: str
    takes: type[Order] = Order
    status: int = 200


_DO = "flyball.server.admin.verbs:"
_ROLLOUT = "flyball.server.admin.rollouts:"
_PAST = "flyball.server.admin.past:"
_JOB = "flyball.server.admin.jobs:"

ROUTES: tuple[Route, ...] = (
    Route("GET", "status", "What serves, what runs, what comes next", _DO + "status"),
    Route("GET", "versions", "Every version, with aliases, metrics and gate", _DO + "versions"),
    Route("GET", "why/{version}", "Every decision about a version, with its evidence", _DO + "why", OfVersion),
    Route("GET", "journal", "What happened, entry by entry, with a sentence each", _DO + "journal", After),
    Route("GET", "journal/verify", "Whether anybody edited the journal, and where", _PAST + "verify", Verify),
    Route("GET", "history", "What was in production at a time, or what changed it", _PAST + "history", History),
    Route("GET", "retrains", "Every training: why, what it cost, what it bought", _PAST + "retrains", Retrains),
    Route("GET", "trace/{prediction_id}", "From a prediction back to version, run, commit and data", _PAST + "trace", OfPrediction),
    Route("GET", "rollout", "How the comparison of a new version stands, and what waits for approval", _ROLLOUT + "rollout"),
    Route("GET", "experiment", "The rollout that runs, or the last: arms, gain, bounds, what follows", _ROLLOUT + "experiment"),
    Route("POST", "rollout/pause", "Let the challenger answer nobody until resumed", _ROLLOUT + "pause", Because),
    Route("POST", "rollout/resume", "Let a paused rollout go on", _ROLLOUT + "resume", Because),
    Route("POST", "rollout/abort", "End the rollout undecided: the champion stays", _ROLLOUT + "abort", Because),
    Route("POST", "approve", "Let a promotion that waits go through", _ROLLOUT + "approve", Judged),
    Route("POST", "decline", "Refuse a promotion that waits", _ROLLOUT + "decline", Judged),
    Route("POST", "promote", "Make a version champion or challenger, or take the challenger away", _DO + "promote", Promote),
    Route("POST", "rollback", "Give the champion's place back to the version before it", _DO + "rollback", WithReason),
    Route("POST", "freeze", "Stop the loop from promoting and training; serving goes on", _DO + "freeze", Freeze),
    Route("POST", "thaw", "Let the loop act again", _DO + "thaw", WithReason),
    Route("POST", "silence", "Tell nobody of some alerts for a while, or again", _DO + "silence", Silence),
    Route("POST", "jobs/train", "Start a training", _JOB + "start", Train, 202),
    Route("POST", "jobs/replay", "Start a replay of logged requests through a version", _JOB + "start", Replay, 202),
    Route("POST", "jobs/reproduce", "Start training a version again, to see whether it comes out the same", _JOB + "start", Reproduce, 202),
    Route("POST", "jobs/backtest", "Start a comparison of policies over history", _JOB + "start", Backtest, 202),
    Route("GET", "jobs/{job}", "How a job stands, and what came of it", _JOB + "show", OfJob),
    Route("POST", "jobs/{job}/cancel", "End a job and everything it started", _JOB + "cancel", OfJob),
)


def fits(route: Route, path: Sequence[str]) -> dict[str, str] | None:
    """The parts of a path that stand for the braces in a route's; None if the path is another."""
    wanted = route.path.split("/")
    if len(wanted) != len(path):
        return None
    pairs = list(zip(wanted, path, strict=True))
    if any(want != part for want, part in pairs if not want.startswith("{")):
        return None
    return {want[1:-1]: part for want, part in pairs if want.startswith("{")}


def schema_of(takes: type[Order]) -> dict[str, Any]:
    """The JSON schema of an order: its properties, and which of them must be there."""
    found = msgspec.json.schema(takes)["$defs"][takes.__name__]
    return {"type": "object", "properties": found["properties"], "required": found["required"], "additionalProperties": False}


def described() -> list[Mapping[str, object]]:
    """The table for whoever asks `/admin` what there is."""
    return [
        {"method": one.method, "path": f"/admin/{one.path}", "about": one.about, "takes": schema_of(one.takes)["properties"]}
        for one in ROUTES
    ]
