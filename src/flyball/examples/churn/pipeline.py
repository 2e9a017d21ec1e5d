"""Customer churn: features and model. Plain pandas and scikit-learn."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["plan", "payment_method"]


def prepare(customers: pd.DataFrame) -> pd.DataFrame:
    """Ratios that a tree would have to approximate by many cuts."""
    tenure = customers["tenure_months"]
    return customers.assign(
        charge_per_tenure=customers["monthly_charges"] / (tenure + 1),
        calls_per_month=customers["support_calls"] / (tenure + 1),
    )


def train(frame: pd.DataFrame, target: pd.Series, n_estimators: int = 100, max_depth: int = 10, random_state: int = 0, sample_weight=None):
    """One column per category (an unknown payment method is a category too), then a random forest.

    Customers of the holdback stand for those who got an offer: they come with a larger weight.
    """
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
            remainder="passthrough",
        ),
        RandomForestClassifier(n_estimators, max_depth=max_depth, min_samples_leaf=5, random_state=random_state, n_jobs=2),
    )
    return model.fit(frame, target, randomforestclassifier__sample_weight=sample_weight)
