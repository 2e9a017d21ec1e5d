"""What KServe and MLServer read around a model: the InferenceService that names where it lies, and MLServer's settings."""

from flyball.render.dump import Tree, to_json, to_yaml
from flyball.render.packages.records import Packaged

_HEAD = """Copy the folder beside this file to the place that storageUri names, then: kubectl apply -f inference-service.yaml
It is answered under the Open Inference Protocol (v2)."""


def inference_service(model: Packaged, *, kind: str, storage: str) -> str:
    """An InferenceService: `kind` is `triton` for a model repository with ONNX, `mlflow` for an MLflow model."""
    runtime = {"triton": "kserve-tritonserver", "mlflow": "kserve-mlserver"}[kind]
    tree: Tree = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": model.name, "labels": {"app.kubernetes.io/name": model.name, "app.kubernetes.io/version": str(model.version)}},
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": kind},
                    "protocolVersion": "v2",
                    "runtime": runtime,
                    "storageUri": storage,
                }
            }
        },
    }
    return to_yaml(tree, head=_HEAD)


def model_settings(model: Packaged, folder: str) -> str:
    """`model-settings.json`: MLServer opens the MLflow model in a folder beside it."""
    return to_json(
        {
            "name": model.name,
            "implementation": "mlserver_mlflow.MLflowRuntime",
            "parameters": {"uri": f"./{folder}", "version": str(model.version)},
        }
    )
