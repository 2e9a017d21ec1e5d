"""The identity of a training: two trainings with equal identities would do the same work on the same bytes."""

from collections.abc import Mapping
from dataclasses import replace

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.spec.load_data import plain_data
from flyball.spec.records import EvaluateSpec, ReplaySpec, Spec


def training_digest(spec: Spec) -> str:
    """Digest of what the spec says about training and judging; serving, monitoring and rollout may change without a new training."""
    parts = {"model": spec.model, "data": plain_data(spec.data), "evaluate": _evaluate(spec.evaluate)}
    rows: dict[str, object] = {"source": spec.retrain.source, "window": spec.retrain.window}
    if spec.retrain.since_change:
        rows["since_change"] = True
    return sha256_json({**{name: to_plain(part) for name, part in parts.items()}, "train": _train(spec), "rows": to_plain(rows)})


def recorded_as(spec: Spec, digest: str) -> bool:
    """Whether a digest is that of this spec; also of a Flyball that left no rows untouched, where the file said nothing of them."""
    before = replace(spec, evaluate=replace(spec.evaluate, untouched=0.0))
    return digest in (training_digest(spec), training_digest(before))


def identity_of(*, spec: Spec, snapshot: str, code: str, versions: Mapping[str, str]) -> str:
    """Digest over spec, snapshot, code and the versions of Python and of the libraries that learn."""
    return sha256_json({"spec": training_digest(spec), "snapshot": snapshot, "code": code, "versions": dict(versions)})


def repetition(identity: str, number: int) -> str:
    """The identity of a training repeated by force: the same work, told apart by its number."""
    return f"{identity}+{number}" if number else identity


def asked_for(identity: str, action: str) -> str:
    """The identity of a training by another system: what it does with the same rows may be something else every time it is asked."""
    return sha256_json({"identity": identity, "action": action})


def origin(identity: str) -> str:
    """The identity without the number of its repetition."""
    return identity.partition("+")[0]


def _evaluate(evaluate: EvaluateSpec) -> dict[str, object]:
    """What is not used is not there, as in `_train`."""
    plain = to_plain(evaluate)
    assert isinstance(plain, dict)
    if evaluate.replay == ReplaySpec():
        del plain["replay"]
    if not evaluate.untouched:
        del plain["untouched"]
    for check in plain["gate"]:
        for key in ("slice", "slices"):
            if not check[key]:
                del check[key]
    return plain


def _train(spec: Spec) -> dict[str, object]:
    """What is not used is not there: a key that a later version of the spec brings leaves older trainings what they were."""
    train = spec.train
    told: dict[str, object] = {"run": train.run, "params": train.params, "timeout": train.timeout}
    if train.command:
        told["command"] = train.command
    if train.python:
        told["python"] = train.python
    if train.external is not None:
        told["external"] = train.external.kind
    plain = to_plain(told)
    assert isinstance(plain, dict)
    return plain
