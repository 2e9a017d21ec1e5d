"""What is rendered is what was agreed on: changed on purpose with `pytest tests/render --update-golden`, and then looked at."""

import json
from pathlib import Path

import pytest
import yaml

import clustered
from flyball.render.records import Order
from flyball.render.targets import render
from rendered import delivered
from rendered import order as ordered

GOLDEN = Path(__file__).parent / "golden"
WATCHING = ("prometheus", "grafana")  # what others need to know of a project they run; each of the others has tests beside its own


PIPELINES = ("github", "gitlab", "jenkins", "cron", "systemd")
RENDERED = (*WATCHING, *PIPELINES, *clustered.TARGETS)


def order(target: str) -> Order:
    """What a target is rendered for: a cluster needs more than a spec for one machine says, and what delivers needs shared stores."""
    if target == "kustomize":
        return clustered.order(clustered.text(environments=clustered.ENVIRONMENTS))
    if target in PIPELINES:
        return delivered()
    return clustered.order() if target in clustered.TARGETS else ordered()


@pytest.mark.parametrize("target", RENDERED)
def test_every_file_is_as_agreed(target: str, pytestconfig: pytest.Config) -> None:
    files, there = render(target, order(target)), GOLDEN / target
    if pytestconfig.getoption("--update-golden"):
        for name, text in files.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_text(text, encoding="utf-8")
    agreed = {path.relative_to(there).as_posix(): path.read_text(encoding="utf-8") for path in there.rglob("*") if path.is_file()}
    assert dict(files) == agreed


@pytest.mark.parametrize("target", RENDERED)
def test_every_file_can_be_read_and_says_who_made_it(target: str) -> None:
    for name, text in render(target, order(target)).items():
        if name.endswith(".json"):
            assert target != "grafana" or json.loads(text)["tags"] == ["flyball"]
            assert isinstance(json.loads(text), dict)
            continue
        assert f"Made by `flyball render {target}`" in text.partition("\n")[0] + text.partition("\n")[2].partition("\n")[0]
        if target in ("jenkins", "cron", "systemd"):
            continue  # what reads these stands in tests/render/pipelines
        if name.endswith((".yml", ".yaml")) and "/templates/" not in name:
            assert isinstance(yaml.safe_load(text), dict)


@pytest.mark.parametrize("target", RENDERED)
def test_rendering_twice_gives_the_same_bytes(target: str) -> None:
    assert render(target, order(target)) == render(target, order(target))
