"""A predictor over a live model, without a server: what it logs and counts can be looked at."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from flyball.core.errors import FlyballError
from flyball.server.metrics import Metrics
from flyball.server.predict import Predictor
from flyball.server.rows import LogRow
from flyball.server.settings import ServerSettings
from flyball.serving.deployment import LiveModel


class Kept:
    """A log that keeps the rows it is given."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []

    def take(self, live: LiveModel, row: tuple[Any, ...]) -> None:
        self.rows.append(LogRow._make(row))

    def add(self, live: LiveModel, rows: list[tuple[Any, ...]]) -> None:
        self.rows += map(LogRow._make, rows)


class Serving:
    """A predictor over a live model, without a server."""

    def __init__(self, live: LiveModel, **changes: Any) -> None:
        self.log, self.metrics, self.live = Kept(), Metrics(), live
        numbers = itertools.count()
        self.predictor = Predictor(
            replace(ServerSettings(model=live.model, folder=Path("none")), **changes),
            self,  # type: ignore[arg-type]  # what a reloader has that a predictor looks at
            self.log,  # type: ignore[arg-type]  # likewise
            self.metrics,
            make_id=lambda now: f"{next(numbers):032x}",
            clock=lambda: 1_700_000_000_000_000,
            find=lambda name: None,
            threads=ThreadPoolExecutor(1),
        )
        self.refused = ""

    def tell(self, body: bytes) -> bytes | str:
        """The answer, or the error."""
        try:
            return asyncio.run(self.predictor.answer(body))
        except FlyballError as error:
            return f"{type(error).__name__} {error.message} {getattr(error, 'field', '')}"
        except ValueError as error:
            return repr(error)
