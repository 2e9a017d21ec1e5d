"""From an order to clusters, and from a cluster to all its objects."""

from collections.abc import Iterator

from flyball.core.errors import SpecError, UsageError
from flyball.plan.make import make_plan, shared
from flyball.render.kubernetes import loop, network, server
from flyball.render.kubernetes.naming import images, metadata, object_name
from flyball.render.kubernetes.pods import FILE
from flyball.render.kubernetes.records import Cluster, Manifest, Manifests
from flyball.render.records import Order
from flyball.spec.records import Spec

_LARGEST = 900_000
"""Bytes of a spec's text: a ConfigMap holds a mebibyte, its names included."""


def clusters(order: Order, *, base: bool = False) -> Iterator[tuple[str, Cluster]]:
    """Each project of an order, with the folder its files go to: none for one project, one each for several.

    SpecError for a project with environments of which none was chosen: its verbs would refuse to act. A `base` of overlays may be that.
    """
    names = [object_name(spec.model.name) for spec in order.specs]
    for spec, name in zip(order.specs, names, strict=True):
        if names.count(name) > 1:
            raise UsageError(f"two projects here call their model {spec.model.name!r}", hint="rename one of them")
        source = order.sources.get(spec.model.name)
        if not base and not spec.environment and source is not None and source.environments:
            known = list(source.environments)
            raise SpecError(
                f"the project has environments ({', '.join(map(repr, known))}), and a cluster runs one of them",
                hint=f"say which: flyball --env {known[0]} render ...; `flyball render kustomize` renders all of them",
            )
        yield (f"{name}/" if len(names) > 1 else ""), cluster(spec, order)


def cluster(spec: Spec, order: Order) -> Cluster:
    """A project as it runs in a cluster; SpecError for one that cannot."""
    shared(spec, by="a cluster")
    source = order.sources.get(spec.model.name)
    text = source.text if source is not None else ""
    if len(text.encode()) > _LARGEST:
        raise SpecError(f"{FILE} has {len(text.encode())} bytes, and a ConfigMap holds less than a mebibyte", hint="shorten it")
    image, server_image = images(spec.deliver.image, order.server_image)
    return Cluster(
        name=object_name(spec.model.name),
        spec=spec,
        plan=make_plan(spec),
        text=text,
        image=image,
        server_image=server_image,
        order=order,
    )


def manifests(cluster: Cluster) -> Manifests:
    """Every object of a project, in the order in which they are needed."""
    return {**configuration(cluster), **servers(cluster), **behind(cluster)}


def configuration(cluster: Cluster) -> Manifests:
    """What everything else reads: the spec. The Secret is made by whoever has the secrets."""
    found: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster, "spec", suffix="-spec"),
        "data": {FILE: cluster.text},
    }
    return {"spec": found}


def servers(cluster: Cluster) -> Manifests:
    """The servers, and how many of them there are, who reaches them and who watches them."""
    return {
        "server": server.deployment(cluster),
        "service": server.service(cluster),
        **({"autoscaler": server.autoscaler(cluster)} if server.scales(cluster) else {}),
        "disruption": server.disruption(cluster),
        "monitor": server.monitor(cluster),
        "network-server": network.of_servers(cluster),
    }


def behind(cluster: Cluster) -> Manifests:
    """What nobody asks: the loop, and the Job that trains."""
    looks = loop.loop_deployment(cluster) if cluster.order.loop == "deployment" else loop.loop_cronjob(cluster)
    return {
        "loop": looks,
        "training": loop.training(cluster),
        "network-loop": network.of_loop(cluster),
        "network-training": network.of_training(cluster),
    }
