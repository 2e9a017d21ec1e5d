"""`flyball export`: a folder that needs no Flyball, and models that need none either."""

import hashlib
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pandas as pd
import pytest

from flyball.loop.leaving.tables import TABLES
from trained import CUSTOMER, MODEL, Shop, flyball, only_our_warnings

ROWS = 40
LOAD = """
import importlib.util, json, sys
assert importlib.util.find_spec("flyball") is None
import mlflow, pandas
champion = mlflow.pyfunc.load_model("models:/churn@champion")
with open(sys.argv[1]) as file:
    rows = pandas.DataFrame(json.load(file))
print(json.dumps(champion.predict(rows).tolist()))
"""


@pytest.fixture(scope="module")
def lived(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained project that has answered, learnt what came of it, and been looked at."""
    import shutil

    folder = Path(shutil.copytree(shop.folder, tmp_path_factory.mktemp("lived") / "own"))
    rows = pd.DataFrame([{**CUSTOMER, "tenure_months": 1 + n, "customer_id": f"=C{n}"} for n in range(ROWS)])
    rows["observed_at"] = [f"2025-03-{1 + n // 10:02d}T12:00:00Z" for n in range(ROWS)]
    rows.to_csv(folder / "in.csv", index=False)
    said = flyball(folder, "predict", str(folder / "in.csv"), str(folder / "out.csv"), "--json")
    assert said.status == 0, said.err
    told = pd.DataFrame({"id": rows["customer_id"], "actual": [n % 2 for n in range(ROWS)], "at": "2025-03-20T00:00:00Z"})
    told.to_csv(folder / "outcomes.csv", index=False)
    assert flyball(folder, "outcomes", str(folder / "outcomes.csv"), "--now", "2025-05-01T00:00:00Z").status == 0
    assert flyball(folder, "monitor", "--now", "2025-05-01T00:00:00Z").status in (0, 1)
    return folder


def test_an_export_says_how_much_there_was_and_its_files_are_what_the_manifest_says(lived: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = flyball(lived, "export", str(out), "--json")
    assert said.status == 0, said.err
    rows = said.json["rows"]
    assert list(rows) == list(TABLES)
    assert (rows["predictions"], rows["outcomes"]) == (ROWS, ROWS) and rows["counts"] and rows["hours"] and rows["journal"] >= 5
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["model"] == MODEL and list(manifest["versions"]) == ["1", "2", "3"]
    assert manifest["versions"]["2"]["run_id"] and manifest["versions"]["2"]["classes"] == ["0", "1"]
    for name, table in manifest["tables"].items():
        assert table["rows"] == rows[name]
        for file, about in table["files"].items():
            content = (out / file).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (about["bytes"], about["sha256"])
        frame = pd.read_parquet(out / f"{name}.parquet")
        assert len(frame) == rows[name] and list(frame.columns) == list(table["columns"])
    assert {path.name for path in out.iterdir()} == {
        "README.md",
        "manifest.json",
        *(f"{name}.{kind}" for name in TABLES for kind in ("jsonl", "parquet")),
    }


def test_what_the_page_shows_works(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flyball(lived, "export", str(tmp_path / "out")).status == 0
    code = (tmp_path / "out" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path / "out")
    found: dict[str, pd.DataFrame] = {}
    exec(code, found)
    assert len(found["joined"]) == ROWS and found["joined"]["actual"].notna().all()
    assert found["joined"]["entity"][0].startswith("=C")  # as it was sent: only a spreadsheet would run it


def test_counts_name_their_columns_and_cells_and_add_up_to_the_rows(lived: Path, tmp_path: Path) -> None:
    assert flyball(lived, "export", str(tmp_path / "out")).status == 0
    counts = pd.read_parquet(tmp_path / "out" / "counts.parquet")
    own = counts[counts["version"] == counts["against"]]
    assert own.groupby("column")["count"].sum().eq(ROWS).all()
    tenure = own[(own["column"] == "tenure_months") & (own["cell"] == "range")]
    assert (tenure["lower"] < tenure["upper"]).all() and tenure["upper"].max() >= ROWS
    assert set(own[own["column"] == "plan"]["category"].dropna()) == {"monthly"}
    assert counts["column"].notna().all()


def test_a_span_is_all_that_leaves(lived: Path, tmp_path: Path) -> None:
    words = ("--since", "2025-03-02T00:00:00Z", "--until", "2025-03-03T00:00:00Z", "--format", "jsonl", "--json")
    said = flyball(lived, "export", str(tmp_path / "out"), *words)
    assert said.json["rows"]["predictions"] == 10
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".jsonl", ".json", ".md"}


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--since", "yesterday"), "--since yesterday"),
        (("--since", "2025-03-02T00:00:00Z", "--until", "2025-03-01T00:00:00Z"), "is not after --since"),
        (("--format", "csv"), "'csv' is not one of"),
    ],
)
def test_a_wrong_span_is_a_usage_error_and_writes_nothing(words: tuple[str, ...], wrong: str, shop: Shop, tmp_path: Path) -> None:
    said = flyball(shop.folder, "export", str(tmp_path / "out"), *words)
    assert said.status == 2 and wrong in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(lived: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    said = flyball(lived, "export", str(tmp_path / "out"))
    assert said.status == 1 and "not an empty folder" in said.err
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]


def test_a_folder_that_cannot_be_made_is_told(lived: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "out", Path("/proc/x/y")):
        said = flyball(lived, "export", str(folder))
        assert (said.status, f"{folder} cannot be made: " in said.err) == (1, True), said.err


def test_an_edited_journal_is_told_and_leaves_no_half_export(lived: Path, tmp_path: Path) -> None:
    import shutil
    import sqlite3

    folder = Path(shutil.copytree(lived, tmp_path / "edited"))
    with sqlite3.connect(folder / "flyball.db") as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE journal SET actor = 'somebody else' WHERE seq = 1")
    connection.close()
    said = flyball(folder, "export", str(tmp_path / "out"))
    assert said.status == 1 and "not what was appended" in said.err
    assert {path.name for path in tmp_path.iterdir()} == {"edited"}


def test_after_flyball_is_gone_the_champion_loads_from_mlflow_and_says_the_same(shop: Shop, tmp_path: Path) -> None:
    """An environment that has every package but Flyball: without its folder on the path nothing of it can be imported."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", query], capture_output=True, text=True, check=True).stdout.strip())
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    rows = [{**CUSTOMER, "tenure_months": n, "support_calls": n % 7} for n in range(1, 60, 3)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    uri = f"sqlite:///{shop.folder / 'mlflow.db'}"
    done = subprocess.run(
        [python, "-I", "-W", "ignore", "-c", LOAD, str(tmp_path / "rows.json")],
        cwd=tmp_path,
        env={"MLFLOW_TRACKING_URI": uri, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with only_our_warnings():
        import mlflow

        mlflow.set_tracking_uri(uri)
        here = mlflow.pyfunc.load_model(f"models:/{MODEL}@champion")
        assert json.loads(done.stdout.splitlines()[-1]) == here.predict(pd.DataFrame(rows)).tolist()
