"""What every engine does with one item: work on it, note what is said, and tell how it ended so that any process can read it."""

import traceback
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Literal

from flyball.core.errors import FlyballError, StoreError
from flyball.core.record import record
from flyball.ports.mapping import Say

ATTEMPTS = 3
"""How often an item is tried whose process dies without a word."""


class EndedError(Exception):
    """Raised by a `Say`, to end the work in whose middle it is: nobody waits for its result any more."""


@record
class Outcome:
    """How the work on an item ended. `lines`: all that was said meanwhile, for whoever did not hear it."""

    kind: Literal["done", "failed", "broke", "ended"]
    value: Any
    lines: tuple[str, ...]
    trace: str = ""


def perform(work: Callable[[Any, Say], Any], item: Any, tell: Callable[[int, str], None]) -> Outcome:
    """Do it. `tell` hears each line as it is said, with its number."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        tell(len(lines) - 1, line)

    try:
        value = work(item, say)
    except FlyballError as error:
        return Outcome(kind="failed", value=type(error)(error.message, hint=error.hint), lines=tuple(lines))
    except EndedError:
        return Outcome(kind="ended", value=None, lines=tuple(lines))
    except Exception as error:  # noqa: BLE001 - whatever the project's code raises is told to who asked for it
        return Outcome(kind="broke", value=f"{type(error).__name__}: {error}", lines=tuple(lines), trace=traceback.format_exc())
    return Outcome(kind="done", value=value, lines=tuple(lines))


class Heard:
    """Which lines of which items were told already: one that comes twice, or late, is told once."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._next: dict[int, int] = {}

    def hear(self, number: int, place: int, line: str) -> None:
        """A line of an item, while it is worked on. Lines of one item come in order; those of a second attempt begin anew."""
        if place == self._next.get(number, 0):
            self._next[number] = place + 1
            self._say(line)

    def rest(self, number: int, outcome: Outcome) -> None:
        """All that was not heard, now that the item is done."""
        for line in outcome.lines[self._next.pop(number, 0) :]:
            self._say(line)


def settled(outcome: Outcome, where: str) -> Any:
    """The result; the error the work raised, or StoreError with the trace of what broke it."""
    if outcome.kind == "failed":
        raise outcome.value
    if outcome.kind in ("broke", "ended"):
        raise StoreError(f"a part of this computation broke {where}: {outcome.value}", hint=outcome.trace.strip())
    return outcome.value


def died(where: str) -> StoreError:
    """An item took one process after the other with it."""
    return StoreError(
        f"a part of this computation ended one process after the other {where} without a word",
        hint="memory may have run out there: fewer at a time need less",
    )


def in_order(
    items: Iterator[Any], most: int, found: MutableMapping[int, Any], *, submit: Callable[[int, Any], None], wait: Callable[[], None]
) -> Iterator[Any]:
    """The results in the order of the items, of which at most so many are taken ahead of the result that is waited for.

    `submit` begins the work on an item, by its number; `wait` waits a moment for work to end and puts what came of it into `found`.
    """
    following = taken = 0
    more = True
    while more or following < taken:
        while more and taken - following < most:
            try:
                item = next(items)
            except StopIteration:
                more = False
                break
            submit(taken, item)
            taken += 1
        if following in found:
            yield found.pop(following)
            following += 1
        elif following < taken:
            wait()
