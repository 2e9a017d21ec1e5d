"""The files behind a function."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.spec.load import parse_spec
from flyball.training.code import code_digest, project_code, takes, training_code
from projects import SPEC


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def paths(folder: Path, *functions: str) -> list[str]:
    return [file.path for file in project_code(folder, functions)]


def test_imports_are_followed_inside_the_project_and_not_outside(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pipeline.py": "import numpy\nimport features.text as t\nfrom features import dates\ndef train():\n    import late\n",
            "features/__init__.py": "",
            "features/text.py": "from . import shared\nfrom .deep.er import x\n",
            "features/dates.py": "",
            "features/shared.py": "import pipeline\n",
            "features/deep/__init__.py": "",
            "features/deep/er.py": "x = 1\n",
            "late.py": "",
            "unrelated.py": "",
        },
    )
    assert paths(tmp_path, "pipeline:train") == [
        "features/__init__.py",
        "features/dates.py",
        "features/deep/__init__.py",
        "features/deep/er.py",
        "features/shared.py",
        "features/text.py",
        "late.py",
        "pipeline.py",
    ]


def test_the_digest_changes_with_any_file_that_is_reached_and_with_no_other(tmp_path: Path) -> None:
    write(tmp_path, {"pipeline.py": "import other\n", "other.py": "a = 1\n", "apart.py": ""})
    before = code_digest(project_code(tmp_path, ["pipeline:train"]))
    write(tmp_path, {"apart.py": "b = 2\n"})
    assert code_digest(project_code(tmp_path, ["pipeline:train"])) == before
    write(tmp_path, {"other.py": "a = 2\n"})
    assert code_digest(project_code(tmp_path, ["pipeline:train"])) != before


def test_a_file_that_is_not_python_ends_the_search_without_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"pipeline.py": "def (:\n", "other.py": ""})
    assert paths(tmp_path, "pipeline:train") == ["pipeline.py"]


def test_a_module_that_is_no_file_of_the_project_is_left_out(tmp_path: Path) -> None:
    assert paths(tmp_path, "sklearn.linear_model:Ridge") == []


@given(st.text(max_size=30))
def test_no_name_leads_out_of_the_project(name: str) -> None:
    assert project_code(Path("/nonexistent"), [name]) == ()


def test_what_a_command_names_in_the_project_is_its_code(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "fit.py").write_text("import near\nimport far\nimport numpy\n")
    (tmp_path / "scripts" / "near.py").write_text("x = 1\n")
    (tmp_path / "far.py").write_text("y = 1\n")
    (tmp_path / "fit.sh").write_text("echo\n")
    spec = parse_spec(SPEC.replace('prepare = "pipeline:prepare"', ""), folder=tmp_path)
    spec = replace(spec, train=replace(spec.train, run="", command=("python", "scripts/fit.py", "--sh", "fit.sh", "/bin/sh")))
    assert [file.path for file in training_code(spec)] == ["far.py", "fit.sh", "scripts/fit.py", "scripts/near.py"]
    before = code_digest(training_code(spec))
    (tmp_path / "scripts" / "near.py").write_text("x = 2\n")
    assert code_digest(training_code(spec)) != before


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("def train(frame, target, sample_weight=None): ...", True),
        ("def train(frame, target, *, sample_weight=None): ...", True),
        ("def train(frame, target): ...", False),
        ("def train(frame, target, **params): ...", False),
        ("def train(frame, target, sample_weight, /): ...", False),
        ("raise SystemExit('it was run')\ndef train(frame, target): ...", False),
        ("@wrapped\ndef train(frame, target): ...", None),
        ("from elsewhere import train", None),
        ("train = make()", None),
        ("def train(", None),
    ],
)
def test_whether_a_function_names_a_parameter_is_read_and_not_asked(tmp_path: Path, text: str, seen: bool | None) -> None:
    write(tmp_path, {"steps/__init__.py": "", "steps/fit.py": text})
    assert takes(tmp_path, "steps.fit:train", "sample_weight") is seen
    assert takes(tmp_path, "installed:train", "sample_weight") is None
