"""What is rendered is what was agreed on: changed on purpose with `pytest tests/render --update-golden`, and then looked at."""

import json
from pathlib import Path

import pytest
import yaml

from flyball.render.records import Order
from flyball.render.targets import TARGETS, render
from rendered import delivered, order

GOLDEN = Path(__file__).parent / "golden"


PIPELINES = ("github", "gitlab", "jenkins", "cron", "systemd")


def ordered(target: str) -> Order:
    """What to render for a target: what delivers needs shared stores."""
    return delivered() if target in PIPELINES else order()


@pytest.mark.parametrize("target", TARGETS)
def test_every_file_is_as_agreed(target: str, pytestconfig: pytest.Config) -> None:
    files, there = render(target, ordered(target)), GOLDEN / target
    if pytestconfig.getoption("--update-golden"):
        for name, text in files.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_text(text, encoding="utf-8")
    agreed = {path.relative_to(there).as_posix(): path.read_text(encoding="utf-8") for path in there.rglob("*") if path.is_file()}
    assert dict(files) == agreed


@pytest.mark.parametrize("target", TARGETS)
def test_every_file_can_be_read_and_says_who_made_it(target: str) -> None:
    for name, text in render(target, ordered(target)).items():
        if name.endswith(".json"):
            assert json.loads(text)["tags"] == ["flyball"]
        elif target in ("jenkins", "cron", "systemd"):  # what reads these stands in tests/render/pipelines
            assert f"Made by `flyball render {target}`" in text.splitlines()[0]
        else:
            assert isinstance(yaml.safe_load(text), dict)
            assert text.startswith(f"# Made by `flyball render {target}`")


@pytest.mark.parametrize("target", TARGETS)
def test_rendering_twice_gives_the_same_bytes(target: str) -> None:
    assert render(target, ordered(target)) == render(target, ordered(target))
