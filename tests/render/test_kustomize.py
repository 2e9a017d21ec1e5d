"""An overlay makes of the base exactly what would be rendered for its environment; Kustomize itself says so."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clustered import ENVIRONMENTS, order, text, trees, validate
from flyball.core.errors import SpecError
from flyball.render.kubernetes.difference import difference
from flyball.render.targets import render
from programs import program
from rendered import write_down

PARTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=3), inner, max_size=3),
    max_leaves=12,
)


def patched(tree: Any, operations: list[Any]) -> Any:
    """A tree after a JSON Patch, by the letter of RFC 6902."""
    for one in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")]
        if not way:
            tree = one["value"]
            continue
        place = tree
        for part in way[1:]:
            place = place[int(part)] if isinstance(place, list) else place[part]
        at: Any = int(last) if isinstance(place, list) else last
        if one["op"] == "remove":
            del place[at]
        else:
            assert one["op"] == "add" or at in place or isinstance(place, list)
            place[at] = one["value"]
    return tree


def plain(tree: Any) -> Any:
    return yaml.safe_load(yaml.safe_dump(tree))


def alike(one: Any, other: Any) -> bool:
    """Equal, and flags are not numbers."""
    return repr(sort(one)) == repr(sort(other))


def sort(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: sort(tree[key]) for key in sorted(tree)}
    return [sort(one) for one in tree] if isinstance(tree, list) else tree


def kustomized(folder: Path, place: str) -> dict[str, Any]:
    done = subprocess.run([program("kubectl"), "kustomize", str(folder / place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = list(yaml.safe_load_all(done.stdout))
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


@settings(deadline=None, max_examples=300)
@given(before=PARTS, after=PARTS)
def test_a_difference_makes_of_any_tree_any_other(before: Any, after: Any) -> None:
    assert alike(patched(plain(before), plain(list(difference(before, after)))), after)


@settings(deadline=None, max_examples=100)
@given(tree=PARTS)
def test_there_is_no_difference_between_a_tree_and_itself(tree: Any) -> None:
    assert not list(difference(tree, tree))


def test_kustomize_makes_of_the_base_what_is_rendered_without_it(tmp_path: Path) -> None:
    folder = write_down(render("kustomize", order()), tmp_path)
    assert kustomized(folder, "base") == trees(render("kubernetes", order()), "manifests/")


@pytest.mark.parametrize("environment", ["prod", "steady"])
@pytest.mark.parametrize("loop", ["deployment", "cronjob"])
def test_kustomize_makes_of_an_overlay_what_is_rendered_for_its_environment(environment: str, loop: str, tmp_path: Path) -> None:
    folder = write_down(render("kustomize", order(text(environments=ENVIRONMENTS), loop=loop)), tmp_path)
    found = kustomized(folder, f"overlays/{environment}")
    assert found == trees(render("kubernetes", order(loop=loop, environment=environment)))
    for tree in found.values():
        validate(tree)


def test_an_object_that_only_an_environment_has_is_added_there(tmp_path: Path) -> None:
    toml = (
        text(more="most = 2", environments=ENVIRONMENTS)
        .replace("[env.steady.deliver]", "[env.growing.deliver]")
        .replace("most = 3\n", "most = 30\n")
    )
    files = render("kustomize", order(toml))
    assert not [name for name in files if "base" in name and "autoscaler" in name]
    folder = write_down(files, tmp_path)
    assert kustomized(folder, "overlays/growing") == trees(render("kubernetes", order(toml, environment="growing")))


def test_a_project_that_only_an_environment_puts_into_shared_stores_has_that_as_its_base() -> None:
    shared = 'database = "env:FLYBALL_DATABASE"\nmlflow = "http://mlflow.example.com:5000"\n'
    toml = (
        text(environments=ENVIRONMENTS)
        .replace("[stores]\n" + shared, "[stores]\n")
        .replace("[env.prod.deliver]", f"[env.prod.stores]\n{shared}[env.prod.deliver]")
    )
    files = render("kustomize", order(toml))
    [args] = [one["args"] for one in trees(files, "base/")["Deployment/churn"]["spec"]["template"]["spec"]["containers"]]
    assert args[2:4] == ["--env", "prod"]
    assert "overlays/prod/kustomization.yaml" in files and "overlays/steady/kustomization.yaml" not in files
    assert "# No overlay for 'steady': a cluster runs each step" in files["base/kustomization.yaml"]


def test_an_environment_with_another_model_is_no_overlay() -> None:
    with pytest.raises(SpecError, match="another model"):
        render("kustomize", order(text() + '[env.other.model]\nname = "tips"\n'))


def test_nothing_is_rendered_for_a_project_that_shares_nothing_anywhere() -> None:
    with pytest.raises(SpecError, match="in its own folder"):
        render("kustomize", order(text().replace('database = "env:FLYBALL_DATABASE"\n', "")))
