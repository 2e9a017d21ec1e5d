"""Predictions made elsewhere: checked against what is known of the model, and made into batches for the prediction log.

A version that is not known here is taken as it is: monitoring counts per version. Rows of the champion's version are held against its
contract like a request.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from flyball.core.digest import sha256_json
from flyball.core.errors import RequestError
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.serving.codecs import MOST_CONTEXT, name_of, time_of
from flyball.serving.contract import LARGEST_INTEGER, LARGEST_NUMBER, LONGEST_TEXT, Contract, Row, kind_of, shown
from flyball.serving.deployment import LiveModel
from flyball.serving.records import Label, PredictionBatch
from flyball.spec.records import Task

KEYS = ("features", "prediction", "score", "confidence", "version", "variant", "prediction_id", "unit", "id", "context", "at")
WORKER = "elsewhere"

_VARIANTS = ("champion", "challenger")
_LARGEST_VERSION = 2**31
_LONGEST_NAME = 256
_PLAIN = frozenset({str, int, float, bool, type(None)})
_FAR = 1e-3  # how far probabilities may be from a sum of 1


@record
class Known:
    """What is known here of a model. Without a champion `classes` is empty, and `version` and `contract` are None."""

    model: str
    task: Task
    classes: tuple[Label, ...] = ()
    threshold: float = 0.5
    version: int | None = None
    contract: Contract | None = None


@record
class MadeElsewhere:
    """One checked prediction; `at` is in microseconds, `names` are those of its features."""

    version: int
    variant: str
    at: int
    unit: str | None
    entity: str | None
    client_id: str | None
    label: Label
    score: float | list[float]
    names: tuple[str, ...]
    features: Row | None
    context: Mapping[str, Label | None] | None


def known_of(live: LiveModel) -> Known:
    """What a deployment says of its model."""
    manifest = live.champion.manifest
    return Known(
        model=live.model,
        task=manifest.task,
        classes=manifest.classes,
        threshold=manifest.threshold,
        version=live.champion.version,
        contract=live.contract,
    )


def check_elsewhere(item: object, known: Known, *, now: int | None, version: int | None = None) -> MadeElsewhere:
    """The prediction in a JSON object; RequestError names the field. `now` and `version` stand in where it says nothing of them."""
    if not isinstance(item, dict):
        raise RequestError(f"a prediction must be an object, not {kind_of(item)}")
    for key in item:
        if key not in KEYS:
            raise RequestError(f"{shown(key)} is not a key of a prediction{did_you_mean(key, KEYS)}", field=str(key)[:60])
    number = _version(item.get("version"), version if version is not None else known.version)
    names, features = _features(item.get("features"), known, number)
    label, score = _said(item, known)
    variant = item.get("variant")
    if variant is not None and variant not in _VARIANTS:
        raise RequestError(f"'variant' must be champion or challenger, not {kind_of(variant)}", field="variant")
    at = now if item.get("at") is None else time_of(item["at"], "at")
    if at is None:
        raise RequestError("'at' is missing: when was it predicted?", field="at")
    return MadeElsewhere(
        version=number,
        variant=variant or "champion",
        at=at,
        unit=name_of(item.get("unit"), "unit"),
        entity=name_of(item.get("id"), "id"),
        client_id=name_of(item.get("prediction_id"), "prediction_id"),
        label=label,
        score=score,
        names=names,
        features=features,
        context=_pairs(item.get("context"), "context", MOST_CONTEXT),
    )


def elsewhere_batches(
    known: Known, rows: Sequence[MadeElsewhere], seen: Counter[bytes], *, made_at: int, worker: str = WORKER
) -> list[PredictionBatch]:
    """The rows as the log takes them, one batch for each set of features.

    Ids follow from the client's id or else from all that a row says, so that a repeat is the same prediction; `seen` counts equal rows of
    one file or request, which are different predictions.
    """
    groups: dict[tuple[str, ...], list[MadeElsewhere]] = {}
    for row in rows:
        groups.setdefault(row.names, []).append(row)
    return [_batch(known, names, group, seen, made_at=made_at, worker=worker) for names, group in groups.items()]


def name_of_item(item: object) -> str:
    """What a prediction that was not taken calls itself."""
    if isinstance(item, dict):
        for key in ("prediction_id", "id", "unit"):
            if isinstance(name := item.get(key), str):
                return name[:60]
    return ""


def _batch(
    known: Known, names: tuple[str, ...], rows: Sequence[MadeElsewhere], seen: Counter[bytes], *, made_at: int, worker: str
) -> PredictionBatch:
    contract = known.contract
    same = contract is not None and names == contract.names
    return PredictionBatch(
        model=known.model,
        worker=worker,
        schema_id=contract.schema_id if contract is not None and same else sha256_json(["elsewhere", *names]),
        feature_names=list(names),
        prediction_id=[_own_id(known.model, row, seen) for row in rows],
        version=[row.version for row in rows],
        variant=[row.variant for row in rows],
        shadow=[False] * len(rows),
        at=[row.at for row in rows],
        made_at=[made_at] * len(rows),
        unit=[row.unit for row in rows],
        entity=[row.entity for row in rows],
        client_id=[row.client_id for row in rows],
        label=[row.label for row in rows],
        score=[row.score for row in rows],
        features=[None if row.features is None else list(row.features) for row in rows],
        context=[row.context for row in rows],
    )


def _own_id(model: str, row: MadeElsewhere, seen: Counter[bytes]) -> str:
    said: object = row if row.client_id is None else row.client_id
    digest = hashlib.sha256(msgspec.msgpack.encode([model, said])).digest()
    if row.client_id is None:
        again = seen[digest]
        seen[digest] = again + 1
        if again:
            digest = hashlib.sha256(digest + again.to_bytes(8, "big")).digest()
    return f"{row.at // 1000 & 0xFFFFFFFFFFFF:012x}8{digest.hex()[:19]}"


def _version(given: object, default: int | None) -> int:
    if given is None and default is not None:
        return default
    if given is None:
        raise RequestError("'version' is missing, and there is no champion whose version could stand in", field="version")
    if type(given) is not int or not 0 < given < _LARGEST_VERSION:
        raise RequestError(
            f"'version' must be a whole number from 1 on, not {kind_of(given)}",
            field="version",
            hint="number the versions of a model that is made elsewhere; a name such as 'v3' can go into 'context'",
        )
    return given


def _features(given: object, known: Known, version: int) -> tuple[tuple[str, ...], Row | None]:
    contract = known.contract
    if given is None:
        return (contract.names if contract is not None else ()), None
    if contract is not None and version == known.version:
        return contract.names, contract.row(given)
    if isinstance(given, list) and contract is not None and len(given) == len(contract.names):
        given = dict(zip(contract.names, given, strict=True))
    pairs = _pairs(given, "features", None)
    assert pairs is not None
    if contract is not None and set(pairs) <= set(contract.names):
        return contract.names, [pairs.get(name) for name in contract.names]
    names = tuple(sorted(pairs))
    return names, [pairs[name] for name in names]


def _pairs(given: object, field: str, most: int | None) -> dict[str, Label | None] | None:
    """An object from name to text, number, true, false or null."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise RequestError(f"{field!r} must be an object from name to value, not {kind_of(given)}", field=field)
    if most is not None and len(given) > most:
        raise RequestError(f"{field!r} has {len(given)} keys; at most {most} are taken", field=field)
    if _sound(given):
        return given
    for name, value in given.items():
        place = f"{field}.{name[:60]}"
        if len(name) > _LONGEST_NAME:
            raise RequestError(f"a name in {field!r} is longer than {_LONGEST_NAME} characters", field=field)
        if not (value is None or isinstance(value, str | int | float)):
            raise RequestError(f"{place} must be a text, a number, true, false or null, not {kind_of(value)}", field=place)
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise RequestError(f"{place} is longer than {LONGEST_TEXT} characters", field=place)
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise RequestError(f"{place} is too large for an integer", field=place)
        if isinstance(value, float) and not abs(value) <= LARGEST_NUMBER:
            raise RequestError(f"{place} is too large or no number", field=place)
    return given


def _sound(given: Mapping[str, object]) -> bool:
    """Whether all names and values are surely right, by a look at all of them at once."""
    values = given.values()
    if not _PLAIN.issuperset(map(type, values)) or max(map(len, given), default=0) > _LONGEST_NAME:
        return False
    numbers = [value for value in values if type(value) is int or type(value) is float]
    texts = [value for value in values if type(value) is str]
    return (not texts or max(map(len, texts)) <= LONGEST_TEXT) and all(abs(number) <= LARGEST_INTEGER for number in numbers)


def _said(item: Mapping[str, object], known: Known) -> tuple[Label, float | list[float]]:
    """Label and score, each from what is given and what is known."""
    prediction, score, confidence = item.get("prediction"), item.get("score"), item.get("confidence")
    if known.task == "regression":
        value = _number(prediction if prediction is not None else score, "prediction")
        return value, value
    label = None if prediction is None else _label(prediction, known)
    scores = _scores(score, known)
    if scores is None and confidence is not None and label is not None:
        scores = _from_confidence(label, _share(confidence, "confidence"), known)
    if label is None:
        if scores is None:
            raise RequestError("'prediction' is missing: the predicted label", field="prediction")
        label = _likeliest(scores, known)
    return label, scores if scores is not None else _certain(label, known)


def _label(given: object, known: Known) -> Label:
    if not isinstance(given, str | int | float) or (isinstance(given, str) and len(given) > LONGEST_TEXT):
        raise RequestError(f"'prediction' must be a label, not {kind_of(given)}", field="prediction")
    for label in known.classes:
        if label == given and isinstance(label, bool) == isinstance(given, bool):
            return label
    if known.classes:
        classes = ", ".join(map(repr, known.classes[:20]))
        raise RequestError(f"'prediction' cannot be {kind_of(given)}; the classes are {classes}", field="prediction")
    if isinstance(given, float) and not math.isfinite(given):
        raise RequestError("'prediction' is not a finite number", field="prediction")
    if isinstance(given, int) and abs(given) > LARGEST_INTEGER:
        raise RequestError("'prediction' is too large for an integer", field="prediction")
    return given


def _scores(given: object, known: Known) -> float | list[float] | None:
    """One probability, that of the second class, for a binary model; else one for each class, in a list or by its name."""
    if given is None:
        return None
    if isinstance(given, dict):
        texts = [str(label) for label in known.classes]
        if set(given) != set(texts) or not texts:
            known_here = f"; the classes are {', '.join(texts[:20])}" if texts else ": the classes are not known here, give a list"
            raise RequestError(f"'score' must have a probability for every class{known_here}", field="score")
        given = [given[text] for text in texts]
    if isinstance(given, list):
        shares = [_share(one, f"score[{place}]") for place, one in enumerate(given)]
        if (known.classes and len(shares) != len(known.classes)) or len(shares) < 2 or abs(sum(shares) - 1.0) > _FAR:
            many = f"{len(known.classes)} " if known.classes else ""
            raise RequestError(f"'score' must hold {many}probabilities, one for each class, that sum to 1", field="score")
        return shares[1] if known.task == "binary" and len(shares) == 2 else shares
    if known.task == "multiclass":
        raise RequestError("'score' must hold a probability for each class", field="score")
    return _share(given, "score")


def _from_confidence(label: Label, confidence: float, known: Known) -> float | list[float] | None:
    """The score of a binary model from the probability of its label; of more classes it does not follow."""
    if known.task != "binary":
        raise RequestError("with several classes give 'score', a probability for each, instead of 'confidence'", field="confidence")
    return confidence if _positive(label, known) else 1.0 - confidence


def _certain(label: Label, known: Known) -> float | list[float]:
    """The score of a label alone: 1 for the class it names."""
    if known.task == "binary":
        return 1.0 if _positive(label, known) else 0.0
    if not known.classes:
        raise RequestError("'score' is missing: a probability for each class", field="score")
    return [1.0 if one == label else 0.0 for one in known.classes]


def _positive(label: Label, known: Known) -> bool:
    if known.classes:
        return label == known.classes[-1]
    if label in (0, 1):
        return bool(label)
    raise RequestError("'score' is missing: the probability of the second class, which is not known here", field="score")


def _likeliest(score: float | list[float], known: Known) -> Label:
    if not known.classes:
        raise RequestError("'prediction' is missing: the predicted label", field="prediction")
    if isinstance(score, list):
        return known.classes[score.index(max(score))]
    return known.classes[1 if score >= known.threshold else 0]


def _number(given: object, field: str) -> float:
    if given is None:
        raise RequestError(f"{field!r} is missing: the predicted value", field=field)
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) <= LARGEST_NUMBER:
        raise RequestError(f"{field!r} must be a finite number, not {kind_of(given)}", field=field)
    return float(given)


def _share(given: object, field: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0.0 <= given <= 1.0:
        raise RequestError(f"{field!r} must be a probability from 0 to 1, not {kind_of(given)}", field=field)
    return float(given)
