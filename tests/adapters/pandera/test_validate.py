"""A user's pandera schema held against rows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from flyball.adapters.pandera.validate import MOST, complaints
from flyball.core.errors import UserCodeError
from flyball.data.findings import Finding
from flyball.words.sentences import sentence

pytestmark = pytest.mark.filterwarnings("ignore")  # what pandera says while it is imported is not ours to answer for

SCHEMAS = """
import pandas as pd
import pandera.pandas as pa


class Rows(pa.DataFrameModel):
    age: int = pa.Field(ge=0, le=120)
    plan: str = pa.Field(isin=["basic", "pro"])
    who: str = pa.Field(unique=True)

    @pa.dataframe_check
    def grown_ups_only_are_pro(cls, frame):
        return (frame["age"] >= 18) | (frame["plan"] == "basic")


class Coercing(pa.DataFrameModel):
    age: int = pa.Field(ge=0)

    class Config:
        coerce = True
        strict = True


class Warning(pa.DataFrameModel):
    age: int = pa.Field(ge=30, raise_warning=True)


class Raising(pa.DataFrameModel):
    age: int

    @pa.check("age")
    def hopeful(cls, ages):
        raise RuntimeError("no luck today")


class Nameless(pa.DataFrameModel):
    age: "NothingOfThatName"


Dropping = pa.DataFrameSchema({"age": pa.Column(int, pa.Check.ge(30))}, drop_invalid_rows=True)
Wide = pa.DataFrameSchema({f"f{n}": pa.Column(float) for n in range(300)})
number = 3


def train(frame):
    return frame
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("schemas")
    (folder / "own_schemas.py").write_text(SCHEMAS)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("own_schemas", None)


def rows(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"who": ["c1", "c2", "c3", "c4"], "age": [20, 30, 40, 50], "plan": ["basic", "pro", "pro", "basic"], **columns})


def found(name: str, project: Path, frame: pd.DataFrame, *, partly: bool = False) -> list[tuple[str, str, int, tuple[str, ...], str]]:
    ids = frame["who"] if "who" in frame else pd.Series(frame.index, index=frame.index)
    said: list[Finding] = complaints(f"own_schemas:{name}", frame, ids, project, partly=partly)
    return [(one.severity, one.column, one.rows, one.examples, sentence(one.reason)) for one in said]


def test_rows_that_pass_leave_nothing_to_say(project: Path) -> None:
    assert found("Rows", project, rows()) == []


def test_everything_is_told_at_once_with_counts_and_ids(project: Path) -> None:
    frame = rows(age=[-1, 10, 40, 300], plan=["basic", "pro", "gold", None])
    said = {(column, text.split(": ")[1].split(" fails")[0]): (count, ids) for _, column, count, ids, text in found("Rows", project, frame)}
    assert said == {
        ("age", "greater_than_or_equal_to(0)"): (1, ("c1",)),
        ("age", "less_than_or_equal_to(120)"): (1, ("c4",)),
        ("plan", "isin(['basic', 'pro'])"): (1, ("c3",)),
        ("plan", "not_nullable"): (1, ("c4",)),
        ("", "grown_ups_only_are_pro"): (1, ("c2",)),
    }


def test_absent_and_unknown_columns_are_named(project: Path) -> None:
    assert [(column, text) for _, column, _, _, text in found("Coercing", project, rows().drop(columns="age"))] == [
        ("who", "own_schemas:Coercing is strict and does not know the column 'who'"),
        ("plan", "own_schemas:Coercing is strict and does not know the column 'plan'"),
        ("age", "own_schemas:Coercing wants the column 'age', which the prepared rows do not have"),
    ]


def test_coercion_shows_what_it_could_not_do_and_changes_nothing(project: Path) -> None:
    frame = rows(age=["20", "30", "x", "50"])[["age"]]
    before = frame.copy()
    said = found("Coercing", project, frame)
    assert {(column, ids) for _, column, _, ids, _ in said if ids} == {("age", ("2",))}
    assert found("Coercing", project, frame[frame["age"] != "x"]) == []
    pd.testing.assert_frame_equal(frame, before)


def test_a_schema_that_would_drop_invalid_rows_reports_them(project: Path) -> None:
    ((severity, column, count, ids, _),) = found("Dropping", project, rows())
    assert (severity, column, count, ids) == ("error", "age", 1, ("c1",))


def test_a_check_that_only_warns_is_a_warning(project: Path) -> None:
    ((severity, _, _, _, text),) = found("Warning", project, rows())
    assert severity == "warning"
    assert "greater_than_or_equal_to(30)" in text


def test_a_check_that_raises_is_an_error_with_what_it_said(project: Path) -> None:
    ((severity, column, _, _, text),) = found("Raising", project, rows())
    assert (severity, column) == ("error", "age")
    assert "hopeful" in text and "no luck today" in text


def test_in_part_only_what_is_there_is_asked_about_and_no_types(project: Path) -> None:
    asked = rows(age=[20.0, 30.0, -4.0, 50.0])[["age"]]
    ((_, column, count, _, text),) = found("Rows", project, asked, partly=True)
    assert (column, count) == ("age", 1)
    assert "greater_than_or_equal_to(0)" in text


def test_a_schema_of_many_columns_lists_some_complaints_and_counts_the_rest(project: Path) -> None:
    said = found("Wide", project, rows())
    assert len(said) == MOST + 1
    assert said[-1][4] == "own_schemas:Wide has 200 more complaints that are not listed"
    assert said[-1][0] == "error"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("own_schemas:Row", "has no 'Row'; did you mean 'Rows'?", "schemas there: Coercing"),
        ("own_schemas:number", "is of type int, not a pandera schema for pandas", "write class Rows"),
        ("own_schemas:train", "is of type function, not a pandera schema", "write class Rows"),
        ("own_schemas:Nameless", "makes no schema", "NothingOfThatName"),
        ("no_such_module:Rows", "there is no module 'no_such_module'", "modules there: own_schemas"),
    ],
)
def test_what_is_no_schema_is_refused_with_what_there_is(project: Path, name: str, message: str, hint: str) -> None:
    with pytest.raises(UserCodeError) as refused:
        complaints(name, rows(), rows()["who"], project, partly=False)
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_without_pandera_the_way_to_install_it_is_told() -> None:
    code = """
import sys
sys.modules["pandera"] = None
import pandas as pd
from pathlib import Path
from flyball.adapters.pandera.validate import complaints
from flyball.core.errors import UnsupportedError
try:
    complaints("own:Rows", pd.DataFrame({"a": [1]}), pd.Series([0]), Path(), partly=False)
except UnsupportedError as error:
    print(error.message, "|", error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[quality] schema needs pandera | pip install 'flyball[pandera]'"
