"""Who asks, and who answered: what has no place in a foreign protocol's bodies stands in headers."""

from typing import NamedTuple

from flyball.core.errors import RequestError
from flyball.server.answers import Headers, Scope
from flyball.server.predict import Inferred
from flyball.serving.codecs import name_of, time_of

_PREFIX = b"x-flyball-"
UNIT = "X-Flyball-Unit"
PREDICTION_ID = "X-Flyball-Prediction-Id"
AT = "X-Flyball-At"
_NAMES = {name.lower().encode(): name for name in (UNIT, PREDICTION_ID, AT)}


class Caller(NamedTuple):
    """What the headers of a request say: the unit it is about, the client's own id for it, and when it is for (microseconds)."""

    unit: str | None = None
    name: str | None = None
    at: int | None = None

    def client_ids(self, rows: int) -> list[str | None] | None:
        """The client's id of each row: the header itself for one row; for many, row n of the request named X is `X/n`, from 0."""
        if self.name is None:
            return None
        if rows == 1:
            return [self.name]
        name_of(f"{self.name}/{rows}", PREDICTION_ID)
        return [f"{self.name}/{number}" for number in range(rows)]


_NOBODY = Caller()


def caller_of(scope: Scope) -> Caller:
    """The caller of a request; RequestError names the header that is no id or no time."""
    found: dict[str, str] | None = None
    for key, value in scope["headers"]:
        if not key.startswith(_PREFIX):
            continue
        name = _NAMES.get(key)
        if name is None:
            continue
        if found is None:
            found = {}
        if name in found:
            raise RequestError(f"the header {name} stands twice in the request", field=name)
        try:
            found[name] = value.decode()
        except UnicodeDecodeError:
            raise RequestError(f"the header {name} is not UTF-8", field=name) from None
    if found is None:
        return _NOBODY
    at = found.get(AT)
    return Caller(name_of(found.get(UNIT), UNIT), name_of(found.get(PREDICTION_ID), PREDICTION_ID), None if at is None else time_of(at, AT))


def answered_by(inferred: Inferred) -> Headers:
    """Which version answered, as what, and for one row under which id: by it its outcome is told."""
    first = inferred.rows[0]
    headers = [(b"x-flyball-version", b"%d" % first.version), (b"x-flyball-variant", first.variant.encode())]
    if len(inferred.rows) == 1:
        headers.append((b"x-flyball-prediction-id", first.prediction_id.encode()))
    return headers
