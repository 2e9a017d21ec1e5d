"""Texts of a trained version against recent ones: as its own model reads them, and only if it is the model that was trained here."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from flyball.adapters.sklearn.apart import tell_apart
from flyball.core.reason import Reason
from flyball.core.table import Table
from flyball.journal.state import fold
from flyball.loop.memory import Memory
from flyball.loop.multivariate import multivariate
from flyball.loop.texts import embedder
from flyball.monitoring.multivariate import MultivariateFound
from flyball.registry.bundle import read_manifest, write_bundle
from flyball.registry.signing import load_key
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_workshop, open_world
from flyball.words.sentences import sentence
from projects import make_project
from trained import flyball, only_our_warnings

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported and used is not ours to answer for

NOW = datetime(2024, 6, 1, tzinfo=UTC)
TFIDF, SVD, JOINED = 1, 2, 3  # versions

PIPELINE = """
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def joined(frame):
    return frame["note"] + " " + frame["plan"]


def train(frame, target, kind="tfidf"):
    if kind == "joined":
        return make_pipeline(FunctionTransformer(joined), HashingVectorizer(n_features=256), LogisticRegression()).fit(frame, target)
    words = TfidfVectorizer() if kind == "tfidf" else make_pipeline(
        HashingVectorizer(n_features=2**18, analyzer="char_wb", ngram_range=(2, 4)), TruncatedSVD(20, random_state=0)
    )
    return make_pipeline(make_column_transformer((words, "note"), ("passthrough", ["x0"])), LogisticRegression()).fit(frame, target)
"""

SPEC = """
[model]
name = "churn"
task = "binary"
[data]
source = "data/customers.csv"
target = "churned"
features = ["note", "plan", "x0"]
time = "seen_at"
outcome_time = "known_at"
matures = "2d"
[train]
run = "pipeline:train"
params = { kind = "tfidf" }
[evaluate]
metrics = ["roc_auc", "brier"]
gate = [ { metric = "roc_auc", at_least = 0.5 } ]
"""

TOPICS = {
    "bill": "invoice payment charged twice refund card bank fee month price discount receipt",
    "line": "internet slow router outage signal cable speed dropped connection modem wifi evening",
    "move": "address moving new house flat transfer contract city date street keys neighbour",
    "pets": "dog cat garden rabbit kennel walk leash fur vet feeding puppy whiskers",
}
FILL = """i the my and please since it was for a with again today help me have not your on this"""


def notes(rows: int, seed: int, topics: str = "bill line move") -> list[str]:
    """Texts of 6 to 20 words, of one topic each, of which hardly two are the same."""
    chance = np.random.default_rng(seed)
    found = []
    for topic in chance.choice(topics.split(), rows):
        words = [chance.choice(TOPICS[topic].split() if chance.random() < 0.4 else FILL.split()) for _ in range(chance.integers(6, 21))]
        found.append(" ".join(words))
    return found


def frame(rows: int, seed: int, topics: str = "bill line move") -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    return pd.DataFrame({"note": notes(rows, seed, topics), "plan": chance.choice(["a", "b"], rows), "x0": chance.normal(size=rows)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions on the same rows: compiled words, hashed pieces of words that cannot be compiled, two columns read as one."""
    data = frame(1500, 0)
    chance = np.random.default_rng(1)
    seen = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.sort(chance.integers(0, 60 * 86_400, len(data))), unit="s")
    left = chance.random(len(data)) < np.where(data["note"].str.contains("refund|outage|slow"), 0.7, 0.3)
    data = data.assign(seen_at=seen, known_at=seen + pd.Timedelta("1d"), churned=left.astype(int))
    folder = make_project(tmp_path_factory.mktemp("texts") / "project", pipeline=PIPELINE, spec=SPEC, frame=data)
    for before, now in (("tfidf", "svd"), ("svd", "joined"), ("joined", "")):
        said = flyball(folder, "train", "--json", "--now", "2024-05-01T00:00:00Z")
        assert said.status == 0, said.err
        text = (folder / "flyball.toml").read_text()
        (folder / "flyball.toml").write_text(text.replace(f'kind = "{before}"', f'kind = "{now or before}"'))
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "project"))


def answer(folder: Path, version: int, rows: pd.DataFrame) -> None:
    """Log these rows as answered in the seven days before NOW."""
    moments = [NOW - timedelta(days=6.9) + timedelta(days=6.8) * part for part in np.linspace(0, 1, len(rows))]
    rows.assign(prediction=0, seen_at=[moment.isoformat() for moment in moments]).to_csv(folder / "answered.csv", index=False)
    said = flyball(folder, "log", str(folder / "answered.csv"), "--version", str(version))
    assert said.status == 0, said.err


def look(folder: Path, version: int) -> MultivariateFound:
    settings, spec = read_settings(folder), load_spec(folder.resolve())
    with only_our_warnings():
        world, workshop = open_world(settings), open_workshop(settings, spec, echo=lambda _: None)
        world.predictions.ingest()
        state = fold("churn", world.journal.read("churn"))
        embed = embedder(workshop, world.bundles, state.versions[version].registered.bundle, version)
        try:
            return multivariate(world, workshop.snapshots, tell_apart, embed, spec, state, version, Memory(), now=NOW)
        finally:
            workshop.trainer.close()


@pytest.fixture
def bomb(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A file that is left behind if a pickle that MLflow keeps is opened: every one of them has been exchanged."""

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "bomb",)

    found = {path: path.read_bytes() for path in made.rglob("model.pkl") if "bundles" not in path.parts}
    assert len(found) >= 3
    for path in found:
        path.write_bytes(cloudpickle.dumps(Bomb()))
    yield tmp_path / "bomb"
    for path, content in found.items():
        path.write_bytes(content)


@pytest.mark.parametrize(("version", "by"), [(TFIDF, "TfidfVectorizer"), (SVD, "HashingVectorizer → TruncatedSVD")])
def test_a_change_of_subject_is_seen_as_the_model_reads_it_and_without_one_nothing_is(project: Path, version: int, by: str) -> None:
    answer(project, version, frame(900, 7))
    still = look(project, version)
    assert (still.vectors["note"].state, still.domain.state, still.notes) == ("ok", "ok", ())
    assert sentence(still.vectors["note"].reason).startswith(f"the texts of note are what they were, as the model reads them ({by}): 0.00")
    answer(project, version, frame(1800, 8, "line pets pets"))
    moved = look(project, version)
    assert moved.vectors["note"].state == "warn", "so few days can say no more"
    assert sentence(moved.vectors["note"].reason).startswith(
        f"the texts of note are perhaps about something else, as the model reads them ({by})"
    )
    assert moved.vectors["note"].distance > 2 * still.vectors["note"].distance
    assert moved.domain.state == "drift" and "note: unknown words" in list(moved.domain.columns)[:2]
    assert "note" not in moved.domain.columns  # no classifier learns texts by name


def test_a_model_that_reads_two_columns_as_one_has_no_vectors_of_either(project: Path) -> None:
    answer(project, JOINED, frame(900, 7))
    still = look(project, JOINED)
    assert still.vectors["note"].state == "ok"
    assert [sentence(note) for note in still.notes] == [
        "no step of the model of version 3 turns note alone into numbers: its texts are compared by what they look like"
    ]
    answer(project, JOINED, frame(1800, 8, "bill line pets"))
    assert sentence(look(project, JOINED).vectors["note"].reason).startswith("the texts of note perhaps look different (length, words")


def test_a_model_that_is_not_the_one_the_bundle_signs_is_not_opened(project: Path, bomb: Path) -> None:
    answer(project, TFIDF, frame(900, 7))
    found = look(project, TFIDF)
    assert not bomb.exists()
    assert found.vectors["note"].reason.code == "multivariate.facts_ok"
    assert [sentence(note) for note in found.notes] == [
        "the model of version 1 is not opened here: the model that MLflow has is not the one that the bundle signs:"
        " texts are compared by what they look like"
    ]


def test_a_compiled_version_whose_bundle_does_not_sign_its_model_is_not_opened(project: Path, tmp_path: Path) -> None:
    settings = read_settings(project)
    workshop, world = open_workshop(settings, load_spec(project.resolve()), echo=lambda _: None), open_world(settings)
    known = fold("churn", world.journal.read("churn")).versions[TFIDF].registered.bundle
    manifest = read_manifest(world.bundles.path(known), known)
    assert manifest.engine == "onnx" and manifest.model_sha256
    files: dict[str, Path | bytes] = {name: world.bundles.path(known) / name for name in manifest.files}
    write_bundle(tmp_path / "earlier", replace(manifest, model_sha256=""), files, load_key(settings.key))  # as 0.2.0 wrote it
    digest = world.bundles.put(tmp_path / "earlier")
    answered = embedder(workshop, world.bundles, digest, TFIDF)(Table({}), {})
    assert isinstance(answered, Reason) and sentence(answered).startswith("the model of version 1 is not opened here: opening it runs code")


def test_it_is_told_to_people_and_to_programs(project: Path) -> None:
    assert flyball(project, "promote", "churn@3", "--force", "--reason", "to see its notes").status == 0
    answer(project, JOINED, frame(900, 7))
    words = ("monitor", "--multivariate", "--window", "7d", "--now", NOW.isoformat())
    document = flyball(project, *words, "--json").json["multivariate"]
    assert document["vectors"]["note"]["state"] == "ok" and len(document["notes"]) == 1
    said = flyball(project, *words)
    assert "no step of the model of version 3 turns note alone into numbers" in " ".join(said.out.split())
    assert flyball(project, *words, "--html", str(project / "report.html")).status == 0
    assert "no step of the model of version 3" in (project / "report.html").read_text(encoding="utf-8")
