"""Names in a cluster: what Kubernetes takes, and what the manifests share."""

import hashlib
import re

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.render.dump import Tree
from flyball.render.kubernetes.records import Cluster

_LONGEST = 40
"""With what is added behind it a name stays within the 52 characters of a CronJob."""
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]{0,200}(@sha256:[0-9a-f]{64})?")
PREFIX = "flyball.dev"
PART = "flyball"
"""In the label `part-of` of everything, and by it the `job` of the series: rules and dashboards ask for that."""


def object_name(model: str) -> str:
    """What the objects of a model are called: a DNS label that begins with a letter.

    >>> object_name("churn"), object_name("2024")
    ('churn', 'm-2024')
    """
    name = slug(model)
    name = name if name[0].isalpha() else f"m-{name}"
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def images(image: str, server_image: str) -> tuple[str, str]:
    """The image of everything and that of the servers: `registry/churn:1` and, if nothing else is said, `registry/churn-server:1`.

    An image that is named by a digest has no other beside it: servers take the same.
    """
    for one, where in ((image, "[deliver] image"), (server_image, "--server-image")):
        if one and not _IMAGE.fullmatch(one):
            raise SpecError(f"{where} = {one!r} names no container image", hint='write for example "registry.example.com/team/churn:1"')
    if not image:
        raise SpecError(
            "a cluster runs images, and the spec names none",
            hint='add image = "registry.example.com/team/churn:1" under [deliver]; `flyball render docker` says how to build it',
        )
    if server_image or "@" in image:
        return image, server_image or image
    head, slash, last = image.rpartition("/")
    name, colon, tag = last.partition(":")
    return image, f"{head}{slash}{name}-server{colon}{tag}"


def selector(cluster: Cluster, component: str) -> dict[str, Tree]:
    """The labels by which the pods of one part are found."""
    return {"app.kubernetes.io/name": PART, "app.kubernetes.io/instance": cluster.name, "app.kubernetes.io/component": component}


def labels(cluster: Cluster, component: str) -> dict[str, Tree]:
    """The labels of an object or a pod."""
    return {**selector(cluster, component), "app.kubernetes.io/part-of": PART}


def metadata(cluster: Cluster, component: str, *, suffix: str = "") -> dict[str, Tree]:
    """The metadata of an object. The model's own name, which may hold any sign, stands in an annotation."""
    found: dict[str, Tree] = {"name": cluster.name + suffix}
    if cluster.namespace:
        found["namespace"] = cluster.namespace
    return {**found, "labels": labels(cluster, component), "annotations": {f"{PREFIX}/model": cluster.plan.model}}


def client_label(cluster: Cluster) -> str:
    """Pods and namespaces with this label, `"true"`, may ask the servers."""
    return f"client.{PREFIX}/{cluster.name}"
