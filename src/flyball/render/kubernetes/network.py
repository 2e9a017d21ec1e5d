"""Who may connect to whom: the servers are reached by those who carry a label, the loop by nobody."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from flyball.render.dump import Tree
from flyball.render.kubernetes.loop import LOOP, TRAINING
from flyball.render.kubernetes.naming import PREFIX, client_label, metadata, selector
from flyball.render.kubernetes.records import Cluster, Manifest
from flyball.render.kubernetes.server import COMPONENT, port

_POSTGRES, _WEB, _NAMES = 5432, 443, 53


def of_servers(cluster: Cluster) -> Manifest:
    """In: pods of the same namespace and namespaces that carry the client's label. Out: names, the database, and the web over TLS."""
    theirs: dict[str, Tree] = {"matchLabels": {client_label(cluster): "true"}}
    said = f"servers reach the database on port {database_port(cluster)}, {_where_from(cluster)}"
    return _policy(
        cluster,
        COMPONENT,
        "",
        noted={f"{PREFIX}/egress": said},
        ingress=[{"from": [{"podSelector": theirs}, {"namespaceSelector": theirs}], "ports": [_tcp(port(cluster))]}],
        egress=[
            {"ports": [{"protocol": "UDP", "port": _NAMES}, _tcp(_NAMES)]},
            {"ports": [_tcp(database_port(cluster)), _tcp(_WEB)]},
        ],
    )


def of_loop(cluster: Cluster) -> Manifest:
    """In: nobody. Out: anywhere, for data, stores and receivers stand wherever the team has them."""
    return _policy(cluster, LOOP, "-loop", ingress=[], egress=[{}])


def of_training(cluster: Cluster) -> Manifest:
    """The same for the Job that trains."""
    return _policy(cluster, TRAINING, "-train", ingress=[], egress=[{}])


def _policy(
    cluster: Cluster,
    component: str,
    suffix: str,
    *,
    ingress: list[Tree],
    egress: list[Tree],
    noted: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:
    about = metadata(cluster, component, suffix=suffix)
    known = about["annotations"]
    assert isinstance(known, dict)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {**about, "annotations": {**known, **noted}},
        "spec": {
            "podSelector": {"matchLabels": selector(cluster, component)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def database_port(cluster: Cluster) -> int:
    """The port of the database: the one that was said, else that of the address; PostgreSQL's own where the address is a secret."""
    return cluster.order.database_port or _written(cluster) or _POSTGRES


def _where_from(cluster: Cluster) -> str:
    if cluster.order.database_port:
        return "as --database-port says"
    if _written(cluster):
        return "as [stores] database says"
    return "PostgreSQL's own: the address is not known here; if it names another, render with --database-port"


def _written(cluster: Cluster) -> int | None:
    address = cluster.spec.stores.database
    return None if address.startswith("env:") else urlsplit(address).port


def _tcp(number: int) -> Tree:
    return {"protocol": "TCP", "port": number}
