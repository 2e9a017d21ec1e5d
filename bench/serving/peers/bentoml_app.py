"""BentoML with adaptive batching."""
# mypy: disable-error-code="import-not-found, untyped-decorator"
# BentoML is installed in an environment of its own.

import os

import bentoml
import joblib
import numpy as np
from numpy.typing import NDArray


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 256})
class Forest:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def predict(self, features: NDArray[np.float64]) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = self.model.predict(features)
        return labels
