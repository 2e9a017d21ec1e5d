"""What each protocol's requests look like, and where the labels stand in its answers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.serving.models import UNITS, Served

Rows = list[list[float]]


@dataclass(frozen=True)
class Dialect:
    """`encode`: rows to a body, told the columns and the request's number. `labels`: the predicted labels in a decoded answer.

    `version` tells which of the model's estimators answered; everybody but us has one. `static`: the answer is always the same.
    """

    encode: Callable[[Rows, Sequence[str], int], Any]
    labels: Callable[[Any], list[int]]
    version: Callable[[Any], int] = lambda answer: 0
    static: bool = False


def bodies(dialect: Dialect, served: Served, *, rows: int) -> list[bytes]:
    """Bodies of so many rows each that rotate over all the payloads; where they name a unit, over more units than a server remembers."""
    every = served.rows
    count = 200 if rows > 1 else UNITS if dialect is NATIVE else len(every)
    found = []
    for number in range(count):
        first = number * rows
        chosen = [every[(first + i) % len(every)] for i in range(rows)]
        found.append(json.dumps(dialect.encode(chosen, served.columns, number)).encode())
    return found


def requests(path: str, port: int, every: Sequence[bytes]) -> list[bytes]:
    """Whole requests, ready to be sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in every]


def wrong(dialect: Dialect, served: Served, number: int, rows: int, body: bytes) -> str:
    """What is wrong with the answer to a request; empty if it says what the estimator says."""
    answer = json.loads(body)
    if dialect.static:
        return ""
    expected = served.expected[dialect.version(answer)]
    wanted = [expected[(number * rows + i) % len(expected)] for i in range(rows)]
    found = [int(label) for label in dialect.labels(answer)]
    return "" if found == wanted else f"request {number} was answered {found[:5]} and not {wanted[:5]}"


def _one_or_many(rows: Rows) -> Any:
    return rows[0] if len(rows) == 1 else rows


def _labels(found: Any) -> list[int]:
    return list(found) if isinstance(found, list) else [found]


def _open_inference(rows: Rows, columns: Sequence[str], number: int) -> Any:
    flat = [value for row in rows for value in row]
    return {"inputs": [{"name": "predict", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat}]}


NATIVE = Dialect(
    encode=lambda rows, columns, number: {"features": _one_or_many(rows), "unit": f"customer-{number}"},
    labels=lambda answer: _labels(answer["prediction"]),
    version=lambda answer: answer["version"] - 1,
)
ARTICLE = Dialect(
    encode=lambda rows, columns, number: {"features": _one_or_many(rows)},
    labels=lambda answer: _labels(answer["prediction"]),
)
STATIC = Dialect(encode=NATIVE.encode, labels=NATIVE.labels, static=True)
MLFLOW = Dialect(encode=lambda rows, columns, number: {"inputs": rows}, labels=lambda answer: answer["predictions"])
FRAME = Dialect(
    encode=lambda rows, columns, number: {"dataframe_split": {"columns": list(columns), "data": rows}},
    labels=lambda answer: answer["predictions"],
)
OPEN_INFERENCE = Dialect(encode=_open_inference, labels=lambda answer: answer["outputs"][0]["data"])
BATCH = Dialect(encode=lambda rows, columns, number: {"features": rows}, labels=_labels)
