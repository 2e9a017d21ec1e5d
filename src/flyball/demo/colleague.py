"""A well-meaning colleague: late in November somebody trains on the last two months only, by hand, as many recipes advise.

On these flights that candidate is bad afterwards. It is here so that the year shows what the loop does with a harmful candidate: it
compares it on live flights, and refuses it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flyball.demo.process import finish_training, start_training

TRAINS_AT = datetime(2013, 11, 26, tzinfo=UTC)
WINDOW = "60d"


def train_on_recent_flights(folder: Path, now: datetime) -> None:
    """`flyball train --window 60d`, as a person would type it; whatever its gate says, the version is registered."""
    finish_training(start_training(folder, now, "--window", WINDOW, actor="colleague"), gate_may_refuse=True)
