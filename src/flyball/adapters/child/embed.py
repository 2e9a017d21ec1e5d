"""In the child: texts as the vectors that the first steps of a model make of them, if it is the model that the bundle signs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import FeatureUnion

from flyball.adapters.mlflow.estimator import estimator_in, open_model
from flyball.adapters.mlflow.native import FOLDER
from flyball.adapters.pandas.arrow import read_parquet
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.convert import unwrapped
from flyball.core.errors import IntegrityError
from flyball.core.table import Table
from flyball.registry.bundle import folder_digest, read_file, read_manifest
from flyball.registry.records import Manifest

# Vectors wider than this, and sparse ones, are turned onto the directions in which the rows differ most.
WIDE = 256
DIRECTIONS = 32
_TEXT = (CountVectorizer, HashingVectorizer)

Found = tuple[str, tuple[Any, ...], Any]  # column, the steps that read it alone, what they made of the rows


def run_embed(command: dict[str, Any]) -> dict[str, object]:
    """Vectors of the columns of `to-embed.parquet` that the model has some for, left in files; column → by what, the file or the error."""
    from threadpoolctl import threadpool_limits

    bundle, folder = Path(command["bundle"]), Path(command["folder"])
    manifest = read_manifest(bundle, command["digest"])
    model = unwrapped(_opened(bundle, Path(command["model"]), manifest))
    table = read_parquet(folder / "to-embed.parquet").table
    answer: dict[str, object] = {}
    with threadpool_limits(limits=1):
        for at, (name, any_step) in enumerate(command["columns"].items()):
            try:
                found = embedding(model, table, name, any_step=any_step)
            except Exception as error:  # noqa: BLE001 - the steps are somebody's code; whatever they raise is why there is no vector
                answer[name] = {"by": "", "file": "", "error": f"{type(error).__name__}: {str(error)[:300]}"}
                continue
            if found is not None:
                np.save(folder / f"embedded-{at}.npy", found[1])
                answer[name] = {"by": found[0], "file": f"embedded-{at}.npy", "error": ""}
    return answer


def embedding(model: Any, table: Table, name: str, *, any_step: bool) -> tuple[str, NDArray[np.float64]] | None:
    """By which steps a model turns the texts of a column into vectors, and the vectors; None if none of its steps does."""
    there = np.flatnonzero([isinstance(value, str) and value != "" for value in table[name].tolist()])
    if len(there) == 0:
        return None
    frame = to_frame(table.take(there), table.columns)
    found = [(steps, made) for column, steps, made in _found(model, frame, name) if column == name and (any_step or _for_text(steps))]
    if not found:
        return None
    rows = _narrow([made for _, made in found])
    vectors = np.full((table.rows, rows.shape[1]), np.nan)
    vectors[there] = rows
    return " + ".join(" → ".join(type(step).__name__ for step in steps) for steps, _ in found), vectors


def _opened(bundle: Path, model: Path, manifest: Manifest) -> Any:
    """The model, of which every byte was verified right before."""
    if manifest.engine == "native":
        for name in manifest.files:
            if name.startswith(f"{FOLDER}/"):
                read_file(bundle, manifest, name)
        return estimator_in(open_model(bundle / FOLDER))
    if not manifest.model_sha256 or folder_digest(model) != manifest.model_sha256:
        raise IntegrityError("the model that MLflow has is not the one that the bundle signs")
    return estimator_in(open_model(model))


def _found(model: Any, frame: Any, wanted: str) -> Iterator[Found]:
    """Every way on which the values of one column alone become numbers, from the rows as they enter a model or a part of one."""
    if isinstance(model, CalibratedClassifierCV):
        model = unwrapped(model.calibrated_classifiers_[0].estimator)
    if isinstance(model, ColumnTransformer):
        yield from _of_branches(model, frame, wanted)
    elif isinstance(model, FeatureUnion):
        for _, part in model.transformer_list:
            if not isinstance(part, str):
                yield from _found(part, frame, wanted)
    elif isinstance(model, _TEXT):
        yield _read_by(frame), (model,), model.transform(frame)
    elif hasattr(model, "steps"):
        yield from _of_steps([step for _, step in model.steps if step is not None and not isinstance(step, str)], frame, wanted)


def _of_steps(steps: list[Any], given: Any, wanted: str) -> Iterator[Found]:
    """Down a pipeline to the step that takes columns apart, or to one that reads texts and what then only turns its vectors."""
    whole = given
    for at, step in enumerate(steps):
        if isinstance(step, ColumnTransformer | FeatureUnion) or hasattr(step, "steps"):
            yield from _found(step, given, wanted)
            return
        if isinstance(step, _TEXT):
            after = [later for later in steps[at:] if hasattr(later, "transform") and not hasattr(later, "predict")]
            column = _read_by(given, whole)
            for later in after:
                given = later.transform(given)
            yield column, tuple(after), given
            return
        if not hasattr(step, "transform"):
            return
        given = step.transform(given)


def _of_branches(model: ColumnTransformer, frame: Any, wanted: str) -> Iterator[Found]:
    if not isinstance(frame, pd.DataFrame):
        return
    for _, part, columns in model.transformers_:
        chosen = frame.loc[:, columns] if _are_names(columns) else frame.iloc[:, columns]
        names = [chosen.name] if isinstance(chosen, pd.Series) else list(chosen.columns)
        if isinstance(part, str) or wanted not in names:
            continue
        if names == [wanted]:
            yield wanted, tuple(step for _, step in part.steps) if hasattr(part, "steps") else (part,), part.transform(chosen)
        else:
            yield from _found(part, chosen, wanted)


def _are_names(columns: Any) -> bool:
    if isinstance(columns, slice):
        return isinstance(columns.start, str) or isinstance(columns.stop, str)
    return isinstance(columns, str) or (len(np.atleast_1d(columns)) > 0 and isinstance(np.atleast_1d(columns)[0], str))


def _read_by(given: Any, whole: Any = None) -> str:
    """The column whose texts these are: by its name, or the one that has the same values. Empty if none."""
    if isinstance(given, pd.Series) and given.name is not None:
        return str(given.name)
    if isinstance(whole, pd.DataFrame):
        texts = list(np.asarray(given, dtype=object).ravel())
        for name in whole.columns:
            if len(texts) == len(whole) and whole[name].tolist() == texts:
                return str(name)
    return ""


def _for_text(steps: tuple[Any, ...]) -> bool:
    return any(isinstance(step, _TEXT) for step in steps)


def _narrow(parts: list[Any]) -> NDArray[np.float64]:
    """Side by side as dense rows. What is sparse or wide becomes its coordinates along the directions in which all rows differ most.

    Which rows are old and which are new plays no part in choosing them, so they favour no answer.
    """
    thin = any(sparse.issparse(part) for part in parts)
    if not thin:
        dense = np.hstack([np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in parts])
        if dense.shape[1] <= WIDE or not np.isfinite(dense).all():
            return dense
        return _turned(dense)
    rows: Any = sparse.hstack([sparse.csr_matrix(part) for part in parts]).tocsc()
    used = np.flatnonzero(np.diff(rows.indptr))
    if len(used) == 0:
        return np.zeros((rows.shape[0], 1))
    return _turned(rows[:, used].tocsr())


def _turned(rows: Any) -> NDArray[np.float64]:
    from sklearn.decomposition import TruncatedSVD

    most = min(rows.shape) - 1
    if most <= DIRECTIONS:
        return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    turned: NDArray[np.float64] = TruncatedSVD(n_components=DIRECTIONS, random_state=0).fit_transform(rows)
    return turned
