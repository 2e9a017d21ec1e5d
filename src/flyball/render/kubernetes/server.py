"""The servers: their Deployment, and what belongs to it."""

from collections.abc import Sequence
from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.plan.make import ADMIN, KEY, named
from flyball.render.dump import Tree
from flyball.render.kubernetes.naming import PART, metadata, selector
from flyball.render.kubernetes.pods import ADDRESS, NAMESPACE, container, pod, quantities
from flyball.render.kubernetes.records import Cluster, Manifest
from flyball.spec.delivery import GIB, Resources
from flyball.spec.records import Spec

COMPONENT, PORT = "server", "http"
WITHDRAWN = timedelta(seconds=5)
"""How long a pod that is to end goes on as before: balancers need that to learn that it is going."""
DRAIN = timedelta(seconds=16)
"""The longest the server itself takes from SIGTERM to its end."""
_SPARE = timedelta(seconds=9)
_START = 120  # seconds a server may take until it answers at all
LITTLE = Resources(cpu=0.5, memory=GIB // 2)
METRIC = "model_predictions_per_second"
_BUSY = 70  # percent of the processor time asked for


def server_secrets(spec: Spec, secrets: Sequence[str]) -> list[str]:
    """Of the plan's secrets those a server needs: where the stores are, what bundles are verified with, what opens the admin routes."""
    needed = {*named(spec.stores), KEY, ADMIN} - {spec.stores.remote.removeprefix("env:")}
    return [name for name in secrets if name in needed]


def deployment(cluster: Cluster) -> Manifest:
    """The servers. How many there are is the autoscaler's business, unless the spec wants always the same number."""
    deliver = cluster.spec.deliver
    number: dict[str, Tree] = {} if scales(cluster) else {"replicas": deliver.replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            **number,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selector(cluster, COMPONENT)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": pod(
                cluster,
                COMPONENT,
                [served(cluster, COMPONENT, names(cluster))],
                grace=WITHDRAWN + DRAIN + _SPARE,
                topologySpreadConstraints=[
                    {
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": selector(cluster, COMPONENT)},
                    }
                ],
            ),
        },
    }


def served(cluster: Cluster, name: str, called: Sequence[str]) -> dict[str, Tree]:
    """The container of a server. `called` may hold `$(NAME)`, which Kubernetes fills in."""
    made = container(
        cluster,
        name,
        cluster.server_image,
        cluster.plan.serve,
        resources=quantities(cluster.spec.deliver.server, otherwise=LITTLE),
        secrets=server_secrets(cluster.spec, cluster.plan.secrets),
        optional=ADMIN,  # without it the admin routes are closed
    )
    arguments = made["args"]
    assert isinstance(arguments, list)
    return {
        **made,
        "args": [*arguments, *(word for one in called for word in ("--called", one))],
        "ports": [{"name": PORT, "containerPort": port(cluster)}],
        "startupProbe": {**_asks("/health/live"), "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": _START // 2},
        "livenessProbe": {**_asks("/health/live"), "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {**_asks("/health/ready"), "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 2},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(int(WITHDRAWN.total_seconds()))]}}},
    }


def names(cluster: Cluster) -> list[str]:
    """What others call the servers: the Service's names, a pod's address (Prometheus asks there), and what was said besides."""
    name = cluster.name
    inside = [name, f"{name}.$({NAMESPACE})", f"{name}.$({NAMESPACE}).svc", f"{name}.$({NAMESPACE}).svc.cluster.local", f"$({ADDRESS})"]
    return [*inside, *(one.replace("$", "$$") for one in cluster.order.called)]


def port(cluster: Cluster) -> int:
    """The port of the servers; SpecError for one that nobody without rights may listen on."""
    if cluster.plan.port < 1024:
        raise SpecError(
            f"a pod without rights cannot listen on port {cluster.plan.port}, which [serve] address names",
            hint='write address = "127.0.0.1:8000": in a cluster the Service has port 80 in any case',
        )
    return cluster.plan.port


def service(cluster: Cluster) -> Manifest:
    """The address of all servers."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(cluster, COMPONENT),
            "ports": [{"name": PORT, "port": 80, "targetPort": PORT, "protocol": "TCP", "appProtocol": "http"}],
        },
    }


def scales(cluster: Cluster) -> bool:
    """Whether the number of servers follows the load."""
    return cluster.spec.deliver.most > cluster.spec.deliver.replicas


def autoscaler(cluster: Cluster) -> Manifest:
    """More servers when predictions come faster, or, where nobody tells the cluster of predictions, when processors are busy."""
    deliver = cluster.spec.deliver
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": cluster.name},
            "minReplicas": deliver.replicas,
            "maxReplicas": deliver.most,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": METRIC},
                        "target": {"type": "AverageValue", "averageValue": str(cluster.order.rate)},
                    },
                },
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": _BUSY}}},
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
        },
    }


def disruption(cluster: Cluster) -> Manifest:
    """Whoever empties nodes takes one server at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(cluster, COMPONENT)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def monitor(cluster: Cluster) -> Manifest:
    """Where the operator of Prometheus finds the servers. Their series get the job and the model that rules and dashboards ask for."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            "jobLabel": "app.kubernetes.io/part-of",
            "selector": {"matchLabels": selector(cluster, COMPONENT)},
            "endpoints": [_scraped(cluster)],
        },
    }


def pod_monitor(cluster: Cluster) -> Manifest:
    """The same where somebody else makes the Service, and gives it labels of their own: the pods are found by theirs."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(cluster, COMPONENT),
        "spec": {
            "jobLabel": "app.kubernetes.io/part-of",
            "selector": {"matchLabels": selector(cluster, COMPONENT)},
            "podMetricsEndpoints": [_scraped(cluster)],
        },
    }


def _scraped(cluster: Cluster) -> dict[str, Tree]:
    return {
        "port": PORT,
        "path": "/metrics",
        "interval": "15s",
        "honorLabels": True,
        "relabelings": [{"action": "replace", "targetLabel": "model", "replacement": cluster.plan.model.replace("$", "$$")}],
    }


def adapter_rules() -> dict[str, Tree]:
    """For the adapter between Prometheus and the cluster's metrics: how fast each server predicts. The same for every model."""
    rate = f"sum(rate(<<.Series>>{{<<.LabelMatchers>>,job={PART!r}}}[2m])) by (<<.GroupBy>>)".replace("'", '"')
    return {
        "rules": {
            "custom": [
                {
                    "seriesQuery": f'model_predictions_total{{job="{PART}",namespace!="",pod!=""}}',
                    "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
                    "name": {"matches": "^model_predictions_total$", "as": METRIC},
                    "metricsQuery": rate,
                }
            ]
        }
    }


def _asks(path: str) -> dict[str, Tree]:
    return {"httpGet": {"path": path, "port": PORT, "scheme": "HTTP"}}
