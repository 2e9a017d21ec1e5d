"""The article's Flask server: one route, one row, `model.predict`."""

import os

import joblib
import numpy as np
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
model = joblib.load(os.environ["MODEL"])


@app.route("/predict", methods=["POST"])
def predict() -> Response:
    features = np.array(request.get_json()["features"])
    label = model.predict(features.reshape(1, -1))
    return jsonify({"prediction": int(label[0])})


@app.route("/health", methods=["GET"])
def health() -> Response:
    return jsonify({"status": "healthy"})


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
