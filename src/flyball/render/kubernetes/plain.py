"""`flyball render kubernetes`: plain manifests, for `kubectl apply`."""

from flyball.render.dump import to_yaml
from flyball.render.kubernetes.objects import clusters, manifests
from flyball.render.kubernetes.records import Cluster, Manifests
from flyball.render.kubernetes.server import adapter_rules
from flyball.render.records import Files, Order

ADAPTER = "prometheus-adapter.yaml"
FOLDER = "manifests"


def files(order: Order) -> Files:
    """One file for each object, and what the adapter between Prometheus and the cluster has to know."""
    found: dict[str, str] = {}
    for folder, cluster in clusters(order):
        found |= written(manifests(cluster), f"{folder}{FOLDER}", head("kubernetes", cluster))
    return {**found, ADAPTER: adapter_file("kubernetes")}


def written(objects: Manifests, folder: str, text: str) -> dict[str, str]:
    """Objects as files of a folder."""
    return {f"{folder}/{number:02}-{what}.yaml": to_yaml(one, head=text) for number, (what, one) in enumerate(objects.items(), start=1)}


def adapter_file(target: str) -> str:
    """Values for the chart of the adapter, from which the autoscaler gets the rate of predictions."""
    text = "helm upgrade --install prometheus-adapter prometheus-community/prometheus-adapter --values prometheus-adapter.yaml"
    return to_yaml(adapter_rules(), head=f"{made(target)}\nFor the chart prometheus-adapter: {text}")


def head(target: str, cluster: Cluster) -> str:
    """What stands above each file: who made it, and which secrets have to be there."""
    return f"{made(target)}\nIt needs a Secret named {cluster.name} with: {', '.join(cluster.plan.secrets)}"


def made(target: str) -> str:
    """Who made a file."""
    return f"Made by `flyball render {target}`. Change flyball.toml and render again, rather than this file."
