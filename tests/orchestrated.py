"""Environments of their own for Airflow and Kubeflow's SDK, and a project whose steps they run."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from rendered import write_down
from trained import begin

FLYBALL = f"{sys.executable} -P -m flyball"

FULL = """
[model]
name = "churn"
task = "binary"
[data]
source = "data/customers.csv"
target = "churned"
time = "observed_at"
outcome_time = "known_at"
[train]
run = "pipeline:train"
timeout = "1h"
resources = { cpu = 2.5, memory = "4Gi", gpu = 1 }
[stores]
database = "env:FLYBALL_DATABASE"
mlflow = "env:FLYBALL_MLFLOW"
remote = "s3://bucket/churn"
[deliver]
image = "registry.example.com/team/churn:1"
secrets = ["AWS_SECRET_ACCESS_KEY"]
variables = { AWS_REGION = "eu-west-1" }
look = "15m"
[retrain]
on = ["schedule"]
every = "30d"
from = "source"
"""


def full(text: str = FULL, environment: str = "") -> Spec:
    """A spec that says everything orchestrators look at."""
    return parse_spec(text, folder=Path("nowhere"), environment=environment)


def interpreter(name: str) -> str:
    """The interpreter of an environment that `make .venv/NAME/.done` builds. Without it a test is skipped; not in CI."""
    found = os.environ.get(f"FLYBALL_{name.upper()}_PYTHON", str(Path(sys.prefix) / name / "bin" / "python"))
    if not Path(found).exists():
        if os.environ.get("CI"):
            raise RuntimeError(f"{found} is missing, which `make .venv/{name}/.done` makes")
        pytest.skip(f"needs the environment of {name}: make .venv/{name}/.done")
    return found


def project(folder: Path) -> Path:
    """A small churn project that is promoted by its gate, without tests of its own: so small a model would fail them."""
    folder.mkdir(parents=True)
    begin(folder)
    for name in ("tests.toml", "model_tests.py"):
        (folder / name).unlink()
    return folder


def ran(words: list[str], folder: Path, surroundings: Mapping[str, str]) -> str:
    """What a process said, which must end well."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **surroundings}, timeout=250)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout + done.stderr


def agreed(files: Mapping[str, str], target: str, pytestconfig: pytest.Config) -> None:
    """Compare with the golden files of a target, or replace them."""
    there = Path(__file__).parent / "render" / "golden" / target
    if pytestconfig.getoption("--update-golden"):
        write_down(files, there)
    found = {path.relative_to(there).as_posix(): path.read_text(encoding="utf-8") for path in there.rglob("*") if path.is_file()}
    assert dict(files) == found


def data_and_code(text: str) -> tuple[object, str]:
    """What a rendered Python file has as its PLAN, and everything else in it."""
    module = ast.parse(text)
    (plan,) = [one for one in module.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "PLAN"]
    found: object = ast.literal_eval(plan.value)
    plan.value = ast.Constant(None)
    return found, ast.dump(module)


NAMES = st.text(st.characters(min_codepoint=32, exclude_characters="/:", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | st.sampled_from(
    [
        "{{ 7 * 7 }}{% raw %}",
        "{{$.inputs.parameters['x']}} {{workflow.name}} {{=1+1}}",
        "${{ github.token }}",
        "$(touch x) `touch x` ${HOME} $HOME; touch x",
        "'; import os; os._exit(3) #",
        "\"\"\"\n'''\\",
        "a\nb: c\n- d\r\n\t",
        "\u2028\u202e\x85\ufeff温度🦔",
        "x.sh",
    ]
)


def hostile(name: str, environment: str, text: str) -> Spec:
    """A spec with these in every place that takes a text; also in those where the file may not have it."""
    spec = full()
    return replace(
        spec,
        model=replace(spec.model, name=name),
        data=replace(spec.data, source=text),
        environment=environment,
        deliver=replace(spec.deliver, variables={"A": text, "B": name}),
    )
