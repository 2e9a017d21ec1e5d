"""The prediction log in PostgreSQL: what every log promises."""

from flyball.testing.arms import ArmsSuite
from flyball.testing.arrivals import ArrivalsSuite
from flyball.testing.predictions import PredictionLogSuite


class TestPostgresPredictionLog(PredictionLogSuite, ArrivalsSuite, ArmsSuite):
    pass
