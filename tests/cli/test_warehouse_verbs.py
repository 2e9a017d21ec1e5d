"""Training from a query: the verbs over a real PostgreSQL, and where its password must never stand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import PIPELINE, customers
from projects import SPEC as FILE_SPEC
from trained import flyball
from warehouses import PASSWORD, Postgres, postgres

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what MLflow, DVC and drivers say when they are imported is not ours to answer for
    pytest.mark.slow,
]
NOW = ("--now", "2024-04-01T00:00:00Z")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("warehouse")) as made:
        customers().to_sql("customers", made.engine, index=False)
        yield made


@pytest.fixture
def project(database: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pipeline.py").write_text(PIPELINE)
    source = 'source = { query = "customers.sql", connection = "env:WAREHOUSE_URL" }'
    (folder / "flyball.toml").write_text(FILE_SPEC.replace('source = "data/customers.csv"', source))
    (folder / "customers.sql").write_text("SELECT * FROM customers\n")
    monkeypatch.setenv("WAREHOUSE_URL", database.address())
    return folder


def test_a_training_learns_from_what_a_query_gives_and_its_days_are_kept(database: Postgres, project: Path) -> None:
    said = flyball(project, "train", "--json", *NOW)
    assert said.status == 0, said.err
    assert "warehouse: 3000 rows, 60 days; 60 changed, 0 gone" in said.err
    assert (project / "warehouse" / "customers.dvc").is_file()
    again = flyball(project, "train", "--json", *NOW)
    assert "0 changed, 0 gone" in again.err
    assert (again.json["status"], again.json["version"]) == ("unchanged", 1)
    assert flyball(project, "check", *NOW).status == 0
    assert flyball(project, "doctor").out.count("WAREHOUSE_URL") == 1
    assert flyball(project, "why", "1").status == 0
    database.run("UPDATE customers SET x0 = x0 + 1 WHERE seen_at >= '2024-01-05' AND seen_at < '2024-01-06'")
    later = flyball(project, "train", "--json", *NOW)
    assert "1 changed, 0 gone" in later.err
    assert later.json["version"] == 2
    holding = [path for path in project.rglob("*") if path.is_file() and _in(path.read_bytes())]
    assert not holding
    assert not _in("".join(one.err + one.out for one in (said, again, later)).encode())


def test_what_is_wrong_with_a_query_is_one_line_and_exit_1(database: Postgres, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", database.address("wr0ng!pass"))
    said = flyball(project, "train", *NOW)
    assert said.status == 1 and 'password authentication failed for user "reader"' in said.err
    assert "wr0ng" not in said.err
    monkeypatch.delenv("WAREHOUSE_URL")
    said = flyball(project, "snapshot", *NOW)
    assert said.status == 1 and "the variable WAREHOUSE_URL is not set" in said.err
    (project / "customers.sql").unlink()
    said = flyball(project, "check")
    assert said.status == 1 and "data.source.query names customers.sql, which does not exist" in said.err


def _in(content: bytes) -> bool:
    return any(part in content for part in (PASSWORD.encode(), b"p%40ss", b"ss/word"))
