"""Versions as a journal has them, for tests that need no bundle behind them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flyball.core.verdict import Verdict
from flyball.evaluation.records import Decision
from flyball.journal.events import Registered


def registered(version: int, **changes: Any) -> Registered:
    """A version that passed its gate, trained on 100 rows of January 2026 in 12 seconds, 30 of the processors'; else as `changes` say."""
    known = Registered(
        version=version,
        run_id=f"r{version}",
        bundle=f"b{version}",
        snapshot=f"s{version}",
        identity=f"i{version}",
        engine="trees",
        metrics={"brier": 0.2},
        lower={},
        upper={},
        gate=Decision(verdict=Verdict.PASS, checks=()),
        cause="manual",
        action="",
        rows=100,
        trained_from=datetime(2026, 1, 1, tzinfo=UTC),
        trained_until=datetime(2026, 1, 31, tzinfo=UTC),
        seconds={"fit": 3.0, "total": 12.0, "cpu": 30.0},
    )
    return replace(known, **changes)


def judged(verdict: Verdict) -> Decision:
    """What a gate without lines said."""
    return Decision(verdict=verdict, checks=())
