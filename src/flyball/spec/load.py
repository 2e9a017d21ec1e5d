"""Reads `flyball.toml` into a Spec, refusing whatever it does not understand."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import SpecError
from flyball.core.schema import did_you_mean
from flyball.core.window import format_duration
from flyball.spec.delivery import StoresSpec
from flyball.spec.environments import names, overlaid
from flyball.spec.load_alerts import read_alerts
from flyball.spec.load_data import plain_data, read_data
from flyball.spec.load_delivery import read_deliver, read_price, read_resources, read_stores, read_track
from flyball.spec.load_evaluate import read_evaluate
from flyball.spec.load_monitor import read_monitor
from flyball.spec.load_quality import read_quality
from flyball.spec.load_rollout import read_rollout
from flyball.spec.load_train import read_retrain, read_train
from flyball.spec.reader import Section
from flyball.spec.records import (
    Costs,
    DataSpec,
    ModelSpec,
    ServeSpec,
    Spec,
    Task,
)
from flyball.spec.search import read_search

FILE = "flyball.toml"

_TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
_SECTIONS = (
    "model",
    "data",
    "quality",
    "train",
    "evaluate",
    "serve",
    "rollout",
    "monitor",
    "alerts",
    "retrain",
    "stores",
    "track",
    "deliver",
)


def load_spec(folder: Path, environment: str = "") -> Spec:
    """The spec of the project in `folder`, as it is in an environment (empty: in none).

    SpecError names the file, the place, what was found and what to write instead.
    """
    return parse_spec(_text(folder), folder=folder, environment=environment)


def read_places(folder: Path, environment: str = "") -> StoresSpec:
    """Only what the spec says of shared stores; none where there is no spec yet."""
    if not (folder / FILE).exists():
        return StoresSpec()
    return read_stores(_section(overlaid(_document(_text(folder)), environment), "stores"))


def environments(text: str) -> list[str]:
    """The environments that a text of `flyball.toml` knows."""
    return names(_document(text))


def environments_of(folder: Path) -> list[str]:
    """The environments that the project in a folder knows."""
    return environments(_text(folder))


def parse_spec(text: str, *, folder: Path, environment: str = "") -> Spec:
    """The spec that a text says in an environment, as if it were the `flyball.toml` of `folder`."""
    document = overlaid(_document(text), environment)
    try:
        return _parsed(document, folder, environment)
    except SpecError as error:
        if not environment:
            raise
        raise SpecError(f"in the environment {environment!r}, {error.message}", hint=error.hint) from error


def _text(folder: Path) -> str:
    path = folder / FILE
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            f"there is no {FILE} in {folder}",
            hint="go to the project's folder or name it with -C DIR; `flyball init` begins a project",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}", hint="it must be a UTF-8 text file that you may read") from error


def _document(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{FILE} is not TOML: {error}", hint="texts need quotes, lists need brackets, each key stands once") from error


def _parsed(document: Mapping[str, object], folder: Path, environment: str) -> Spec:
    for name in document:
        if name not in _SECTIONS:
            guess = did_you_mean(name, _SECTIONS)
            raise SpecError(f"{FILE}: unknown section [{name}]{guess}", hint=f"known sections: {', '.join(_SECTIONS)}")
    model = _model(_section(document, "model"))
    data = read_data(_section(document, "data"), model.task)
    monitor = read_monitor(_section(document, "monitor"), model.task, data)
    evaluate = read_evaluate(_section(document, "evaluate"), model.task, data, monitor.floor)
    rollout = read_rollout(_section(document, "rollout"), model, data)
    train = _section(document, "train")
    resources = read_resources(Section(FILE, "train.resources", train.raw("resources") if train.has("resources") else {}))
    price = read_price(Section(FILE, "train.price", train.raw("price") if train.has("price") else {}))
    search = Section(FILE, "train.search", train.raw("search") if train.has("search") else {})
    trained = read_train(train)
    parts = {
        "model": model,
        "data": data,
        "train": trained,
        "evaluate": evaluate,
        "serve": _serve(_section(document, "serve")),
        "rollout": rollout,
        "monitor": monitor,
        "quality": read_quality(_section(document, "quality"), data),
        "alerts": read_alerts(_section(document, "alerts")),
        "retrain": read_retrain(_section(document, "retrain"), model, data, rollout),
    }
    plain: dict[str, dict[str, object]] = {name: to_plain(part) for name, part in parts.items()}  # type: ignore[misc]  # records
    plain["data"] = plain_data(data)
    if not plain["serve"]["backend"]:
        del plain["serve"]["backend"]  # specs without it keep the digest they had before it could be said
    digest = sha256_json(to_plain(plain))
    delivery = {
        "resources": resources,
        "price": price,
        "stores": _stores(_section(document, "stores"), data),
        "track": read_track(_section(document, "track")),
        "deliver": read_deliver(_section(document, "deliver")),
        "search": read_search(search, trained.params),
    }
    return Spec(**parts, **delivery, folder=folder, digest=digest, environment=environment)  # type: ignore[arg-type]  # exactly the sections


def _stores(section: Section, data: DataSpec) -> StoresSpec:
    """`[stores]`, which must not forget a prediction before its outcome counts."""
    record = read_stores(section)
    if record.keep is not None and record.keep < data.matures:
        least = format_duration(data.matures)
        raise section.refuse("keep", format_duration(record.keep), f"at least data.matures, which is {least}: outcomes count from then on")
    return record


def _section(document: Mapping[str, object], name: str, *, later: Mapping[str, str] | None = None) -> Section:
    if name in ("model", "data", "train") and name not in document:
        raise SpecError(f"{FILE}: section [{name}] is missing", hint="a spec needs [model], [data] and [train]; see `flyball init`")
    return Section(FILE, name, document.get(name, {}), later=later)


def _model(section: Section) -> ModelSpec:
    name = section.text("name", example="churn")
    if len(name) > 200 or any(ord(c) < 32 or c in "/:" for c in name):
        raise section.refuse("name", name, "a name of at most 200 characters without /, : and control characters (MLflow's rule)")
    task = section.choice("task", _TASKS)
    costs = None
    if section.has("costs"):
        if section.has("threshold"):
            raise SpecError(f"{FILE}: model.threshold and model.costs exclude each other", hint="the threshold follows from the costs")
        prices = Section(FILE, "model.costs", section.raw("costs"))
        costs = Costs(
            false_positive=prices.number("false_positive", least=1e-12), false_negative=prices.number("false_negative", least=1e-12)
        )
        prices.done()
    if task != "binary" and (section.has("threshold") or costs is not None):
        raise SpecError(f'{FILE}: model.threshold and model.costs belong to task = "binary"', hint="remove them")
    record = ModelSpec(
        name=name,
        task=task,
        threshold=section.number("threshold", 0.5, least=0.0, most=1.0),
        costs=costs,
        influences_outcome=section.flag("influences_outcome", default=False),
    )
    section.done()
    return record


def _serve(section: Section) -> ServeSpec:
    address = section.text("address", "127.0.0.1:8000")
    match = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})", address)
    if match is None or int(match[2]) > 65535:
        raise section.refuse("address", address, '"127.0.0.1:8000"')
    record = ServeSpec(
        host=match[1].strip("[]"),
        port=int(match[2]),
        workers=section.integer("workers", 1, least=1),
        log=section.choice("log", ("available", "required"), "available"),
        unseen=section.choice("unseen", ("count", "refuse"), "count"),
        backend=section.maybe_text("backend") or "",
    )
    section.done()
    if record.backend and not re.match(r"https?://[^\s@]+/v[12]/models/[^\s@]+$", record.backend):
        raise section.refuse("backend", record.backend, '"http://127.0.0.1:8501/v1/models/m" or "http://127.0.0.1:8000/v2/models/m"')
    return record
