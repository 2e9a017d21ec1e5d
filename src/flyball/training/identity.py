"""The identity of a training: two trainings with equal identities would do the same work on the same bytes."""

from collections.abc import Mapping

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.spec.records import Spec


def training_digest(spec: Spec) -> str:
    """Digest of what the spec says about training and judging; serving, monitoring and rollout may change without a new training."""
    parts = {"model": spec.model, "data": spec.data, "train": spec.train, "evaluate": spec.evaluate}
    rows = {"source": spec.retrain.source, "window": spec.retrain.window}
    return sha256_json({**{name: to_plain(part) for name, part in parts.items()}, "rows": to_plain(rows)})


def identity_of(*, spec: Spec, snapshot: str, code: str, versions: Mapping[str, str]) -> str:
    """Digest over spec, snapshot, code and the versions of Python and of the libraries that learn."""
    return sha256_json({"spec": training_digest(spec), "snapshot": snapshot, "code": code, "versions": dict(versions)})


def repetition(identity: str, number: int) -> str:
    """The identity of a training repeated by force: the same work, told apart by its number."""
    return f"{identity}+{number}" if number else identity


def origin(identity: str) -> str:
    """The identity without the number of its repetition."""
    return identity.partition("+")[0]
