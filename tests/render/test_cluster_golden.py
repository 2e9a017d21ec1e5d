"""What is rendered for a cluster is what was agreed on: changed on purpose with `pytest tests/render --update-golden`, and looked at."""

import json
from pathlib import Path

import pytest
import yaml

from clustered import ENVIRONMENTS, TARGETS, order, text
from flyball.render.records import Order
from flyball.render.targets import render

GOLDEN = Path(__file__).parent / "golden"


def ordered(target: str) -> Order:
    return order(text(environments=ENVIRONMENTS) if target == "kustomize" else "")


@pytest.mark.parametrize("target", TARGETS)
def test_every_file_for_a_cluster_is_as_agreed(target: str, pytestconfig: pytest.Config) -> None:
    files, there = render(target, ordered(target)), GOLDEN / target
    if pytestconfig.getoption("--update-golden"):
        for name, one in files.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_text(one, encoding="utf-8")
    agreed = {path.relative_to(there).as_posix(): path.read_text(encoding="utf-8") for path in there.rglob("*") if path.is_file()}
    assert dict(files) == agreed


@pytest.mark.parametrize("target", TARGETS)
def test_every_file_for_a_cluster_can_be_read_and_says_who_made_it(target: str) -> None:
    for name, one in render(target, ordered(target)).items():
        if name.endswith(".json"):
            assert isinstance(json.loads(one), dict)
            continue
        assert any(f"Made by `flyball render {target}`" in line for line in one.splitlines()[:2]), name
        if name.endswith(".yaml") and "/templates/" not in name:
            assert isinstance(yaml.safe_load(one), dict)


@pytest.mark.parametrize("target", TARGETS)
def test_rendering_for_a_cluster_twice_gives_the_same_bytes(target: str) -> None:
    assert render(target, ordered(target)) == render(target, ordered(target))
