"""The Dockerfiles as BuildKit's own parser reads them, and what the slim image installs."""

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clustered import order, python_with, text
from flyball.render.docker.slim import REQUIREMENTS
from flyball.render.targets import render

_PARSE = """
import dataclasses, json, sys, dockerfile
for line in sys.stdin:
    found = dockerfile.parse_string(json.loads(line))
    said = [{"cmd": one.cmd, "json": one.json, "value": one.value, "heredocs": len(one.heredocs)} for one in found]
    print(json.dumps(said))
"""
WORDS = ["a b", 'c"d', "e\\", "f\ng", "$HOME", "$(id)", "`id`", "<<EOF", "'", "# x", "&& rm", "{{ x }}", "温度", "\u2028", "\x85"]


def parsed(*files: str) -> list[Any]:
    """What BuildKit reads."""
    python = python_with("FLYBALL_CLUSTER_PYTHON", "dockerfile", ".venv/cluster")
    lines = "".join(json.dumps(one) + "\n" for one in files)
    done = subprocess.run([python, "-c", _PARSE], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_command_is_a_list_of_words_that_no_shell_reads() -> None:
    files = render("docker", order())
    for one in parsed(files["Dockerfile"], files["Dockerfile.server"]):
        for step in one:
            assert step["json"] == (step["cmd"].upper() in ("RUN", "COPY", "ENTRYPOINT", "CMD")), step
        assert [step["value"] for step in one if step["cmd"].upper() == "USER"] == [["10001:10001"]]


def test_words_of_the_spec_are_said_as_they_are() -> None:
    files = [render("docker", order(text(requirements=word)))["Dockerfile"] for word in WORDS]
    for word, steps in zip(WORDS, parsed(*files), strict=True):
        assert ["pip", "install", "-r", word] in [step["value"] for step in steps if step["cmd"].upper() == "RUN"]
        assert len(steps) == 14 and not any(step["heredocs"] for step in steps)


@settings(deadline=None, max_examples=100)
@given(word=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
def test_any_word_stays_on_its_line_and_reads_back(word: str) -> None:
    lines = render("docker", order(text(requirements=word)))["Dockerfile"].split("\n")
    assert len(lines) == 16
    assert json.loads(lines[9].removeprefix("RUN ")) == ["pip", "install", "-r", word]
    assert lines[9].isascii() and lines[9].endswith("]")


def test_the_slim_image_installs_in_the_ranges_of_the_package_and_no_more_than_a_server_needs() -> None:
    files = render("docker", order(release="1.2.3"))
    listed = [line for line in files["requirements-server.txt"].splitlines() if not line.startswith("#")]
    about = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(listed) <= {*about["dependencies"], *about["optional-dependencies"]["postgres"]}
    names = " ".join(listed)
    for heavy in ("mlflow", "pandas", "scikit-learn", "skl2onnx", "dvc", "pyarrow", "sqlalchemy"):
        assert heavy not in names
    assert 'RUN ["pip", "install", "--no-deps", "flyball==1.2.3"]\n' in files["Dockerfile.server"]
    assert listed == list(REQUIREMENTS)


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.server"])
def test_what_is_of_this_machine_alone_is_left_out_of_the_image(name: str) -> None:
    left = render("docker", order())[f"{name}.dockerignore"].splitlines()
    wanted = {"**/.flyball", "**/mlartifacts", "**/.dvc/config.local", "**/.env", "**/*.env", "**/.venv*", "evaluation", ".git/config"}
    assert wanted <= set(left) or left[1:] == ["*", "!requirements-server.txt"]


def test_the_commit_goes_into_the_image_and_what_a_ci_system_writes_into_gits_configuration_does_not() -> None:
    left = render("docker", order())["Dockerfile.dockerignore"].splitlines()
    assert not {".git", "**/.git", ".git/HEAD", ".git/objects", ".git/refs", ".git/packed-refs", ".git/index"} & set(left)


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.server"])
def test_the_user_whom_no_list_of_users_knows_has_a_name_and_a_home(name: str) -> None:
    [*_, said] = [line for line in render("docker", order())[name].splitlines() if line.startswith("ENV ")]
    assert said == "ENV HOME=/tmp USER=flyball LOGNAME=flyball TMPDIR=/tmp DVC_SITE_CACHE_DIR=/tmp/dvc"
