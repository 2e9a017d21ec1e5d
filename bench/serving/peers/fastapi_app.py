"""The article's FastAPI server: prediction and confidence, each awaited from a thread so that the event loop stays free."""

import asyncio
import os

import joblib
import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from pydantic import BaseModel

app = FastAPI()


class AsyncModel:
    """What the article calls `predict_async` and `predict_proba_async`."""

    def __init__(self, path: str) -> None:
        self._model = joblib.load(path)

    async def predict_async(self, features: list[float]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = await asyncio.to_thread(self._model.predict, [features])
        return found

    async def predict_proba_async(self, features: list[float]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = await asyncio.to_thread(self._model.predict_proba, [features])
        return found


model = AsyncModel(os.environ["MODEL"])


class PredictionRequest(BaseModel):
    features: list[float]


class PredictionResponse(BaseModel):
    prediction: float
    confidence: float


@app.post("/predict", response_model=PredictionResponse)
async def predict(request: PredictionRequest) -> PredictionResponse:
    prediction = await model.predict_async(request.features)
    confidence = await model.predict_proba_async(request.features)
    return PredictionResponse(prediction=float(prediction[0]), confidence=float(confidence.max()))
