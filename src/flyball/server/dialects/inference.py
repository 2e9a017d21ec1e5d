"""What the Open Inference Protocol asks for, whatever carries it: metadata, readiness, inference, repository, statistics."""

import asyncio
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from time import perf_counter
from typing import NamedTuple, NoReturn

import msgspec

from flyball.core.errors import ConflictError, NotFoundError, RefusedError, RequestError
from flyball.core.schema import did_you_mean
from flyball.ports.serving import Deployments
from flyball.server.dialects.caller import Caller
from flyball.server.dialects.inference_statistics import Statistics, Timing
from flyball.server.dialects.model_tensors import Form, inputs_of, outputs_of, rows_of, tensors_of
from flyball.server.dialects.tensors import Tensor
from flyball.server.scoring import Given
from flyball.server.served import Models, Served
from flyball.serving.codecs import name_of, time_of
from flyball.serving.contract import kind_of, shown
from flyball.serving.deployment import LiveModel
from flyball.serving.records import Deployment

EXTENSIONS = ("binary_tensor_data", "model_repository", "parameters", "statistics")
_CONTENT_TYPES = ("np", "pd", "str")  # MLServer's names for what is read here anyway
_NOT_TAKEN = {
    "shared_memory_region": "tensors in shared memory are not read here; send them in the request",
    "shared_memory_offset": "tensors in shared memory are not read here; send them in the request",
    "classification": "classification strings are not made here; the output 'predict_proba' holds every class's probability",
}
_LOOK_EVERY = 0.02  # seconds


class Asked(NamedTuple):
    """An inference request that has been read. `outputs`: the names asked for; None asks for all."""

    inputs: Sequence[Tensor]
    outputs: tuple[str, ...] | None
    id: str
    parameters: Mapping[str, object]


class Said(NamedTuple):
    """The answer to it. `version` answered; `parameters` hold its variant."""

    model: str
    version: str
    id: str
    parameters: Mapping[str, str]
    outputs: Sequence[Tensor]


class Entry(NamedTuple):
    """One version in the repository's index."""

    name: str
    version: str
    state: str
    reason: str


class Metadata(NamedTuple):
    """What is known of a model. `properties` hold the task, the columns in their order and the classes, as JSON."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: Sequence[Form]
    outputs: Sequence[Form]
    properties: Mapping[str, str]


class OpenInference:
    """The protocol over the models of one worker. Every error is a FlyballError; the carriers give it their shape."""

    name = "flyball"

    def __init__(self, models: Models, *, threads: Executor, draining: Callable[[], bool], clock: Callable[[], int]) -> None:
        self._models = models
        self._threads = threads
        self._draining = draining
        self._statistics = {name: Statistics(served, clock=clock) for name, served in models.by_name.items()}

    @property
    def version(self) -> str:
        """The version of Flyball, as it was installed."""
        return importlib.metadata.version("flyball")

    def ready(self) -> bool:
        """True if every model can be asked and the server is not about to end."""
        return not self._draining() and all(served.ready for served in self._models.by_name.values())

    def model_ready(self, name: str, version: str = "") -> bool:
        """True if a model, or one version of it, can be asked; NotFoundError if it is not here."""
        served = self._models.one(name)
        if served.reloader.live is None:
            return False
        if not version and not served.ready:
            return False
        _number(served.live, version)
        return not self._draining()

    def metadata(self, name: str, version: str = "") -> Metadata:
        """What a model reads and gives; NotFoundError if it or the version is not here, StoreError while nothing is deployed."""
        live = self._models.one(name).live
        number = _number(live, version)
        manifest = (live.champion if number is None else live.versions[number]).manifest
        properties = {"task": manifest.task, "columns": _json(live.contract.names[: live.contract.required])}
        if manifest.classes:
            properties["classes"] = _json(manifest.classes)
        if manifest.outputs:
            properties["outputs"] = _json(manifest.outputs)
        return Metadata(
            name=live.model,
            versions=tuple(map(str, sorted(live.versions))),
            platform=f"flyball_{manifest.engine}",
            inputs=inputs_of(live.contract),
            outputs=outputs_of(manifest),
            properties=properties,
        )

    async def infer(self, name: str, version: str, read: Callable[[int], Asked], caller: Caller) -> Said:
        """Answer the request that `read` makes, given how many elements its tensors may have together.

        A version that is named answers whatever its role, and takes no part in comparisons.
        """
        served = self._models.one(name)
        timing = Timing(perf_counter())
        try:
            live = served.live
            number = _number(live, version)
            asked = read(served.settings.max_rows * len(live.contract.columns))
            names = _outputs(live, number, asked.outputs)
            rows = rows_of(asked.inputs, live.contract, most=served.settings.max_rows)
            caller = _caller(asked.parameters, caller)
            timing.read = perf_counter()
            inferred = await served.predictor.infer(
                rows, unit=caller.unit, client_ids=caller.client_ids(len(rows)), at=caller.at, version=number
            )
            timing.inferred = perf_counter()
            made = tensors_of(inferred.live, inferred.rows)
        except BaseException:
            self._statistics[served.name].failed(version, timing, perf_counter())
            raise
        first = inferred.rows[0]
        self._statistics[served.name].succeeded(first.version, len(rows), timing, perf_counter())
        outputs = made if names is None else [tensor for name in names for tensor in made if tensor.name == name]
        return Said(live.model, str(first.version), asked.id, _parameters(inferred.rows), outputs)

    def index(self, *, ready: bool) -> list[Entry]:
        """Every version of every model here, and those that are left out of a deployment unless only the ready are asked for."""
        found = []
        for name, served in self._models.by_name.items():
            live = served.reloader.live
            if live is None:
                found.append(Entry(name, "", "UNAVAILABLE", served.reloader.error or "no version is deployed yet"))
                continue
            found += [Entry(name, str(number), "READY", "") for number in sorted(live.versions)]
            found += [Entry(name, str(number), "UNAVAILABLE", why) for number, why in sorted(live.left_out.items())]
        return [entry for entry in found if entry.state == "READY"] if ready else found

    async def load(self, name: str, parameters: Mapping[str, object]) -> None:
        """Take up what is deployed now, without waiting for the next look; ConflictError says why it was refused."""
        served = self._models.one(name)
        for key in parameters:
            if key == "config" or key.startswith("file:"):
                raise RequestError(
                    f"{shown(key)} is not taken: models come from the deployments of the project, not from requests", field=key[:60]
                )
        loop = asyncio.get_running_loop()
        newest = await loop.run_in_executor(self._threads, _newest, served.ports.deployments, served.name)
        until = loop.time() + served.settings.request_timeout
        while newest is not None and loop.time() < until:
            await served.reloader.look()
            live = served.reloader.live
            if live is not None and live.deployment.seq >= newest.seq:
                return
            if served.reloader.refused.startswith(f"deployment {newest.seq} "):
                break
            await asyncio.sleep(_LOOK_EVERY)  # a look that began before this one is loading it
        raise ConflictError(served.reloader.error or f"no version of {served.name!r} is deployed yet")

    def unload(self, name: str) -> NoReturn:
        """Refused: it would take a model out of service, and there are no tokens yet to say who may."""
        self._models.one(name)
        raise RefusedError(
            "taking a model out of service by a request needs an access token, and this server has none",
            hint="deploy another version (flyball promote, flyball rollback), or stop the server",
        )

    def statistics(self, name: str = "", version: str = "") -> list[dict[str, object]]:
        """What was asked for by this protocol since the server started, by version."""
        chosen: Sequence[Served] = [self._models.one(name)] if name else list(self._models.by_name.values())
        found = []
        for served in chosen:
            if served.reloader.live is None and not name:
                continue
            number = _number(served.live, version)
            numbers = sorted(served.live.versions) if number is None else [number]
            found += self._statistics[served.name].of(numbers)
        return found


def refuse_parameters(name: str, parameters: Mapping[str, object]) -> None:
    """RequestError for parameters of a tensor that would change what it means, and that are not supported."""
    for key, why in _NOT_TAKEN.items():
        if key in parameters:
            raise RequestError(f"{shown(name)}: {why}", field=name[:60])
    kind = parameters.get("content_type")
    if kind is not None and kind not in _CONTENT_TYPES:
        raise RequestError(
            f"{shown(name)}: the content type is {kind_of(kind)}, which is none of {', '.join(_CONTENT_TYPES)}", field=name[:60]
        )


def _newest(deployments: Deployments, model: str) -> Deployment | None:
    """What is about to serve, or else what is to serve now."""
    swap = deployments.pending(model)
    return deployments.current(model) if swap is None else swap.deployment


def _number(live: LiveModel, version: str) -> int | None:
    """The live version of a name; None for the empty name, which leaves the choice to the deployment."""
    if not version:
        return None
    for number in live.versions:
        if version == str(number):
            return number
    here = ", ".join(map(str, sorted(live.versions)))
    raise NotFoundError(f"there is no version {shown(version)} of {live.model!r} here", hint=f"live versions: {here}")


def _outputs(live: LiveModel, number: int | None, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    manifest = (live.champion if number is None else live.versions[number]).manifest
    known = [form.name for form in outputs_of(manifest)]
    for name in names:
        if name not in known:
            raise RequestError(
                f"there is no output {shown(name)}{did_you_mean(name, known)}", field=name[:60], hint=f"outputs: {', '.join(known)}"
            )
        if names.count(name) > 1:
            raise RequestError(f"the output {name!r} is asked for twice", field=name)
    return names


def _caller(parameters: Mapping[str, object], caller: Caller) -> Caller:
    """Who asks: the request's parameters, or else its headers."""
    refuse_parameters("parameters", parameters)
    unit, name, at = (parameters.get(key) for key in ("unit", "prediction_id", "at"))
    return Caller(
        caller.unit if unit is None else name_of(unit, "unit"),
        caller.name if name is None else name_of(name, "prediction_id"),
        caller.at if at is None else time_of(at, "at"),
    )


def _parameters(rows: Sequence[Given]) -> dict[str, str]:
    """Which variant answered; where rows were answered before by another version, which answered each."""
    found = {"variant": rows[0].variant}
    if len({(row.version, row.variant) for row in rows}) > 1:
        found = {"variant": ",".join(row.variant for row in rows), "versions": ",".join(str(row.version) for row in rows)}
    return found


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
