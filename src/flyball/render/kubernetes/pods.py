"""What all pods share: nobody's rights, a root file system that cannot be written, the spec, and variables without their secrets."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from flyball.core.digest import sha256_bytes
from flyball.render.dump import Tree
from flyball.render.kubernetes.naming import PREFIX, labels
from flyball.render.kubernetes.records import Cluster
from flyball.spec.delivery import GIB, Resources

USER = 10001
PLACE = "/project"
"""Where the project stands while it runs, in a volume that can be written and goes with the pod."""
IN_IMAGE = "/opt/project"
"""Where the image holds it."""
FILE = "flyball.toml"
NAMESPACE, ADDRESS = "FLYBALL_NAMESPACE", "FLYBALL_ADDRESS"
"""Variables that say where a pod is."""
_PLACES = {NAMESPACE: "metadata.namespace", ADDRESS: "status.podIP", "FLYBALL_REPLICA": "metadata.name"}
_SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own
_CALLED = "flyball"
PERSON = {"HOME": _SCRATCH, "USER": _CALLED, "LOGNAME": _CALLED, "TMPDIR": _SCRATCH, "DVC_SITE_CACHE_DIR": f"{_SCRATCH}/dvc"}
"""Who the user is, whom no image has to know, and where what is passing goes: libraries ask for a home and a name, and fail without."""
_GIT = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": PLACE}
"""The top of a volume is not the user's own, and git reads no repository in a folder of somebody else's unless it is told to."""


def container(
    cluster: Cluster, name: str, image: str, arguments: Sequence[str], *, resources: Tree, secrets: Sequence[str], optional: str = ""
) -> dict[str, Tree]:
    """One container that runs one verb."""
    return {
        "name": name,
        "image": image,
        "command": ["flyball"],
        "args": ["-C", PLACE, *(literal(word) for word in arguments)],
        "workingDir": PLACE,
        "env": environment(cluster, secrets, optional=optional),
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "project", "mountPath": PLACE},
            {"name": "spec", "mountPath": f"{PLACE}/{FILE}", "subPath": FILE, "readOnly": True},
            {"name": "tmp", "mountPath": _SCRATCH},
        ],
    }


def pod(
    cluster: Cluster, component: str, containers: Sequence[Tree], *, before: Sequence[Tree] = (), grace: timedelta, **more: Tree
) -> dict[str, Tree]:
    """A pod template: another spec is another template, so that a change of it starts new pods."""
    template: dict[str, Tree] = {
        "metadata": {"labels": labels(cluster, component), "annotations": annotations(cluster)},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": rights(),
            "terminationGracePeriodSeconds": int(grace.total_seconds()),
            **({"initContainers": list(before)} if before else {}),
            "containers": list(containers),
            "volumes": volumes(cluster),
            **more,
        },
    }
    return template


def annotations(cluster: Cluster) -> dict[str, Tree]:
    """The model's own name, and the digest of the spec's text."""
    return {f"{PREFIX}/model": cluster.plan.model, f"{PREFIX}/spec": sha256_bytes(cluster.text.encode())}


def rights() -> dict[str, Tree]:
    """The rights of a pod: none."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def volumes(cluster: Cluster) -> list[Tree]:
    """The project's folder, the spec over it, and room for what is passing."""
    return [
        {"name": "project", "emptyDir": {}},
        {"name": "spec", "configMap": {"name": f"{cluster.name}-spec"}},
        {"name": "tmp", "emptyDir": {}},
    ]


def copied(cluster: Cluster) -> dict[str, Tree]:
    """Puts the project that the image holds where it can be written. It needs no variable."""
    return {
        "name": "project",
        "image": cluster.image,
        "command": ["cp", "-Rf", f"{IN_IMAGE}/.", f"{PLACE}/"],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "project", "mountPath": PLACE}],
    }


def environment(cluster: Cluster, secrets: Sequence[str], *, optional: str = "") -> list[Tree]:
    """Variables: where the pod is, fixed ones, those of the spec, and those that come from the Secret, which is never written here.

    Without the `optional` one the pod runs too.
    """
    plain: Mapping[str, str] = {**PERSON, **_GIT, **cluster.plan.variables}
    given = [name for name in plain if name not in secrets]
    places = [name for name in _PLACES if name not in (*given, *secrets)]
    found: list[Tree] = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": _PLACES[name]}}} for name in places]
    found += [{"name": name, "value": literal(plain[name])} for name in given]
    for name in secrets:
        more: dict[str, Tree] = {"optional": True} if name == optional else {}
        found.append({"name": name, "valueFrom": {"secretKeyRef": {"name": cluster.name, "key": name, **more}}})
    return found


def literal(text: str) -> str:
    """A text in which Kubernetes, which fills in `$(NAME)` in arguments and variables, fills in nothing."""
    return text.replace("$", "$$")


def quantities(resources: Resources, *, otherwise: Resources) -> dict[str, Tree]:
    """What a container asks for, which is also the most it gets. Where the spec says nothing it asks for little, and nothing limits it."""
    asked = {"cpu": cpu(resources.cpu or otherwise.cpu), "memory": memory(resources.memory or otherwise.memory)}
    most: dict[str, Tree] = {}
    if resources.cpu is not None:
        most["cpu"] = cpu(resources.cpu)
    if resources.memory is not None:
        most["memory"] = memory(resources.memory)
    if resources.gpu:
        most["nvidia.com/gpu"] = str(resources.gpu)
    return {"requests": asked, **({"limits": most} if most else {})}


def cpu(cores: float | None) -> str:
    """Cores as Kubernetes writes them.

    >>> cpu(2), cpu(0.25)
    ('2', '250m')
    """
    thousandths = max(1, round((cores or 0.0) * 1000))
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def memory(size: int | None) -> str:
    """Bytes as Kubernetes writes them.

    >>> memory(2**31), memory(10**9)
    ('2Gi', '1000000000')
    """
    size = size or 0
    for unit, name in ((GIB, "Gi"), (2**20, "Mi")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)
