"""Columns that moved slowly, over several trainings: each training made the new values its own, so no look calls them drifted."""

from collections.abc import Mapping

from flyball.core.reason import Reason, because
from flyball.monitoring.records import ColumnDrift

MOST = 5
"""So many columns are named; of the others it is said how many they are."""


def slow_columns(columns: Mapping[str, ColumnDrift]) -> list[str]:
    """The columns that are ok against the reference of their own version, and clearly beyond their threshold from the first champion's.

    The furthest first. Clearly: by more than chance may add, which is as much as `upper` is above the distance.
    """
    found = []
    for name, column in columns.items():
        if column.state == "ok" and column.first is not None and column.first - (column.upper - column.distance) > column.threshold:
            found.append((-column.first, name))
    return [name for _, name in sorted(found)]


def slow_reasons(columns: Mapping[str, ColumnDrift]) -> list[Reason]:
    """A sentence for each of the furthest of them, and one for how many more there are."""
    names = slow_columns(columns)
    told = [because("drift.slow", column=name, first=columns[name].first or 0.0) for name in names[:MOST]]
    return [*told, because("drift.slow_more", count=len(names) - MOST)] if names[MOST:] else told
