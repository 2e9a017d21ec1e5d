"""To which prediction an outcome belongs: the rules, for every outcome log alike."""

import math
from datetime import timedelta

from flyball.core.record import record
from flyball.core.window import format_duration, from_micros, to_micros
from flyball.serving.records import Label, Outcome, Rejected


@record
class Candidate:
    """The prediction an outcome names: its event time and the outcome it already has."""

    at: int
    actual: Label | None = None
    outcome_at: int | None = None


def name_of(outcome: Outcome) -> str:
    """What an outcome calls its prediction: an id, else an entity, else a unit."""
    return outcome.prediction_id or outcome.entity or outcome.unit or ""


def malformed(outcome: Outcome) -> Rejected | None:
    """Why an outcome cannot be taken, whatever predictions there are."""
    if not name_of(outcome):
        return _rejected(outcome, "malformed", "an outcome needs a prediction_id, an id or a unit")
    if outcome.at.tzinfo is None:
        return _rejected(outcome, "malformed", f"its time {outcome.at.isoformat()} has no time zone")
    actual: object = outcome.actual  # whatever a caller without types gave
    if not isinstance(actual, str | int | float):
        return _rejected(outcome, "malformed", "actual must be a text, a number or a boolean")
    if isinstance(actual, float) and not math.isfinite(actual):
        return _rejected(outcome, "malformed", "actual is not a finite number")
    if isinstance(actual, int) and not -(2**63) <= actual < 2**63:
        return _rejected(outcome, "malformed", "actual does not fit in 64 bits")
    value: object = outcome.value
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value)):
        return _rejected(outcome, "malformed", "value must be a finite number")
    for text in (actual, outcome.prediction_id, outcome.entity, outcome.unit):
        if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
            return _rejected(outcome, "malformed", "it holds text that is not valid Unicode")
    return None


@record
class Nearest:
    """Event times of predictions of the outcome's entity or unit that do not fit: the latest that is too old, the first that is later."""

    older: int | None = None
    later: int | None = None


def unknown(outcome: Outcome, nearest: Nearest, *, within: timedelta) -> Rejected:
    """No prediction fits; what comes nearest says why: made after the outcome, or longer before it than `within`."""
    if outcome.prediction_id is not None:
        return _rejected(outcome, "unknown", f"there is no prediction {outcome.prediction_id!r}")
    what = "id" if outcome.entity else "unit"
    at = to_micros(outcome.at)
    told = _time(at)
    if nearest.older is not None and (nearest.later is None or at - nearest.older <= nearest.later - at):
        error = (
            f"the latest prediction for {what} {name_of(outcome)!r}, made for {_time(nearest.older)}, is "
            f"{_age(at - nearest.older)} older than this outcome; outcomes told by {what} are joined within data.matures "
            f"= {format_duration(within)}: tell it by prediction_id, or raise matures"
        )
        return _rejected(outcome, "unknown", error)
    if nearest.later is not None:
        error = f"the outcome at {told} lies before the prediction for {what} {name_of(outcome)!r}, made for {_time(nearest.later)}"
        return _rejected(outcome, "malformed", error)
    return _rejected(outcome, "unknown", f"there is no prediction for {what} {name_of(outcome)!r} before {told}")


def ambiguous(outcome: Outcome, at: int) -> Rejected:
    """Several predictions made for this same time fit, and none more than the others."""
    what = "id" if outcome.entity else "unit"
    error = f"several predictions for {what} {name_of(outcome)!r} were made for {_time(at)}: tell the outcome by prediction_id"
    return _rejected(outcome, "ambiguous", error)


def refused(outcome: Outcome, found: Candidate) -> Rejected | None:
    """Why the prediction that fits does not take this outcome, if it does not."""
    if to_micros(outcome.at) < found.at:
        return _rejected(
            outcome, "malformed", f"the outcome at {_time(to_micros(outcome.at))} lies before its prediction, made for {_time(found.at)}"
        )
    if found.outcome_at is None:
        return None
    if found.actual == outcome.actual:
        return _rejected(outcome, "twice", f"this outcome is known already, since {_time(found.outcome_at)}")
    return _rejected(
        outcome,
        "twice",
        f"the prediction has the outcome {found.actual!r} already, since {_time(found.outcome_at)}; {outcome.actual!r} was not taken",
    )


def _rejected(outcome: Outcome, why: str, error: str) -> Rejected:
    return Rejected(prediction_id=name_of(outcome), why=why, error=error)  # type: ignore[arg-type]  # one of the four


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every double
        return False


def _age(span: int) -> str:
    return str(timedelta(microseconds=span)).removesuffix(", 0:00:00")


def _time(at: int) -> str:
    return from_micros(at).isoformat()
