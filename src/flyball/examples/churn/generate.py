"""Invents customers, always the same ones for the same seed; see `python generate.py --help`.

No real customer data may be shipped, so these are drawn at random from a small model of why customers leave:
monthly plans, short tenure, high charges and many support calls. About 6 % of the payment methods are missing.

A drift can be switched on: `--drift price-increase --from 2024-07-01`. From that day on every charge is 20 % higher, and customers
on the monthly plan mind it twice as much: both the data and what follows from it change.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

FIRST_DAY = pd.Timestamp("2024-01-01", tz="UTC")
DAYS = 365
KNOWN_AFTER = pd.Timedelta(days=30)
PLANS = ["monthly", "yearly", "two-year"]
PLAN_CHARGES = {"monthly": 70.0, "yearly": 62.0, "two-year": 55.0}
PAYMENT_METHODS = ["card", "bank transfer", "electronic check", "mailed check"]


def customers(rows: int = 12_000, seed: int = 7, drift: str = "none", since: str = "2024-07-01") -> pd.DataFrame:
    """One row per customer, ordered by the day it was observed; `churned` is known 30 days later."""
    random = np.random.default_rng(seed)
    observed_at = FIRST_DAY + pd.to_timedelta(np.sort(random.integers(0, DAYS * 86_400, rows)), unit="s")
    plan = random.choice(PLANS, rows, p=[0.55, 0.27, 0.18])
    longest = np.select([plan == "monthly", plan == "yearly"], [30.0, 45.0], 60.0)
    tenure = np.minimum(random.exponential(longest * 0.6) + 1, 72).astype(int)
    base = pd.Series(plan).map(PLAN_CHARGES).to_numpy()
    charges = np.clip(base + random.normal(0, 14, rows), 18, 130)
    calls = random.poisson(0.6 + 0.9 * (random.random(rows) < 0.2), rows)
    payment = random.choice(PAYMENT_METHODS, rows, p=[0.35, 0.25, 0.28, 0.12])

    raised = (observed_at >= pd.Timestamp(since, tz="UTC")) & (drift == "price-increase")
    charges = np.where(raised, charges * 1.2, charges)
    minds = np.where(raised & (plan == "monthly"), 0.05, 0.025)

    risk = (
        -1.9
        + 1.1 * (plan == "monthly")
        - 0.7 * (plan == "two-year")
        - 0.035 * tenure
        + minds * (charges - 62)
        + 0.45 * calls
        + 0.5 * (payment == "electronic check")
    )
    churned = random.random(rows) < 1 / (1 + np.exp(-risk))
    table = pd.DataFrame(
        {
            "customer_id": [f"C{number:06d}" for number in random.permutation(rows) + 1],
            "observed_at": observed_at,
            "tenure_months": tenure,
            "plan": plan,
            "monthly_charges": charges.round(2),
            "support_calls": calls,
            "payment_method": np.where(random.random(rows) < 0.06, None, payment),
            "churned": churned.astype(int),
            "known_at": observed_at + KNOWN_AFTER,
        }
    )
    table["observed_at"] = table["observed_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table["known_at"] = table["known_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12_000, help="how many customers (default 12000)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same customers (default 7)")
    parser.add_argument("--drift", choices=["none", "price-increase"], default="none", help="what changes (default none)")
    parser.add_argument("--from", dest="since", default="2024-07-01", help="the day it changes (default 2024-07-01)")
    parser.add_argument("--out", type=Path, default=Path("data/customers.csv"), help="where to write (default data/customers.csv)")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    table = customers(options.rows, options.seed, options.drift, options.since)
    table.to_csv(options.out, index=False)
    parser.exit(message=f"{options.out}: {len(table)} customers, {table['churned'].mean():.1%} left within 30 days\n")


if __name__ == "__main__":
    main()
