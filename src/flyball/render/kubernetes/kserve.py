"""`flyball render kserve`: the servers as a runtime and a service of KServe; the loop beside them as everywhere."""

from flyball.render.dump import Tree
from flyball.render.kubernetes.naming import labels, metadata
from flyball.render.kubernetes.network import of_servers
from flyball.render.kubernetes.objects import behind, clusters, configuration
from flyball.render.kubernetes.plain import FOLDER, head, written
from flyball.render.kubernetes.pods import annotations, rights, volumes
from flyball.render.kubernetes.records import Cluster, Manifest
from flyball.render.kubernetes.server import COMPONENT, DRAIN, WITHDRAWN, disruption, pod_monitor, served
from flyball.render.records import Files, Order

_CONTAINER = "kserve-container"
_FORMAT = "flyball"
_SPARE = 9


def files(order: Order) -> Files:
    """One file for each object."""
    found: dict[str, str] = {}
    for folder, cluster in clusters(order):
        objects = {
            **configuration(cluster),
            "runtime": runtime(cluster),
            "inference": inference(cluster),
            "disruption": disruption(cluster),
            "monitor": pod_monitor(cluster),
            "network-server": of_servers(cluster),
            **behind(cluster),
        }
        found |= written(objects, f"{folder}{FOLDER}", head("kserve", cluster))
    return found


def runtime(cluster: Cluster) -> Manifest:
    """How KServe runs a Flyball server. It finds its model by its deployments, so that KServe downloads nothing.

    Which names others call it is the gateway's business: any will do, for the network policy says who reaches it.
    """
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            "supportedModelFormats": [{"name": _FORMAT, "version": "1", "autoSelect": False}],
            "protocolVersions": ["v2"],
            "containers": [served(cluster, _CONTAINER, ["*"])],
            "volumes": volumes(cluster),
        },
    }


def inference(cluster: Cluster) -> Manifest:
    """The service: as Deployments of the cluster itself, for what drains and writes needs more than a Knative service allows."""
    deliver = cluster.spec.deliver
    about = metadata(cluster, COMPONENT)
    noted = about["annotations"]
    assert isinstance(noted, dict)
    model: dict[str, Tree] = {"modelFormat": {"name": _FORMAT, "version": "1"}, "runtime": cluster.name, "protocolVersion": "v2"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {**about, "annotations": {**noted, "serving.kserve.io/deploymentMode": "RawDeployment"}},
        "spec": {
            "predictor": {
                "labels": labels(cluster, COMPONENT),
                "annotations": annotations(cluster),
                "minReplicas": deliver.replicas,
                "maxReplicas": deliver.most,
                "scaleMetric": "cpu",
                "scaleTarget": 70,
                "automountServiceAccountToken": False,
                "securityContext": rights(),
                "terminationGracePeriodSeconds": int((WITHDRAWN + DRAIN).total_seconds()) + _SPARE,
                "model": model,
            }
        },
    }
