"""Ray Serve with `@serve.batch`."""
# mypy: disable-error-code="import-not-found, untyped-decorator, attr-defined"
# Ray is installed in an environment of its own.

import os
import signal

import joblib
import numpy as np
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256)
class Forest:
    def __init__(self, path: str) -> None:
        self.model = joblib.load(path)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def score(self, rows: list[list[float]]) -> list[int]:
        labels: list[int] = self.model.predict(np.array(rows)).tolist()
        return labels

    async def __call__(self, request: Request) -> dict[str, int]:
        return {"prediction": await self.score((await request.json())["features"])}


if __name__ == "__main__":
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100_000_000,
        _temp_dir=os.environ["RAY_FOLDER"],  # a short path: sockets stand in it, and their names have a limit
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Forest.bind(os.environ["MODEL"]), route_prefix="/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
