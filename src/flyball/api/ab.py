"""Two models, each user always answered by the same one, and what came of it kept in a database."""

import math
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import numpy as np

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.stats.assignment import in_share

DATABASE = "flyball_ab.db"


class Model(Protocol):
    """Anything with a `predict`."""

    def predict(self, features: Any, /) -> Any:
        """Answer."""
        ...


class ABTestRouter:
    """Sends a share of the users (`ratio`) to model B and the rest to model A.

    The same user gets the same model in every process, on every machine, for ever: it follows from the user's id, the `seed` and the
    ratio alone. Raising the ratio moves users from A to B and none back. Give each experiment a seed of its own, or the same users
    will be in group B of all of them.

    Lowering the ratio moves the last ones that had joined B back to A. With `sticky`, a mapping that outlives the router (a dict, a shelf,
    a table), everybody stays where the first assignment put them, whatever the ratio is later; a share that was lowered then falls only
    as new users come.
    """

    def __init__(
        self, model_a: Model, model_b: Model, ratio: float = 0.5, *, seed: str = "ab", sticky: MutableMapping[str, str] | None = None
    ) -> None:
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or math.isnan(ratio) or not 0 <= ratio <= 1:
            raise DataError(f"ratio is the share of users for model B, between 0 and 1, not {ratio!r}")
        self.model_a = model_a
        self.model_b = model_b
        self.ratio = ratio
        self.seed = seed
        self.sticky = sticky

    def assign(self, user_id: object) -> Literal["A", "B"]:
        """Whose users this one is. An id given as a number and as text is the same user.

        >>> router = ABTestRouter(None, None, ratio=0.5)  # type: ignore[arg-type]
        >>> router.assign(7) == router.assign("7")
        True
        """
        return "B" if self._should_use_b(user_id) else "A"

    def predict(self, features: Any, user_id: object) -> Any:
        """What the user's model answers: its `predict` gets the features as they are, and its answer is returned as it is."""
        if self._should_use_b(user_id):
            return self.model_b.predict(features)
        return self.model_a.predict(features)

    def _should_use_b(self, user_id: object) -> bool:
        unit = unit_of(user_id)
        if self.sticky is None:
            return in_share(unit, self.seed, self.ratio)
        kept = self.sticky.get(unit)
        if kept is None:
            kept = self.sticky[unit] = "B" if in_share(unit, self.seed, self.ratio) else "A"
        if kept not in ("A", "B"):
            raise DataError(f"the sticky mapping has {kept!r} for the user {unit!r}", hint="it holds 'A' or 'B' for each user")
        return kept == "B"


@record
class ABResult:
    """One logged result; values come back as JSON keeps them (a numpy array as a list)."""

    at: datetime
    user_id: Any
    model_version: Any
    prediction: Any
    actual: Any


def log_ab_result(
    user_id: object,
    model_version: object,
    prediction: object,
    actual: object,
    *,
    database: str | Path | None = None,
    at: datetime | None = None,
) -> None:
    """Keep one result for later analysis, durably, with its time (`at`, by default now; a time without zone is refused).

    `database` is a SQLite file, by default `flyball_ab.db` in the working directory; many processes may write to it at once.
    """
    from flyball.adapters.sqlite.ab_results import add

    # The one place of this module that looks at a clock: the call is made where things happen, by people who give no time.
    at = datetime.now(UTC) if at is None else at
    if at.tzinfo is None:
        raise DataError(f"the time {at.isoformat()} has no zone", hint="write for example datetime.now(UTC)")
    unit_of(user_id)
    add(
        Path(DATABASE if database is None else database),
        user_id=_json("user_id", user_id),
        model_version=_json("model_version", model_version),
        prediction=_json("prediction", prediction),
        actual=_json("actual", actual),
        at=at,
    )


def ab_results(database: str | Path | None = None) -> list[ABResult]:
    """Every logged result, in the order they were logged; none if there is no such file."""
    from flyball.adapters.sqlite.ab_results import read

    decode = msgspec.json.decode
    return [
        ABResult(at=at, user_id=decode(user), model_version=decode(version), prediction=decode(prediction), actual=decode(actual))
        for at, user, version, prediction, actual in read(Path(DATABASE if database is None else database))
    ]


def unit_of(user_id: object) -> str:
    """The user an id stands for: given as a number and as text it is the same one. DataError where there is none."""
    if user_id is None or (isinstance(user_id, float) and math.isnan(user_id)) or user_id == "":
        raise DataError("a user needs an id to always get the same model", hint="without one, choose a model yourself")
    if isinstance(user_id, bytes):
        return user_id.decode("utf-8", "surrogateescape")
    return str(user_id)


def _json(what: str, value: object) -> str:
    def plain(inner: Any) -> Any:
        if isinstance(inner, np.ndarray | np.generic):
            return inner.tolist()
        raise TypeError(f"{type(inner).__name__} is not a value JSON can hold")

    try:
        return msgspec.json.encode(value, enc_hook=plain).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{what} cannot be logged: {error}", hint="log numbers, text, true/false, None, or lists and dicts of them"
        ) from error
