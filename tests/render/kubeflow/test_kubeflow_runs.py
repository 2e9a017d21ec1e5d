"""Kubeflow's own SDK, in an environment of its own: it compiles the rendered Python to what was rendered, and runs every step for real."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from flyball.render.kubeflow.pipeline import files
from flyball.render.records import Order
from orchestrated import FLYBALL, FULL, full, hostile, interpreter, project, ran
from rendered import write_down
from trained import flyball

PLAIN = FULL.replace('resources = { cpu = 2.5, memory = "4Gi", gpu = 1 }\n', "").replace('variables = { AWS_REGION = "eu-west-1" }\n', "")


@pytest.mark.parametrize("which", ["full", "plain", "hostile"])
def test_the_sdk_compiles_the_python_to_the_very_pipelines_that_are_rendered(which: str, tmp_path: Path) -> None:
    python = interpreter("kfp")
    name = "a {b} \u202e温度.md"
    spec = {"full": full(), "plain": full(PLAIN), "hostile": hostile(name, "'; x \"\n`y`", "- a: b\n#\t\u2028{ }")}[which]
    write_down(files(Order(specs=(spec,))), tmp_path)
    (folder,) = tmp_path.iterdir()
    ran([python, "pipeline.py", "--out", str(tmp_path)], folder, {})
    for file in ("pipeline.yaml", "watch.yaml"):
        ours, theirs = (list(yaml.safe_load_all((place / file).read_text())) for place in (folder, tmp_path))
        assert ours == theirs


def test_every_step_runs_under_the_sdk_and_the_version_answers_at_the_end(tmp_path: Path) -> None:
    python, folder = interpreter("kfp"), project(tmp_path / "project")
    # No place to push to here; and the project keeps its stores in its own folder, which is why it can run on one machine.
    write_down(files(Order(specs=(full(FULL.replace('remote = "s3://bucket/churn"\n', "")),))), tmp_path / "rendered")
    said = ran(
        [python, "pipeline.py", "--local", str(folder), "--flyball", FLYBALL],
        tmp_path / "rendered" / "churn",
        {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src"))},
    )
    assert said.count("SUCCESS") == 7  # six steps and the pipeline
    (version,) = flyball(folder, "models", "--json").json
    assert version["version"] == 1 and "champion" in version["aliases"]
