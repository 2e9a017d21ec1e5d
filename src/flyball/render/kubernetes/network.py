"""Who may connect to whom: the servers are reached by those who carry a label, the loop by nobody."""

from urllib.parse import urlsplit

from flyball.render.dump import Tree
from flyball.render.kubernetes.loop import LOOP, TRAINING
from flyball.render.kubernetes.naming import client_label, metadata, selector
from flyball.render.kubernetes.records import Cluster, Manifest
from flyball.render.kubernetes.server import COMPONENT, port

_POSTGRES, _WEB, _NAMES = 5432, 443, 53


def of_servers(cluster: Cluster) -> Manifest:
    """In: pods of the same namespace and namespaces that carry the client's label. Out: names, the database, and the web over TLS."""
    theirs: dict[str, Tree] = {"matchLabels": {client_label(cluster): "true"}}
    return _policy(
        cluster,
        COMPONENT,
        "",
        ingress=[{"from": [{"podSelector": theirs}, {"namespaceSelector": theirs}], "ports": [_tcp(port(cluster))]}],
        egress=[
            {"ports": [{"protocol": "UDP", "port": _NAMES}, _tcp(_NAMES)]},
            {"ports": [_tcp(_database(cluster)), _tcp(_WEB)]},
        ],
    )


def of_loop(cluster: Cluster) -> Manifest:
    """In: nobody. Out: anywhere, for data, stores and receivers stand wherever the team has them."""
    return _policy(cluster, LOOP, "-loop", ingress=[], egress=[{}])


def of_training(cluster: Cluster) -> Manifest:
    """The same for the Job that trains."""
    return _policy(cluster, TRAINING, "-train", ingress=[], egress=[{}])


def _policy(cluster: Cluster, component: str, suffix: str, *, ingress: list[Tree], egress: list[Tree]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(cluster, component, suffix=suffix),
        "spec": {
            "podSelector": {"matchLabels": selector(cluster, component)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _database(cluster: Cluster) -> int:
    """The port of the database: that of the address in the spec; PostgreSQL's own where the address is in a variable."""
    address = cluster.spec.stores.database
    return (None if address.startswith("env:") else urlsplit(address).port) or _POSTGRES


def _tcp(number: int) -> Tree:
    return {"protocol": "TCP", "port": number}
