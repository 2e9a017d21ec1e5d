"""What is rendered is what was agreed on: changed on purpose with `pytest tests/render --update-golden`, and then looked at."""

import json
from pathlib import Path

import pytest
import yaml

from flyball.render.targets import render
from rendered import order

GOLDEN = Path(__file__).parent / "golden"
WATCHING = ("prometheus", "grafana")  # what others need to know of a project they run; each of the others has tests beside its own


@pytest.mark.parametrize("target", WATCHING)
def test_every_file_is_as_agreed(target: str, pytestconfig: pytest.Config) -> None:
    files, there = render(target, order()), GOLDEN / target
    if pytestconfig.getoption("--update-golden"):
        for name, text in files.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_text(text, encoding="utf-8")
    agreed = {path.relative_to(there).as_posix(): path.read_text(encoding="utf-8") for path in there.rglob("*") if path.is_file()}
    assert dict(files) == agreed


@pytest.mark.parametrize("target", WATCHING)
def test_every_file_can_be_read_and_says_who_made_it(target: str) -> None:
    for name, text in render(target, order()).items():
        if name.endswith(".json"):
            assert json.loads(text)["tags"] == ["flyball"]
        else:
            assert isinstance(yaml.safe_load(text), dict)
            assert text.startswith(f"# Made by `flyball render {target}`")


@pytest.mark.parametrize("target", WATCHING)
def test_rendering_twice_gives_the_same_bytes(target: str) -> None:
    assert render(target, order()) == render(target, order())
