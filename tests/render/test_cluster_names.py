"""Whatever a model, a variable or a file is called: the manifests read back as the same trees, and nothing in them is filled in."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clustered import order, pod_of, text, trees, validate
from flyball.render.kubernetes.naming import object_name
from flyball.render.kubernetes.objects import cluster, manifests
from flyball.render.kubernetes.pods import literal
from flyball.render.records import Order
from flyball.render.targets import render

NAMES = st.text(
    st.characters(min_codepoint=32, exclude_characters="/:\x7f", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80
).filter(lambda name: bool(name.strip()))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
NASTY = [
    "a: b",
    "- x",
    "${{ github.token }}",
    "$(HOME)",
    "$$(HOME)",
    "{{ .Values.x }}",
    "`id`",
    "a\nb: c",
    '"',
    "'",
    "&a *a",
    "yes",
    "1e3",
    "温度 🦔",
]


def expanded(said: str, known: dict[str, str]) -> str:
    """What Kubernetes makes of an argument or a variable: `$(NAME)` is filled in where it is known, and `$$` is `$`."""

    def one(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else known.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, said)


@settings(deadline=None, max_examples=40)
@given(name=NAMES, note=TEXTS)
def test_any_name_and_variable_reads_back_as_the_same_tree(name: str, note: str) -> None:
    wanted = order(text(name, note=note))
    here = cluster(wanted.specs[0], wanted)
    found = trees(render("kubernetes", wanted))
    assert list(found.values()) == list(manifests(here).values())
    [server] = pod_of(found[f"Deployment/{here.name}"])["containers"]
    [said] = [env["value"] for env in server["env"] if env["name"] == "NOTE"]
    assert expanded(said, {"HOME": "filled in"}) == note
    assert found[f"ConfigMap/{here.name}-spec"]["data"]["flyball.toml"] == wanted.sources[name].text


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("target", ["kubernetes", "kserve"])
def test_kubernetes_takes_the_objects_of_models_with_any_name(target: str, nasty: str) -> None:
    toml = text(nasty.replace("/", "").replace(":", "").replace("\n", ""), note=nasty)
    for tree in trees(render(target, order(toml))).values():
        validate(tree)


@settings(deadline=None, max_examples=200)
@given(name=NAMES)
def test_objects_have_names_that_every_kind_of_object_may_have(name: str) -> None:
    made = object_name(name)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", made)
    assert len(f"{made}-train") <= 52


def test_long_names_that_begin_alike_stay_apart() -> None:
    one, other = "a" * 190 + "1", "a" * 190 + "2"
    assert object_name(one) != object_name(other)
    same = "customer-churn-of-the-northern-branch-of-europe-1", "customer-churn-of-the-northern-branch-of-europe-2"
    assert len({object_name(name) for name in same}) == 2


@settings(deadline=None, max_examples=200)
@given(said=TEXTS)
def test_kubernetes_fills_nothing_into_a_literal_text(said: str) -> None:
    assert expanded(literal(said), {"HOME": "filled in"}) == said


def test_names_that_others_call_are_literal_and_those_of_the_cluster_are_filled_in() -> None:
    wanted: Order = order(called=("$(FLYBALL_NAMESPACE).example.com",))
    tree: Any = yaml.safe_load(render("kubernetes", wanted)["manifests/02-server.yaml"])
    args = [expanded(one, {"FLYBALL_NAMESPACE": "prod", "FLYBALL_ADDRESS": "10.0.0.7"}) for one in pod_of(tree)["containers"][0]["args"]]
    called = [args[number + 1] for number, one in enumerate(args) if one == "--called"]
    assert called == [
        "churn",
        "churn.prod",
        "churn.prod.svc",
        "churn.prod.svc.cluster.local",
        "10.0.0.7",
        "$(FLYBALL_NAMESPACE).example.com",
    ]
