"""What the custom resources that are rendered must be like: of the published definitions the fields that are used, and those required."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
FLAG: dict[str, Any] = {"type": "boolean"}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
ANY: dict[str, Any] = {"type": "object"}


def thing(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    """An object with these fields and no other."""
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def many(one: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": one}


def resource(group: str, kind: str, spec: dict[str, Any]) -> jsonschema.Draft202012Validator:
    named = thing(("name",), name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS)
    schema = thing(("apiVersion", "kind", "metadata", "spec"), apiVersion={"const": group}, kind={"const": kind}, metadata=named, spec=spec)
    return jsonschema.Draft202012Validator(schema)


def core(name: str) -> dict[str, Any]:
    """A field that is one of Kubernetes' own kinds: `validate_core` looks at it."""
    return {"type": "object", "title": name}


_RELABELING = thing(
    sourceLabels=many(TEXT),
    separator=TEXT,
    targetLabel=TEXT,
    regex=TEXT,
    modulus=NUMBER,
    replacement=TEXT,
    action={"enum": ["replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"]},
)
_ENDPOINT = thing(
    port=TEXT,
    targetPort={"type": ["string", "integer"]},
    path=TEXT,
    scheme={"enum": ["http", "https", "HTTP", "HTTPS"]},
    interval={**TEXT, "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"},
    scrapeTimeout=TEXT,
    honorLabels=FLAG,
    honorTimestamps=FLAG,
    relabelings=many(_RELABELING),
    metricRelabelings=many(_RELABELING),
)
_MONITOR = thing(
    ("endpoints", "selector"),
    jobLabel=TEXT,
    targetLabels=many(TEXT),
    podTargetLabels=many(TEXT),
    endpoints=many(_ENDPOINT),
    selector=thing(matchLabels=TEXTS, matchExpressions=many(ANY)),
    namespaceSelector=thing(any=FLAG, matchNames=many(TEXT)),
    sampleLimit=NUMBER,
)
_POD_MONITOR = thing(
    ("podMetricsEndpoints", "selector"),
    jobLabel=TEXT,
    podTargetLabels=many(TEXT),
    podMetricsEndpoints=many(_ENDPOINT),
    selector=thing(matchLabels=TEXTS, matchExpressions=many(ANY)),
    namespaceSelector=thing(any=FLAG, matchNames=many(TEXT)),
    sampleLimit=NUMBER,
)
_RUNTIME = thing(
    ("containers",),
    supportedModelFormats=many(thing(("name",), name=TEXT, version=TEXT, autoSelect=FLAG, priority=NUMBER)),
    protocolVersions=many({"enum": ["v1", "v2", "grpc-v1", "grpc-v2"]}),
    multiModel=FLAG,
    disabled=FLAG,
    containers=many(core("Container")),
    volumes=many(core("Volume")),
    labels=TEXTS,
    annotations=TEXTS,
)
_PREDICTOR = thing(
    labels=TEXTS,
    annotations=TEXTS,
    minReplicas=NUMBER,
    maxReplicas=NUMBER,
    scaleMetric={"enum": ["cpu", "memory", "concurrency", "rps"]},
    scaleTarget=NUMBER,
    timeout=NUMBER,
    automountServiceAccountToken=FLAG,
    securityContext=core("PodSecurityContext"),
    terminationGracePeriodSeconds=NUMBER,
    model=thing(
        ("modelFormat",), modelFormat=thing(("name",), name=TEXT, version=TEXT), runtime=TEXT, protocolVersion=TEXT, storageUri=TEXT
    ),
)
_SERVICE = thing(("predictor",), predictor=_PREDICTOR, transformer=ANY, explainer=ANY)

CRDS = {
    "ServiceMonitor": resource("monitoring.coreos.com/v1", "ServiceMonitor", _MONITOR),
    "PodMonitor": resource("monitoring.coreos.com/v1", "PodMonitor", _POD_MONITOR),
    "ServingRuntime": resource("serving.kserve.io/v1alpha1", "ServingRuntime", _RUNTIME),
    "InferenceService": resource("serving.kserve.io/v1beta1", "InferenceService", _SERVICE),
}
