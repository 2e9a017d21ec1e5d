"""Every server that takes part: what it is, how it is started, what it is asked."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.serving import dialects, own
from bench.serving.dialects import Dialect
from bench.serving.environments import nginx, python_of
from bench.serving.models import Served
from bench.serving.processes import free_port

Model = Literal["forest", "forest-alone", "frame", "frame-plain", "mlp"]
Words = tuple[list[str], dict[str, str]]
Start = Callable[[Path, Served, int], Words]

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Server:
    """`start` writes what the server needs into its folder and gives its command line and environment variables.

    `cases`: what is measured of it (see `measure.CASES`). `ours`: the first process is the supervisor, whose work is reported beside.
    `logs`: and logs what it answers. `batches`: it is one of the batching peers. `freezes`: it may be stopped while others are measured.
    """

    name: str
    title: str
    setup: str
    start: Start
    cases: tuple[str, ...] = ("row",)
    path: str = "/predict"
    dialect: Dialect = dialects.ARTICLE
    model: Model = "forest"
    environment: str = ""
    ours: bool = False
    batches: bool = False
    freezes: bool = True
    logs: bool = False


def _ours(**settings: object) -> Start:
    def start(folder: Path, served: Served, port: int) -> Words:
        return own.command(folder, served, port, settings), {}

    return start


def _bare(folder: Path, served: Served, port: int) -> Words:
    return own.bare_command(folder, served, port), {"PYTHONPATH": str(PEERS.parents[2])}


def _script(environment: str, *words: str, onnx: bool = False) -> Start:
    """A program in a peer's environment; `{port}` and `{python}` are filled in."""

    def start(folder: Path, served: Served, port: int) -> Words:
        python = python_of(environment)
        filled = [word.format(port=port, python=python, bin=python.parent, peers=PEERS) for word in words]
        env = {
            "MODEL": str(served.onnx if onnx else served.joblib),
            "PORT": str(port),
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PEERS),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return filled, env

    return start


def _mlflow(folder: Path, served: Served, port: int) -> Words:
    words = ("{bin}/mlflow", "models", "serve", "-m", str(served.mlflow), "-p", "{port}", "--env-manager", "local")
    return _script("mlflow", *words)(folder, served, port)


def _mlserver(*, onnx: bool) -> Start:
    def start(folder: Path, served: Served, port: int) -> Words:
        settings = {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_port": free_port(),
            "debug": False,
            "parallel_workers": 0,  # one core: what crosses to a worker process costs more than it gives
            "use_structured_logging": False,
        }
        model: dict[str, object] = {
            "name": "bench",
            "implementation": "mlserver_onnx.OnnxRuntime" if onnx else "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(served.onnx if onnx else served.joblib)},
        }
        if not onnx:
            model |= {"max_batch_size": 64, "max_batch_time": 0.005}
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps(model))
        return _script("mlserver", "{bin}/mlserver", "start", str(folder))(folder, served, port)

    return start


def _bentoml(folder: Path, served: Served, port: int) -> Words:
    words = ("{bin}/bentoml", "serve", "bentoml_app:Forest", "--port", "{port}", "--host", "127.0.0.1", "--working-dir", "{peers}")
    filled, env = _script("bentoml", *words)(folder, served, port)
    return filled, {**env, "BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}


def _ray(folder: Path, served: Served, port: int) -> Words:
    words, env = _script("ray", "{python}", "{peers}/ray_app.py")(folder, served, port)
    return words, {**env, "RAY_USAGE_STATS_ENABLED": "0", "RAY_FOLDER": str(folder / "t")}


def _nginx(folder: Path, served: Served, port: int) -> Words:
    answer = '{"prediction":1,"confidence":0.8123456,"model":"bench","version":1,"variant":"champion","prediction_id":"' + "0" * 26 + '"}'
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log stderr crit;
        events {{ worker_connections 1024; }}
        http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          server {{ listen 127.0.0.1:{port}; location = /predict {{ default_type application/json; return 200 '{answer}'; }} }} }}"""
    )
    return [str(nginx()), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"], {}


SERVERS = (
    Server(
        "flyball",
        "Flyball",
        "split between two versions, every prediction logged, metrics",
        _ours(),
        cases=("row", "single", "rows", "half"),
        dialect=dialects.NATIVE,
        ours=True,
        logs=True,
    ),
    Server(
        "flyball-bare",
        "Flyball, bare",
        "decodes, scores, encodes: no split, no log, no metrics",
        _bare,
        dialect=dialects.NATIVE,
        model="forest-alone",
        ours=True,
    ),
    Server(
        "flyball-frame",
        "Flyball, `/invocations`",
        "600 named columns, checked against the contract, every row logged",
        _ours(),
        cases=("frame",),
        path="/invocations",
        dialect=dialects.FRAME,
        model="frame",
        ours=True,
        logs=True,
    ),
    Server(
        "flyball-mlp",
        "Flyball, neural net",
        "what arrives together is scored together",
        _ours(),
        cases=("mlp", "mlp-single"),
        dialect=dialects.NATIVE,
        model="mlp",
        ours=True,
        logs=True,
    ),
    Server(
        "flyball-mlp-alone",
        "Flyball, neural net, alone",
        "each request is scored by itself",
        _ours(gather=False),
        cases=("mlp", "mlp-single"),
        dialect=dialects.NATIVE,
        model="mlp",
        ours=True,
        logs=True,
    ),
    Server("nginx", "nginx, static body", "as long as our answers", _nginx, cases=("row", "single", "half"), dialect=dialects.STATIC),
    Server(
        "rival-fast",
        "FastAPI + ONNX Runtime, msgspec",
        "async, uvloop, httptools, past pydantic; no log, no split, no metrics",
        _script(
            "rival",
            "{bin}/uvicorn",
            "rival_app:app",
            "--port",
            "{port}",
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            onnx=True,
        ),
        path="/fast",
        cases=("row", "single"),
        environment="rival",
    ),
    Server(
        "rival",
        "FastAPI + ONNX Runtime",
        "async, uvloop, httptools, pydantic; no log, no split, no metrics",
        _script(
            "rival",
            "{bin}/uvicorn",
            "rival_app:app",
            "--port",
            "{port}",
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            onnx=True,
        ),
        cases=("row", "single"),
        environment="rival",
    ),
    Server(
        "mlserver-onnx",
        "MLServer + ONNX Runtime",
        "custom runtime, in process",
        _mlserver(onnx=True),
        path="/v2/models/bench/infer",
        dialect=dialects.OPEN_INFERENCE,
        cases=("row", "rows"),
        environment="mlserver",
    ),
    Server(
        "mlserver",
        "MLServer, batching",
        "scikit-learn, adaptive batching (64, 5 ms), in process",
        _mlserver(onnx=False),
        path="/v2/models/bench/infer",
        dialect=dialects.OPEN_INFERENCE,
        environment="mlserver",
        batches=True,
    ),
    Server(
        "litserve",
        "LitServe, batching",
        "scikit-learn, batching (64, 20 ms)",
        _script("litserve", "{python}", "{peers}/litserve_app.py"),
        environment="litserve",
        batches=True,
    ),
    Server(
        "bentoml",
        "BentoML, batching",
        "scikit-learn, adaptive batching (64)",
        _bentoml,
        dialect=dialects.BATCH,
        environment="bentoml",
        batches=True,
    ),
    Server(
        "ray",
        "Ray Serve, batching",
        "scikit-learn, `@serve.batch` (64, 5 ms)",
        _ray,
        environment="ray",
        batches=True,
        freezes=False,
    ),
    Server(
        "mlflow",
        "`mlflow models serve`",
        "scikit-learn flavour, as it comes",
        _mlflow,
        path="/invocations",
        dialect=dialects.MLFLOW,
        cases=("row", "single", "rows", "half"),
        environment="mlflow",
    ),
    Server(
        "mlflow-frame",
        "`mlflow models serve`, frame",
        "600 named columns, checked against its signature",
        _mlflow,
        cases=("frame",),
        path="/invocations",
        dialect=dialects.FRAME,
        model="frame",
        environment="mlflow",
    ),
    Server(
        "mlflow-frame-plain",
        "`mlflow models serve`, frame, unchecked",
        "600 named columns, logged without signature",
        _mlflow,
        cases=("frame",),
        path="/invocations",
        dialect=dialects.FRAME,
        model="frame-plain",
        environment="mlflow",
    ),
    Server(
        "gunicorn",
        "the article's Flask, gunicorn",
        "one sync worker",
        _script("flask", "{bin}/gunicorn", "-b", "127.0.0.1:{port}", "-w", "1", "--timeout", "0", "flask_app:app"),
        environment="flask",
    ),
    Server("flask", "the article's Flask", "`app.run`", _script("flask", "{python}", "{peers}/flask_app.py"), environment="flask"),
    Server(
        "fastapi",
        "the article's FastAPI",
        "async, prediction and confidence from threads",
        _script("fastapi", "{bin}/uvicorn", "fastapi_app:app", "--port", "{port}", "--no-access-log"),
        environment="fastapi",
    ),
)
