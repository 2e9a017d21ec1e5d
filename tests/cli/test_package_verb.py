"""`flyball package`: what another engine is handed gives the scores of the version, in the shape that engine reads."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import yaml

from behaving import MANIFEST
from flyball.core.schema import Column, Schema
from flyball.loop.adopt import Examined, Source, adopt
from flyball.render.packages.triton import quoted
from flyball.settings import read_settings
from flyball.stores import wall_clock
from flyball.wiring import open_shelf
from projects import make_project
from trained import Shop, flyball

PARSER = """
import json, sys
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2
found = text_format.Parse(open(sys.argv[1], encoding="utf-8").read(), model_config_pb2.ModelConfig())
print(json_format.MessageToJson(found, preserving_proto_field_name=True))
"""


def model_config(path: Path) -> Any:
    """A config.pbtxt as Triton's own message."""
    python = os.environ.get("FLYBALL_TRITON_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import tritonclient.grpc"], capture_output=True, check=False)
    if found.returncode and not os.environ.get("CI"):
        pytest.skip(f"{python} has no tritonclient[grpc]: set FLYBALL_TRITON_PYTHON to one that has")
    done = subprocess.run([python, "-c", PARSER, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def feed(rows: pd.DataFrame, session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    """Rows as an ONNX model of one tensor a column takes them."""
    tensors = {}
    for one in session.get_inputs():
        column = rows[one.name]
        if one.type == "tensor(string)":
            tensors[one.name] = column.fillna("").astype(str).to_numpy(dtype=object).reshape(-1, 1)
        else:
            tensors[one.name] = column.to_numpy(dtype=np.float64 if "double" in one.type else np.float32).reshape(-1, 1)
    return tensors


def test_triton_is_handed_a_repository_that_gives_the_versions_scores(own: Shop, tmp_path: Path) -> None:
    out = tmp_path / "repository"
    said = flyball(own.folder, "package", "churn@2", "--for", "triton", "--out", str(out), "--json").json
    assert said["files"] == ["churn/2/model.onnx", "churn/config.pbtxt", "churn/labels.txt"]
    assert said["check"]["differing_labels"] == 0
    assert said["check"]["largest_difference"] < 2e-6
    config = model_config(out / "churn" / "config.pbtxt")
    session = onnxruntime.InferenceSession((out / "churn" / "2" / "model.onnx").read_bytes())
    assert [one["name"] for one in config["input"]] == [one.name for one in session.get_inputs()]
    assert (config["name"], config["backend"], config["max_batch_size"]) == ("churn", "onnxruntime", 1024)
    assert config["output"] == [
        {"name": "probabilities", "data_type": "TYPE_FP32", "dims": ["2"], "label_filename": "labels.txt"},
    ]
    assert (out / "churn" / "labels.txt").read_text() == "0\n1\n"
    rows = pd.read_csv(own.folder / "data" / "customers.csv").head(40)
    rows["charge_per_tenure"] = rows["monthly_charges"] / (rows["tenure_months"] + 1)
    rows["calls_per_month"] = rows["support_calls"] / (rows["tenure_months"] + 1)
    (found,) = session.run(["probabilities"], feed(rows, session))
    ours = own.folder.parent / "ours.csv"
    rows.to_csv(own.folder.parent / "rows.csv", index=False)
    assert flyball(own.folder, "predict", str(own.folder.parent / "rows.csv"), str(ours)).status == 0
    scored = pd.read_csv(ours)
    confidence = np.where(scored["prediction"] == 1, scored["confidence"], 1 - scored["confidence"])
    assert np.abs(found[:, 1] - confidence).max() < 2e-6


def test_kserve_is_handed_the_repository_and_the_service_that_names_it(own: Shop, tmp_path: Path) -> None:
    out = tmp_path / "kserve"
    hostile = "s3://models/a b\n${{ x }}: 'c'"
    assert flyball(own.folder, "package", "churn@1", "--for", "kserve", "--out", str(out), "--uri", hostile).status == 0
    service = yaml.safe_load((out / "inference-service.yaml").read_text())
    assert service["metadata"]["name"] == "churn"
    assert service["spec"]["predictor"]["model"]["storageUri"] == hostile
    assert service["spec"]["predictor"]["model"]["modelFormat"] == {"name": "triton"}
    assert (out / "storage" / "churn" / "1" / "model.onnx").is_file()


def test_the_mlflow_model_answers_alone(own: Shop, tmp_path: Path) -> None:
    out = tmp_path / "plain"
    assert flyball(own.folder, "package", "churn@1", "--for", "pyfunc", "--out", str(out)).status == 0
    script = (
        "import sys, mlflow.pyfunc, pandas as pd\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "assert not any(name.split('.')[0] == 'flyball' for name in sys.modules)\n"
        "row = pd.DataFrame([{'tenure_months': 3, 'plan': 'monthly', 'monthly_charges': 95.0, 'support_calls': 4,\n"
        " 'payment_method': 'electronic check', 'charge_per_tenure': 23.75, 'calls_per_month': 1.0}])\n"
        "print(int(model.predict(row)[0]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(out)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.strip() == "1", done.stderr


def test_what_is_no_tensorflow_model_is_named_and_nothing_is_written(own: Shop, tmp_path: Path) -> None:
    said = flyball(own.folder, "package", "churn@1", "--for", "savedmodel", "--out", str(tmp_path / "tf"))
    assert said.status == 1
    assert "its flavours are python_function, sklearn" in said.err
    assert not (tmp_path / "tf").exists()
    assert list(tmp_path.glob(".*")) == []


def test_a_folder_that_is_there_is_never_written_over(own: Shop, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    said = flyball(own.folder, "package", "churn@1", "--for", "triton", "--out", str(tmp_path / "there"))
    assert (said.status, "exists already" in said.err) == (1, True)
    assert flyball(own.folder, "package", "churn@9", "--for", "triton", "--out", str(tmp_path / "new")).status == 1
    assert flyball(own.folder, "package", "churn@1", "--for", "triton", "--uri", "x", "--out", str(tmp_path / "new")).status == 2


NATIVE = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Odd(ClassifierMixin, BaseEstimator):
    def fit(self, frame, target):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, frame):
        p = 1 / (1 + np.exp(-2 * frame["x0"].to_numpy() - frame["x1"].to_numpy()))
        return np.column_stack([1 - p, p])

    def predict(self, frame):
        return (self.predict_proba(frame)[:, 1] >= 0.5).astype(int)


def prepare(frame):
    return frame


def train(frame, target, C=1.0):
    return Odd().fit(frame, target)
"""


def test_a_model_that_is_python_code_is_no_onnx_and_goes_to_mlserver(tmp_path: Path) -> None:
    project = make_project(tmp_path / "odd", pipeline=NATIVE)
    assert flyball(project, "train").status == 0
    refused = flyball(project, "package", "churn@1", "--for", "triton", "--out", str(tmp_path / "a"))
    assert refused.status == 1
    assert "its engine is 'native'" in refused.err
    assert flyball(project, "package", "churn@1", "--for", "kserve", "--out", str(tmp_path / "b")).status == 0
    settings = json.loads((tmp_path / "b" / "storage" / "model-settings.json").read_text())
    assert settings["implementation"] == "mlserver_mlflow.MLflowRuntime"
    assert (tmp_path / "b" / "storage" / "model" / "MLmodel").is_file()
    service = yaml.safe_load((tmp_path / "b" / "inference-service.yaml").read_text())
    assert service["spec"]["predictor"]["model"]["modelFormat"] == {"name": "mlflow"}


@pytest.mark.parametrize(
    ("flavor", "place"),
    [
        ({"saved_model_dir": "tf2model", "model_type": "tf2-module"}, "tf2model"),
        ({"data": "data", "model_type": "keras", "save_format": "tf"}, "data/model"),
    ],
)
def test_a_tensorflow_model_goes_to_tensorflow_serving_as_it_is(tmp_path: Path, flavor: dict[str, str], place: str) -> None:
    project, model = make_project(tmp_path / "tf"), tmp_path / "model"
    (model / place / "variables").mkdir(parents=True)
    (model / place / "saved_model.pb").write_bytes(b"\x08\x01")
    (model / place / "variables" / "variables.index").write_bytes(b"i")
    (model / "MLmodel").write_text(yaml.safe_dump({"flavors": {"tensorflow": flavor}}))
    settings = read_settings(project)
    (settings.state / "work").mkdir(parents=True)
    manifest = replace(MANIFEST, model="churn", engine="native", schema=Schema(columns=(Column(name="x0", kind="number", nullable=False),)))
    source = Source(asked="models:/churn/1", uri="models:/churn/1", name="churn", version=1, run_id="", identity="tf")
    found = Examined(source=source, manifest=manifest, files={"native": str(model)}, parity_rows=0, reference_rows=0, notes=())
    adopt(open_shelf(settings), "churn", found, work=settings.state / "work", borrowed=True, actor="a", now=wall_clock())
    said = flyball(project, "package", "churn@1", "--for", "savedmodel", "--out", str(tmp_path / "out"), "--json")
    assert said.json["files"] == ["churn/1/saved_model.pb", "churn/1/variables/variables.index"], said.err


@pytest.mark.parametrize("name", ['a"b', "new\nline", "名字", "${{ x }}", "back\\slash", "\x00"])
def test_texts_in_a_configuration_mean_what_they_are(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.pbtxt").write_text(f"name: {quoted(name)}\n")
    assert model_config(tmp_path / "config.pbtxt")["name"] == name
