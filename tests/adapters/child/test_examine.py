"""Looking at models that plain MLflow logged: what they are, what they can be served with, and what is never opened."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from flyball.adapters.child import examine as child
from flyball.adapters.child.order import Order, examine
from flyball.core.errors import DataError, NotFoundError, UnsupportedError, UsageError, UserCodeError
from flyball.core.table import Table
from flyball.data.profile import reference_from_json
from flyball.loop.adopt import Examined
from flyball.registry.bundle import verify_bundle, write_bundle
from flyball.registry.records import Manifest
from flyball.registry.signing import key_of
from flyball.serving.engine import load_engine
from plain_models import LEAVES, NUMBERS, PEOPLE, Plain, log_models, logging_to
from trained import MODEL, Shop, only_our_warnings

KEY = key_of(b"k" * 32)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    return log_models(tmp_path_factory.mktemp("plain"))


def order(plain: Plain, asked: str, folder: Path, **changes: Any) -> Order:
    given = {"trusted": True, "known": (), "classes": (), "data": "", **changes}
    return Order(asked=asked, tracking_uri=plain.uri, folder=str(folder), now=datetime.now(UTC), **given)


def looked(plain: Plain, asked: str, folder: Path, **changes: Any) -> Examined:
    """In this process, where everything is imported already."""
    folder.mkdir(exist_ok=True)
    with only_our_warnings():
        return child.examine(order(plain, asked, folder, **changes))


def bundled(found: Examined, folder: Path) -> tuple[Path, Manifest]:
    assert found.manifest is not None
    write_bundle(folder / "bundle", found.manifest, {name: Path(path) for name, path in found.files.items()}, KEY)
    return folder / "bundle", verify_bundle(folder / "bundle", KEY)


def test_a_forest_behind_an_encoder_is_compiled_with_all_that_it_knows(plain: Plain, tmp_path: Path) -> None:
    found = looked(plain, "models:/churn@live", tmp_path)
    folder, manifest = bundled(found, tmp_path)
    assert (manifest.task, manifest.classes, manifest.engine) == ("binary", (0, 1), "trees")
    assert [(c.name, c.kind, c.nullable) for c in manifest.schema.columns] == [
        ("age", "integer", False),
        ("income", "number", True),  # the forest takes missing numbers, although the signature does not say so
        ("plan", "category", False),
    ]
    assert manifest.schema.columns[2].categories == ("basic", "family", "gold")  # more than its five example rows show
    assert (found.source.uri, found.source.version) == ("models:/churn/1", 1)
    assert manifest.parity is not None and manifest.parity.rows == found.parity_rows == 1005
    assert "on 1005 rows (5 of its own example" in found.notes[0]
    assert reference_from_json((folder / "reference.json").read_bytes()).rows == 5
    engine = load_engine(folder, manifest)
    said = engine.score_rows([list(row) for row in PEOPLE[:50].itertuples(index=False)])
    assert np.allclose(said, plain.models["churn"].predict_proba(PEOPLE[:50])[:, 1], atol=1e-9)


def test_tensors_become_numbered_columns(plain: Plain, tmp_path: Path) -> None:
    manifest = looked(plain, "models:/array/1", tmp_path).manifest
    assert manifest is not None and manifest.schema.names == ("f0", "f1") and manifest.classes == ("goes", "stays")


def test_a_model_that_says_nothing_of_its_columns_is_asked_for_their_number(plain: Plain, tmp_path: Path) -> None:
    found = looked(plain, "models:/silent/1", tmp_path)
    assert found.manifest is not None and found.manifest.schema.names == ("f0", "f1")
    assert found.reference_rows == 0 and "no reference" in found.notes[-1]


@pytest.mark.parametrize(
    ("name", "task", "classes", "outputs", "probabilities"),
    [
        ("frame", "regression", (), ("low", "high"), True),
        ("margin", "binary", ("goes", "stays"), (), False),
        ("words", "binary", ("old", "young"), (), False),
    ],
)
def test_what_cannot_be_compiled_answers_by_itself(
    plain: Plain, tmp_path: Path, name: str, task: str, classes: tuple[str, ...], outputs: tuple[str, ...], probabilities: bool
) -> None:
    from flyball.adapters.mlflow.estimator import load_here

    folder, manifest = bundled(looked(plain, f"models:/{name}/1", tmp_path), tmp_path)
    assert (manifest.engine, manifest.task, manifest.classes, manifest.outputs) == ("native", task, classes, outputs)
    assert manifest.probabilities is probabilities and manifest.engine_reason
    with only_our_warnings():
        engine = load_here(folder, manifest)
        said = engine.score(Table({"age": np.array([20, 70]), "income": np.array([1e4, 2e4])}))
    if outputs == ("low", "high"):
        assert said.tolist() == [[19.0, 21.0], [69.0, 71.0]]
    elif name == "words":
        assert said.tolist() == [1.0, 0.0]  # young, old
        with pytest.raises(UnsupportedError, match="pickled Python code"):
            load_engine(folder, manifest)
    else:
        assert said.shape == (2,)


def test_several_numbers_a_row_are_several_outputs(plain: Plain, tmp_path: Path) -> None:
    folder, manifest = bundled(looked(plain, "models:/two/1", tmp_path), tmp_path)
    assert (manifest.task, manifest.outputs) == ("regression", ("output_0", "output_1"))
    said = load_engine(folder, manifest, trusted=True).score_rows([list(row) for row in NUMBERS[:20].itertuples(index=False)])
    assert np.allclose(said, plain.models["two"].predict(NUMBERS[:20]), rtol=1e-5)


def test_classes_can_be_named_and_those_that_were_not_are_told(plain: Plain, tmp_path: Path) -> None:
    manifest = looked(plain, "models:/words/1", tmp_path, classes=("old", "teen", "young")).manifest
    assert manifest is not None and (manifest.task, manifest.classes) == ("multiclass", ("old", "teen", "young"))
    with pytest.raises(UnsupportedError, match="answers young, which is not among"):
        looked(plain, "models:/words/1", tmp_path / "again", classes=("old", "teen"))


def test_onnx_is_served_as_it_is_and_needs_no_trust(plain: Plain, tmp_path: Path) -> None:
    folder, manifest = bundled(looked(plain, "models:/open/1", tmp_path, trusted=False), tmp_path)
    assert (manifest.engine, manifest.classes) == ("onnx", ("goes", "stays"))
    rows = NUMBERS[:20].to_numpy(np.float32)
    said = load_engine(folder, manifest).score_rows(rows.tolist())
    assert np.allclose(said, plain.models["array"].predict_proba(rows)[:, 1], atol=1e-4)


def test_what_xgboost_wrote_is_data_and_is_compiled_without_trust(plain: Plain, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost", reason="install flyball's extra for XGBoost")
    classifier = xgboost.XGBClassifier(n_estimators=5).fit(NUMBERS, LEAVES)
    with logging_to(plain.uri):
        import mlflow.xgboost

        mlflow.xgboost.save_model(classifier, str(tmp_path / "boosted"), input_example=NUMBERS[:5], pip_requirements=["xgboost"])
        regressor = xgboost.XGBRegressor(n_estimators=5).fit(NUMBERS, NUMBERS["income"])
        mlflow.xgboost.save_model(regressor, str(tmp_path / "value"), input_example=NUMBERS[:5], pip_requirements=["xgboost"])
    folder, manifest = bundled(looked(plain, str(tmp_path / "boosted"), tmp_path / "x", trusted=False), tmp_path / "x")
    assert (manifest.engine, manifest.classes, manifest.model) == ("trees", (0, 1), "boosted")
    said = load_engine(folder, manifest).score_rows([list(row) for row in NUMBERS[:50].itertuples(index=False)])
    assert np.allclose(said, classifier.predict_proba(NUMBERS[:50])[:, 1], atol=1e-6)
    found = looked(plain, str(tmp_path / "value"), tmp_path / "y")
    assert found.manifest is not None and (found.manifest.task, found.manifest.engine) == ("regression", "trees")
    named = (tmp_path / "boosted" / "MLmodel").read_text().replace("xgboost.sklearn.XGBClassifier", "os.system")
    (tmp_path / "boosted" / "MLmodel").write_text(named)
    with pytest.raises(UnsupportedError, match="is Python code"):
        looked(plain, str(tmp_path / "boosted"), tmp_path / "z", trusted=False)


def test_rows_of_a_file_make_the_reference(plain: Plain, tmp_path: Path) -> None:
    PEOPLE.assign(left=LEAVES).to_csv(tmp_path / "rows.csv", index=False)
    found = looked(plain, "models:/churn/1", tmp_path, data=str(tmp_path / "rows.csv"))
    assert found.reference_rows == 400
    (tmp_path / "bad.csv").write_text("age,income\n1,2\n")
    with pytest.raises(DataError, match="no column 'plan'"):
        looked(plain, "models:/churn/1", tmp_path / "bad", data=str(tmp_path / "bad.csv"))


def test_a_version_that_flyball_made_is_used_as_it_is_without_trust(shop: Shop, tmp_path: Path) -> None:
    uri = f"sqlite:///{shop.folder}/mlflow.db"
    found = looked(Plain(shop.folder, uri, {}), f"models:/{MODEL}@champion", tmp_path, trusted=False)
    assert found.manifest is not None and found.manifest.lineage.snapshot
    assert load_engine(*bundled(found, tmp_path)).name == found.manifest.engine


def test_a_model_of_a_run_can_be_named_and_a_known_identity_is_not_looked_at_again(plain: Plain, tmp_path: Path) -> None:
    import mlflow

    run = mlflow.MlflowClient(tracking_uri=plain.uri).get_model_version("open", "1").run_id
    by_run = looked(plain, f"runs:/{run}/open", tmp_path / "run")
    assert by_run.source.name == "open" and by_run.manifest is not None and by_run.manifest.engine == "onnx"
    first = looked(plain, "models:/open/1", tmp_path)
    again = looked(plain, "models:/open/1", tmp_path / "again", known=(first.source.identity,), trusted=False)
    assert again.manifest is None and again.source.identity == first.source.identity


def test_what_does_not_exist_is_said(plain: Plain, tmp_path: Path) -> None:
    for asked, kind, what in (
        ("models:/nothing@live", NotFoundError, "nothing"),
        ("models:/churn@life", NotFoundError, "no alias 'life'; did you mean 'live'"),
        ("models:/churn/99", NotFoundError, "99"),
        ("models:/churn", UsageError, "none of its versions"),
        ("runs:/abc", UsageError, "no model in it"),
        (str(tmp_path), NotFoundError, "no file"),
    ):
        with pytest.raises(kind, match=what):
            looked(plain, asked, tmp_path)


class Bomb:
    """Leaves a mark when it is unpickled, and takes the process with it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"import os; open({str(self.mark)!r}, 'w').close(); os._exit(7)",)


def test_a_hostile_pickle_is_opened_only_where_it_is_trusted_and_then_in_a_child(plain: Plain, tmp_path: Path) -> None:
    import mlflow.models
    import mlflow.pyfunc

    mark, model = tmp_path / "mark", tmp_path / "model"
    model.mkdir()
    (model / "model.pkl").write_bytes(cloudpickle.dumps(Bomb(mark)))
    described = mlflow.models.Model()
    mlflow.pyfunc.add_to_model(described, loader_module="mlflow.sklearn", data="model.pkl")
    described.add_flavor("sklearn", pickled_model="model.pkl", serialization_format="cloudpickle")
    described.save(str(model / "MLmodel"))
    with pytest.raises(UnsupportedError, match="is Python code"):
        examine(order(plain, str(model), tmp_path / "careful", trusted=False))
    assert not mark.exists()
    with pytest.raises(UserCodeError, match="exit code 7"):
        examine(order(plain, str(model), tmp_path / "trusting"))
    assert mark.exists()
