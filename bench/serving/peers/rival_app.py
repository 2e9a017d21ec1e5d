"""The competent rival: FastAPI, async, ONNX Runtime on one thread, inline. No log, no split, no metrics.

Two routes: `/predict` as FastAPI's documentation has it, pydantic in and out; `/fast` with msgspec between bytes and values.
"""

import os

import msgspec
import numpy as np
import onnxruntime
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


class PredictionRequest(BaseModel):
    features: list[float]


class PredictionResponse(BaseModel):
    prediction: int
    confidence: float


class Row(msgspec.Struct):
    features: list[float]


class Answer(msgspec.Struct):
    prediction: int
    confidence: float


read = msgspec.json.Decoder(Row).decode
write = msgspec.json.Encoder().encode


def score(features: list[float]) -> tuple[int, float]:
    (probabilities,) = session.run(["probabilities"], {"features": np.array([features], dtype=np.float32)})
    label = int(probabilities[0].argmax())
    return label, float(probabilities[0, label])


@app.post("/predict")
async def predict(request: PredictionRequest) -> PredictionResponse:
    label, confidence = score(request.features)
    return PredictionResponse(prediction=label, confidence=confidence)


@app.post("/fast")
async def fast(request: Request) -> Response:
    label, confidence = score(read(await request.body()).features)
    return Response(write(Answer(label, confidence)), media_type="application/json")
