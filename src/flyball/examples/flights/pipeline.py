"""Flight delays: what is known at the scheduled departure, and a random forest over it."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

CATEGORIES = ["carrier", "origin", "dest"]
NUMBERS = [
    "hour",
    "minute",
    "weekday",
    "arrival_hour",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
]


def prepare(flights: pd.DataFrame) -> pd.DataFrame:
    """Features of the timetable; its clocks are local and written as hhmm (1805 is five past six in the evening)."""
    departure, arrival = flights["sched_dep_time"], flights["sched_arr_time"]
    return flights.assign(
        hour=departure // 100,
        minute=departure % 100,
        weekday=pd.to_datetime(flights["date"]).dt.day_of_week,
        arrival_hour=arrival // 100 + arrival % 100 / 60,
    )


def train(
    frame: pd.DataFrame,
    target: pd.Series,
    n_estimators: int = 100,
    max_depth: int = 10,
    max_samples: int = 20_000,
    random_state: int = 0,
):
    """Codes for the categories, medians for missing weather, then the forest; each tree sees `max_samples` rows, so time stays bounded."""
    model = make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), CATEGORIES),
            (SimpleImputer(strategy="median"), NUMBERS),
        ),
        RandomForestClassifier(
            n_estimators,
            max_depth=max_depth,
            max_samples=min(max_samples, len(frame)),
            random_state=random_state,
            n_jobs=2,
        ),
    )
    return model.fit(frame, target)
