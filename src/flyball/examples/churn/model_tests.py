"""Tests of the model in plain Python: every function that begins with test_ is called with the version by `flyball test`.

model.rows are held-out customers as a DataFrame, model.score(frame) the probability that they leave.
"""

import pipeline


def test_more_support_calls_mean_more_risk(model):
    """The ratios follow from the number of calls, so they are made anew by the very code that prepares the data."""
    calm = model.rows.assign(support_calls=0)
    angry = model.rows.assign(support_calls=5)
    before, after = (model.score(pipeline.prepare(frame)).mean() for frame in (calm, angry))
    assert after > before + 0.02, f"five calls move the mean from {before:.3f} to {after:.3f}"


def test_the_scores_are_calibrated_on_average(model):
    """The mean score is near the share that left."""
    if len(model.rows) < 200:
        model.undecided(f"{len(model.rows)} customers are too few")
    gap = abs(model.score(model.rows).mean() - model.actual.mean())
    assert gap < 0.08, f"the mean score is {gap:.3f} away from the share that left"
