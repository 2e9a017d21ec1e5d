"""`flyball render kustomize`: a base, and an overlay for each environment of the spec that says what is different there."""

from collections.abc import Iterator
from dataclasses import replace

from flyball.core.errors import SpecError
from flyball.core.slug import slug
from flyball.plan.make import shared
from flyball.render.dump import Tree, to_yaml
from flyball.render.kubernetes.difference import difference
from flyball.render.kubernetes.objects import cluster, clusters, manifests
from flyball.render.kubernetes.plain import ADAPTER, adapter_file, head, made, written
from flyball.render.kubernetes.records import Cluster, Manifest, Manifests
from flyball.render.records import Files, Order
from flyball.spec.records import Spec

_FILE = "kustomization.yaml"


def files(order: Order) -> Files:
    """`base/`, `overlays/NAME/`, and the values of the adapter. An environment that keeps its stores to itself has no overlay."""
    found: dict[str, str] = {}
    for folder, base in clusters(_based(order), base=True):
        objects = manifests(base)
        others, left = _environments(base, order)
        found |= written(objects, f"{folder}base", head("kustomize", base))
        names = [name.rpartition("/")[2] for name in found if name.startswith(f"{folder}base/")]
        note = "".join(f"\nNo overlay for {name!r}: {why}" for name, why in left.items())
        found[f"{folder}base/{_FILE}"] = to_yaml(_kustomization(resources=names), head=made("kustomize") + note)
        for place, there in others.items():
            found |= _overlay(f"{folder}overlays/{place}", objects, there)
    return {**found, ADAPTER: adapter_file("kustomize")}


def _overlay(folder: str, base: Manifests, there: Cluster) -> Iterator[tuple[str, str]]:
    after = manifests(there)
    patches: list[Tree] = []
    for what, before in base.items():
        if what not in after:
            patches.append({"target": _target(before), "patch": to_yaml({"$patch": "delete", **_identity(before)})})
        elif operations := list(difference(before, after[what])):
            patches.append({"target": _target(before), "patch": to_yaml(operations)})
    fresh = {what: one for what, one in after.items() if what not in base}
    added = written(fresh, folder, head("kustomize", there))
    tree = _kustomization(resources=["../../base", *(name.rpartition("/")[2] for name in added)], patches=patches)
    yield from added.items()
    yield f"{folder}/{_FILE}", to_yaml(tree, head=head("kustomize", there))


def _kustomization(*, resources: list[str], patches: list[Tree] | None = None) -> dict[str, Tree]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*resources],
        **({"patches": patches} if patches else {}),
    }


def _target(one: Manifest) -> dict[str, Tree]:
    """Which object of the base is meant."""
    kind, metadata = one["kind"], one["metadata"]
    assert isinstance(metadata, dict)
    return {"kind": kind, "name": metadata["name"]}


def _identity(one: Manifest) -> dict[str, Tree]:
    metadata = one["metadata"]
    assert isinstance(metadata, dict)
    return {
        "apiVersion": one["apiVersion"],
        "kind": one["kind"],
        "metadata": {key: metadata[key] for key in ("name", "namespace") if key in metadata},
    }


def _based(order: Order) -> Order:
    """The same order with the base of each project: the spec as asked for, or its first environment with shared stores if it has none."""
    return replace(order, specs=tuple(_base(spec, order) for spec in order.specs))


def _base(spec: Spec, order: Order) -> Spec:
    source = order.sources.get(spec.model.name)
    others = source.environments.values() if source is not None and not spec.environment else ()
    return next((one for one in (spec, *others) if not _alone(one)), spec)


def _environments(base: Cluster, order: Order) -> tuple[dict[str, Cluster], dict[str, str]]:
    """The environments that get an overlay, by the names of their folders; and, by their own names, why the others get none."""
    source = order.sources.get(base.plan.model)
    found: dict[str, Cluster] = {}
    left: dict[str, str] = {}
    for name, spec in ({} if source is None else source.environments).items():
        if spec.model.name != base.plan.model:
            raise SpecError(
                f"the environment {name!r} has another model, {spec.model.name!r}, and an overlay is of the same objects",
                hint="give it a project of its own, or take [env.NAME.model] out",
            )
        if why := _alone(spec):
            left[name] = why
        else:
            found[slug(name)] = cluster(spec, order)
    return found, left


def _alone(spec: Spec) -> str:
    """Why a project cannot run on several machines as it is in an environment; empty if it can."""
    try:
        shared(spec, by="a cluster")
    except SpecError as error:
        return error.message
    return ""
