"""`flyball render helm`: a chart, whose values are what one changes from one installation to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import ascii_lowercase

from flyball.render.dump import Tree, to_json, to_yaml
from flyball.render.kubernetes.loop import MODEST
from flyball.render.kubernetes.network import database_port
from flyball.render.kubernetes.objects import clusters, manifests
from flyball.render.kubernetes.plain import ADAPTER, adapter_file, head, made
from flyball.render.kubernetes.pods import quantities
from flyball.render.kubernetes.records import Cluster, Manifest
from flyball.render.kubernetes.server import LITTLE, scales
from flyball.render.records import Files, Order

_SWITCHES = {
    "monitor": "monitor",
    "network-server": "networkPolicies",
    "network-loop": "networkPolicies",
    "network-training": "networkPolicies",
}
_MARK = "hole"
_TRAINING = "{{ toJson .Values.trainingResources }}"


def files(order: Order) -> Files:
    """A chart for each project, in a folder with its name, and the values of the adapter."""
    found: dict[str, str] = {}
    for _, one in clusters(order):
        chart = _here(one)
        found |= {f"{chart.name}/{name}": text for name, text in _chart(chart).items()}
    return {**found, ADAPTER: adapter_file("helm")}


def _here(one: Cluster) -> Cluster:
    """The same without a namespace: that of the release holds."""
    return replace(one, spec=replace(one.spec, deliver=replace(one.spec.deliver, namespace="")))


def _chart(cluster: Cluster) -> dict[str, str]:
    version = cluster.order.release or "0.1.0"
    about: dict[str, Tree] = {
        "apiVersion": "v2",
        "name": cluster.name,
        "description": f"Flyball keeps the model {cluster.plan.model} good: servers, loop and training",
        "type": "application",
        "version": version,
        "appVersion": version,
    }
    found = {
        "Chart.yaml": to_yaml(about, head=made("helm")),
        "values.yaml": to_yaml(values(cluster), head=head("helm", cluster)),
        "values.schema.json": to_json(_schema(values(cluster))),
    }
    for number, (what, one) in enumerate(manifests(cluster).items(), start=1):
        found[f"templates/{number:02}-{what}.yaml"] = template(one, holes(cluster, what), _SWITCHES.get(what, ""))
    return found


def values(cluster: Cluster) -> dict[str, Tree]:
    """What one may change at installation, as the spec has it."""
    deliver, spec = cluster.spec.deliver, cluster.spec
    several: dict[str, Tree] = {"most": deliver.most, "rate": str(cluster.order.rate)} if scales(cluster) else {}
    return {
        "image": cluster.image,
        "serverImage": cluster.server_image,
        "secret": cluster.name,
        "replicas": deliver.replicas,
        **several,
        "serverResources": quantities(deliver.server, otherwise=LITTLE),
        "trainingResources": quantities(spec.resources, otherwise=MODEST),
        "databasePort": database_port(cluster),
        "monitor": True,
        "networkPolicies": True,
    }


def holes(cluster: Cluster, what: str) -> dict[tuple[str | int, ...], str]:
    """Which places of an object are filled from the values, and by what action."""
    found: dict[tuple[str | int, ...], str] = {}
    if what == "server":
        if not scales(cluster):
            found["spec", "replicas"] = "{{ .Values.replicas }}"
        found["spec", "template", "spec", "containers", 0, "image"] = "{{ .Values.serverImage | quote }}"
        found["spec", "template", "spec", "containers", 0, "resources"] = "{{ toJson .Values.serverResources }}"
    if what == "training":
        number = [one.name for one in cluster.plan.renew].index("train") + 1  # after the container that copies the project
        found["spec", "jobTemplate", "spec", "template", "spec", "initContainers", number, "resources"] = _TRAINING
    if what == "loop" and cluster.order.loop == "cronjob":
        found["spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "resources"] = _TRAINING
    if what == "network-server":
        found["spec", "egress", 1, "ports", 0, "port"] = "{{ .Values.databasePort }}"
    if what == "autoscaler":
        found["spec", "minReplicas"] = "{{ .Values.replicas }}"
        found["spec", "maxReplicas"] = "{{ .Values.most }}"
        found["spec", "metrics", 0, "pods", "target", "averageValue"] = "{{ .Values.rate | quote }}"
    return found


def template(one: Manifest, places: Mapping[tuple[str | int, ...], str], switch: str) -> str:
    """An object as a template: what stands in it is text, and only the holes are actions."""
    mark = _MARK
    while mark in to_yaml(one):
        mark += "x"
    actions: dict[str, str] = {}
    tree = _pierced(one, (), dict(places), mark, actions)
    text = to_yaml(tree).replace("{{", '{{ "{{" }}')
    for word, action in actions.items():
        text = text.replace(word, action)
    text = f"{{{{/* {made('helm')} */}}}}\n{text}"
    return f"{{{{- if .Values.{switch} }}}}\n{text}{{{{- end }}}}\n" if switch else text


def _pierced(
    tree: Tree, place: tuple[str | int, ...], places: dict[tuple[str | int, ...], str], mark: str, actions: dict[str, str]
) -> Tree:
    """The tree with a word that occurs nowhere else for each hole: those asked for, and the images, Secrets and resources of trainings."""
    action = places.get(place) or _always(tree, place)
    if action is not None:
        word = f"{mark}_{_letters(len(actions))}_"
        actions[word] = action
        return word
    if isinstance(tree, Mapping):
        return {name: _pierced(value, (*place, name), places, mark, actions) for name, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [_pierced(value, (*place, number), places, mark, actions) for number, value in enumerate(tree)]
    return tree


def _always(tree: Tree, place: tuple[str | int, ...]) -> str | None:
    match place:
        case (*_, "containers" | "initContainers", int(), "image"):
            return "{{ .Values.image | quote }}"
        case (*_, "secretKeyRef", "name"):
            return "{{ .Values.secret | quote }}"
        case _:
            return None


def _letters(number: int) -> str:
    found = ""
    while True:
        number, left = divmod(number, len(ascii_lowercase))
        found = ascii_lowercase[left] + found
        if not number:
            return found


def _schema(values: Mapping[str, Tree]) -> Tree:
    kinds = {str: "string", bool: "boolean", int: "integer", dict: "object"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": [*values],
        "properties": {name: {"type": kinds[type(value)]} for name, value in values.items()},
    }
