"""Nouns of a cluster: one project as it runs there, and the Kubernetes objects it comes to, by what they are for."""

from collections.abc import Mapping

from flyball.core.record import record
from flyball.plan.records import Plan
from flyball.render.dump import Tree
from flyball.render.records import Order
from flyball.spec.records import Spec

Manifest = Mapping[str, Tree]
"""One Kubernetes object."""

Manifests = Mapping[str, Manifest]
"""What an object is for, which is also the name of its file -> the object."""


@record
class Cluster:
    """One project as it is to run in a cluster. `name`: what its objects are called there; `text`: the whole of its `flyball.toml`.

    `image`: everything, the project included; `server_image`: only what a server needs.
    """

    name: str
    spec: Spec
    plan: Plan
    text: str
    image: str
    server_image: str
    order: Order

    @property
    def namespace(self) -> str:
        """The namespace; empty: the one that whoever applies the manifests works in."""
        return self.spec.deliver.namespace
