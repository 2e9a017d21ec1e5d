"""LitServe with batching."""
# mypy: disable-error-code="import-not-found, misc"
# LitServe is installed in an environment of its own.

import os

import joblib
import litserve
import numpy as np
from numpy.typing import NDArray


class Forest(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request: dict[str, list[float]]) -> NDArray[np.float64]:
        return np.array(request["features"])

    def batch(self, inputs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.stack(inputs)

    def predict(self, batch: NDArray[np.float64]) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = self.model.predict(batch)
        return labels

    def unbatch(self, output: NDArray[np.int64]) -> list[int]:
        labels: list[int] = output.tolist()
        return labels

    def encode_response(self, output: int) -> dict[str, int]:
        return {"prediction": output}


if __name__ == "__main__":
    server = litserve.LitServer(Forest(max_batch_size=64, batch_timeout=0.02), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), num_api_servers=1, generate_client_file=False, log_level="warning")
