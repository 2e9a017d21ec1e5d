"""What a replay is handed: the ports of a tick and of a training over one stream, under a clock that the replay sets."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.data.source import Prepared
from flyball.loop.backtest.records import Plan, Stream, Trained
from flyball.loop.making.workshop import Workshop
from flyball.loop.world import World
from flyball.spec.records import Spec


class Clock:
    """What time it is in a replay."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The simulated time."""
        return self.now


class Recorder(Protocol):
    """Writes into the prediction log of a replay what a server would have written."""

    def record(
        self,
        rows: NDArray[np.int64],
        version: int,
        score: NDArray[np.float64],
        label: NDArray[Any],
        *,
        variant: str,
        shadow: bool,
        propensity: NDArray[np.float64] | None = None,
    ) -> None:
        """A version scored these rows of the stream: answered them as `variant`, or in shadow. Each row once a version.

        `propensity`: how likely each answer was (None: nothing was left to chance).
        """
        ...

    def tell(self, until: datetime) -> None:
        """The outcomes that came by then are known."""
        ...

    def answered(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What was answered to each row (NaN: nothing) and by which version (0: none)."""
        ...


@record
class Bench:
    """One policy's world, and a folder of its own. `trainings`: what the loop's trainings took; `close` ends what was started."""

    world: World
    workshop: Workshop
    recorder: Recorder
    clock: Clock
    folder: Path
    trainings: list[Trained]
    close: Callable[[], None]


class Benches(Protocol):
    """Opens what replays need. It can be pickled: each policy opens its own, in its own process."""

    def history(self, spec: Spec) -> Prepared:
        """All of the history, prepared."""
        ...

    def open(self, name: str, spec: Spec, plan: Plan, prepared: Prepared, stream: Stream) -> Bench:
        """A fresh world in which nothing has happened yet. Trainings that another policy did already are found again."""
        ...
