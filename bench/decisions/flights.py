"""A/A on real flights: one model on random halves of the aircraft, day by day, weather and all."""

import numpy as np
from bench.decisions.aa import ALPHA, Share

from flyball.demo.dataset import load_flights
from flyball.examples.flights.pipeline import CATEGORIES, NUMBERS, prepare, train
from flyball.stats.arms import Arms, by_day, by_unit
from flyball.stats.losses import brier_loss

TRAINED_UNTIL = np.datetime64("2013-03-01")


def flights(seeds: int, *, days: int = 60, trees: int = 50) -> list[Share]:
    """How many rollouts between equal versions would be promoted, over periods of the year and halves of the aircraft drawn anew."""
    frame = prepare(load_flights())
    at = frame["scheduled_at"].to_numpy(dtype="datetime64[us]")
    known = frame["late"].notna().to_numpy() & frame["aircraft"].notna().to_numpy()
    features = frame[[*CATEGORIES, *NUMBERS]]
    fit = known & (at < TRAINED_UNTIL)
    model = train(features[fit], frame.loc[fit, "late"].astype(int), n_estimators=trees)
    live = known & ~fit
    loss = brier_loss(frame.loc[live, "late"].to_numpy(dtype=np.int64), model.predict_proba(features[live])[:, 1], 0.5)
    day = at[live].astype("datetime64[D]").astype(np.int64)
    unit = np.unique(frame.loc[live, "aircraft"].to_numpy(dtype=str), return_inverse=True)[1].reshape(-1).astype(np.int64)
    first, last = int(day.min()), int(day.max())
    hits = {"day": 0, "unit": 0}
    for seed in range(seeds):
        chance = np.random.default_rng([7, seed])
        begin = int(chance.integers(first, last - days + 1))
        half = chance.random(int(unit.max()) + 1) < 0.5
        inside = (day >= begin) & (day < begin + days)
        arms = Arms(
            loss=loss[inside],
            challenger=half[unit[inside]],
            phase=np.zeros(int(inside.sum()), dtype=np.int64),
            day=day[inside],
            unit=unit[inside],
        )
        done = {"day": False, "unit": False}
        for seen in range(7, days + 1):
            kept = arms.day < begin + seen
            part = Arms(
                loss=arms.loss[kept], challenger=arms.challenger[kept], phase=arms.phase[kept], day=arms.day[kept], unit=arms.unit[kept]
            )
            for kind, spread in (("day", by_day), ("unit", by_unit)):
                if not done[kind]:
                    lower, _ = spread(part).bounds(ALPHA)
                    done[kind] = lower is not None and lower > 0
        for kind, hit in done.items():
            hits[kind] += hit
    return [
        Share(what=f"flights, halves of the aircraft, blocks of {kind}s, a look after every day", runs=seeds, hits=count, looks=days)
        for kind, count in hits.items()
    ]
