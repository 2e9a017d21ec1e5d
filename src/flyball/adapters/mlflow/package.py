"""A plain MLflow model folder around a pickled estimator: what `mlflow.pyfunc.load_model` reads, with nothing of Flyball in it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from flyball.core.schema import Kind, Schema
from flyball.ports.training import Fitted

_TYPES: dict[Kind, str] = {"number": "double", "integer": "long", "boolean": "boolean", "category": "string"}


def write_model_folder(model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None:
    """Write `MLmodel`, the pickle, requirements and the project's code (so that its own classes unpickle) into `folder`."""
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as MlflowSchema
    from mlflow.utils.environment import _PythonEnv
    from mlflow.version import VERSION

    folder.mkdir(parents=True)
    shutil.copyfile(model, folder / "model.pkl")
    for relative, path in code.items():
        target = folder / "code" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    requirements = [f"mlflow=={VERSION}", *(f"{name}=={version}" for name, version in sorted(fitted.packages.items()))]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
    _PythonEnv.current().to_yaml(str(folder / "python_env.yaml"))
    columns = [ColSpec(_TYPES[column.kind], column.name, required=not column.nullable) for column in schema.columns]
    described = Model(signature=ModelSignature(inputs=MlflowSchema(columns), outputs=MlflowSchema([ColSpec(_output(fitted))])))
    subpath = "code" if code else None
    mlflow.pyfunc.add_to_model(
        described, loader_module="mlflow.sklearn", data="model.pkl", code=subpath, python_env="python_env.yaml", predict_fn="predict"
    )
    described.add_flavor(
        "sklearn",
        pickled_model="model.pkl",
        sklearn_version=fitted.packages.get("scikit-learn", ""),
        serialization_format="cloudpickle",
        code=subpath,
    )
    described.save(str(folder / "MLmodel"))


def _output(fitted: Fitted) -> str:
    kinds = {type(label) for label in fitted.classes}
    if not kinds or kinds == {float}:
        return "double"
    return {frozenset({int}): "long", frozenset({bool}): "boolean"}.get(frozenset(kinds), "string")
