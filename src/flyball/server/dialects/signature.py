"""The signature of a model as TensorFlow Serving describes it: named inputs and outputs with their types."""

from flyball.core.errors import RequestError
from flyball.registry.records import Manifest
from flyball.serving.contract import kind_of, shown
from flyball.serving.deployment import LiveVersion

_DEFAULT = "serving_default"
_DTYPES = {"number": "DT_FLOAT", "integer": "DT_INT64", "boolean": "DT_BOOL", "category": "DT_STRING"}
_NAMES = {"predict": "predict", "classify": "classification", "regress": "regression"}


def signature_named(name: object, verb: str) -> None:
    """RequestError if a request names a signature that the verb does not have."""
    if name is None or name in ("", _DEFAULT, _NAMES[verb], f"tensorflow/serving/{verb}"):
        return
    what = shown(name) if isinstance(name, str) else kind_of(name)
    raise RequestError(f"there is no signature {what} here: leave it out, or say {_DEFAULT!r}", field="signature_name")


def metadata(model: str, live: LiveVersion) -> dict[str, object]:
    """What `/metadata` answers for a version."""
    manifest = live.manifest
    inputs = {column.name: _tensor(column.name, _DTYPES[column.kind]) for column in manifest.schema.columns}
    verb = "regress" if manifest.task == "regression" else "classify"
    predict: dict[str, object] = {
        "inputs": inputs,
        "outputs": _outputs(manifest),
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    signatures = {_DEFAULT: predict}
    if not manifest.outputs:  # a regression is one value a row
        signatures[_NAMES[verb]] = {**predict, "outputs": _results(manifest), "method_name": f"tensorflow/serving/{verb}"}
    return {
        "model_spec": {"name": model, "signature_name": "", "version": str(live.version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _outputs(manifest: Manifest) -> dict[str, object]:
    if manifest.task != "regression":
        return {"probabilities": _tensor("probabilities", "DT_FLOAT", len(manifest.classes))}
    return {name: _tensor(name, "DT_FLOAT") for name in manifest.outputs or ("value",)}


def _results(manifest: Manifest) -> dict[str, object]:
    if manifest.task == "regression":
        return {"outputs": _tensor("outputs", "DT_FLOAT")}
    width = len(manifest.classes)
    return {"classes": _tensor("classes", "DT_STRING", width), "scores": _tensor("scores", "DT_FLOAT", width)}


def _tensor(name: str, dtype: str, *sizes: int) -> dict[str, object]:
    dims = [{"size": str(size), "name": ""} for size in (-1, *sizes)]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": f"{name}:0"}
