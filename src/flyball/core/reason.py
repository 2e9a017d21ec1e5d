"""Why something is so: a code with values. Its sentence is made at the edge, in the reader's language (`words/`)."""

from collections.abc import Mapping

from flyball.core.record import record

Value = str | int | float | bool | None


@record
class Reason:
    """A stable code such as `gate.bound_passed` and the values its sentence names."""

    code: str
    values: Mapping[str, Value]


def because(code: str, **values: Value) -> Reason:
    """Shorthand: `because("suppressed.outcomes", found=37, needed=500)`."""
    return Reason(code=code, values=values)
