"""Rows of a query: over a real PostgreSQL and SQLite, day by day, and what must never be told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from flyball.adapters.warehouse.days import Stored
from flyball.adapters.warehouse.fetch import fetch
from flyball.core.errors import DataError, FlyballError, SpecError, StoreError
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from warehouses import SPEC, Postgres, postgres

pytestmark = pytest.mark.filterwarnings("ignore")  # what drivers say when they are imported is not ours to answer for

ROWS = """
CREATE TABLE visits AS SELECT
  'c' || n AS customer,
  timestamptz '2024-01-01 00:00Z' + n * interval '1 hour' AS seen_at,
  n::int AS visits,
  (n * 0.5)::numeric AS spent,
  CASE WHEN n % 3 = 0 THEN NULL ELSE n % 2 = 0 END AS member,
  (n % 2)::int AS churned
FROM generate_series(0, 239) AS n
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("warehouse")) as made:
        made.run(ROWS)
        yield made


def project(folder: Path, query: str | None, spec: str = SPEC) -> Spec:
    folder.mkdir(exist_ok=True)
    if query is not None:
        (folder / "q.sql").write_text(query)
    return parse_spec(spec, folder=folder)


def asked(spec: Spec, address: str, said: list[str] | None = None) -> Stored:
    return fetch(spec, secret=lambda text: {"env:WAREHOUSE_URL": address}[text], say=([] if said is None else said).append)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "warehouse" / "q").iterdir())}


def test_each_day_is_one_file_and_types_are_those_of_the_warehouse(database: Postgres, tmp_path: Path) -> None:
    said: list[str] = []
    spec = project(tmp_path, "SELECT * FROM visits;")
    assert asked(spec, database.address(), said) == Stored(rows=240, files=10, changed=10, gone=0)
    assert said == ["warehouse: 240 rows, 10 days; 10 changed, 0 gone"]
    assert list(contents(tmp_path)) == [f"2024-01-{day:02}.parquet" for day in range(1, 11)]
    schema = pq.read_schema(tmp_path / spec.data.place / "2024-01-01.parquet")
    assert {field.name: str(field.type) for field in schema} == {
        "customer": "string",
        "seen_at": "timestamp[us, tz=UTC]",
        "visits": "int64",
        "spent": "double",
        "member": "bool",
        "churned": "int64",
    }
    frame = pd.read_parquet(tmp_path / spec.data.place)
    assert (frame["visits"].sum(), frame["spent"].sum(), int(frame["member"].isna().sum())) == (28680, 14340.0, 80)


def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_come(database: Postgres, tmp_path: Path) -> None:
    spec = project(tmp_path, "SELECT * FROM visits ORDER BY random()")
    asked(spec, database.address())
    before = contents(tmp_path)
    assert asked(spec, database.address()) == Stored(rows=240, files=10, changed=0, gone=0)
    assert contents(tmp_path) == before


def test_only_days_that_changed_are_written_and_days_without_rows_go(database: Postgres, tmp_path: Path) -> None:
    asked(project(tmp_path, "SELECT * FROM visits"), database.address())
    before = {name: (tmp_path / "warehouse" / "q" / name).stat().st_mtime_ns for name in contents(tmp_path)}
    changed = (
        "SELECT * FROM visits WHERE seen_at < '2024-01-10' AND NOT (seen_at >= '2024-01-03' AND seen_at < '2024-01-04' AND visits % 2 = 0)"
    )
    assert asked(project(tmp_path, changed), database.address()) == Stored(rows=204, files=9, changed=1, gone=1)
    after = {name: (tmp_path / "warehouse" / "q" / name).stat().st_mtime_ns for name in contents(tmp_path)}
    assert set(before) - set(after) == {"2024-01-10.parquet"}
    assert {name for name in after if after[name] != before[name]} == {"2024-01-03.parquet"}


def test_many_rows_wait_on_disk_and_come_out_whole(database: Postgres, tmp_path: Path) -> None:
    query = "SELECT timestamptz '2024-01-01Z' + (n % 5) * interval '1 day' AS seen_at, n AS x FROM generate_series(1, 250000) AS n"
    assert asked(project(tmp_path, query), database.address()) == Stored(rows=250_000, files=5, changed=5, gone=0)
    frame = pd.read_parquet(tmp_path / "warehouse" / "q")
    assert frame["x"].sum() == 250_000 * 250_001 // 2
    assert not list((tmp_path / ".flyball").glob("warehouse-*"))


def test_without_a_time_there_is_one_file(database: Postgres, tmp_path: Path) -> None:
    spec = project(tmp_path, "SELECT visits, churned FROM visits", SPEC.replace('time = "seen_at"\n', ""))
    assert asked(spec, database.address()) == Stored(rows=240, files=1, changed=1, gone=0)
    assert list(contents(tmp_path)) == ["rows.parquet"]


def test_sqlite_gives_the_same_days(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE visits (seen_at TEXT, x REAL, churned INTEGER)")
        rows = [(f"2024-01-0{day} 10:00:00", day if day == 1 else day / 2, 1) for day in (3, 1, 2, 1)]
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?)", rows)
        connection.commit()
    spec = project(tmp_path / "p", "SELECT * FROM visits -- 'a:1' and 100% sure")
    assert asked(spec, f"sqlite:///{path}") == Stored(rows=4, files=3, changed=3, gone=0)
    assert asked(spec, f"sqlite:///{path}").changed == 0


def test_what_a_query_changes_is_not_kept(database: Postgres, tmp_path: Path) -> None:
    owner = f"postgresql://postgres@/postgres?host={database.socket}"
    with pytest.raises(DataError, match=r"q\.sql was refused by the warehouse"):
        asked(project(tmp_path, "WITH gone AS (DELETE FROM visits RETURNING *) SELECT * FROM gone"), owner)
    assert asked(project(tmp_path, "SELECT * FROM visits"), owner).rows == 240


@pytest.mark.parametrize("query", ["DROP TABLE t", "/* SELECT */ CREATE TABLE x (y)", "-- SELECT\nVACUUM", "/* */ DELETE /* */ SELECT"])
def test_what_is_no_query_is_not_sent(tmp_path: Path, query: str) -> None:
    with pytest.raises(DataError, match=r"q\.sql is no query: it begins with neither SELECT nor WITH"):
        asked(project(tmp_path, query), f"sqlite:///{tmp_path / 'shop.db'}")
    assert not (tmp_path / "shop.db").exists()


@pytest.mark.parametrize("query", ["-- rows\n/* of **\nall */ select * from visits", "WITH x AS (SELECT * FROM visits) SELECT * FROM x"])
def test_comments_may_stand_before_a_query_and_sqlite_changes_nothing(tmp_path: Path, query: str) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE visits (seen_at TEXT, churned INTEGER)")
        connection.execute("INSERT INTO visits VALUES ('2024-01-01', 1)")
        connection.commit()
    before = path.read_bytes()
    assert asked(project(tmp_path / "p", query), f"sqlite:///{path}").rows == 1
    with pytest.raises(DataError, match=r"readonly|read-only"):
        asked(project(tmp_path / "q", "WITH x AS (SELECT 1) INSERT INTO visits SELECT '2024-01-02', 1 FROM x"), f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT * FROM nowhere", r'q\.sql was refused by the warehouse: relation "nowhere" does not exist'),
        ("SELECT 1 AS x, 2 AS x, now() AS seen_at", r"several columns named x"),
        ("SELECT 1 AS x", r"gives no column 'seen_at', which is data\.time"),
        ("SELECT 'soon' AS seen_at", r"holds 'soon', which is not a time"),
        ("SELECT now() AS seen_at, ARRAY[1] AS x", r"column 'x' of q\.sql holds list, which no model reads"),
        ("SELECT now() AS seen_at, 1e30::numeric(40)::text::bytea AS x", r"column 'x' of q\.sql holds bytes"),
        ("SELECT * FROM visits WHERE false", r"q\.sql gives no rows"),
        ("", r"q\.sql is empty"),
        (None, r"data\.source\.query names q\.sql, which does not exist"),
    ],
)
def test_a_query_that_gives_no_table_is_refused_and_changes_nothing(
    database: Postgres, tmp_path: Path, query: str | None, says: str
) -> None:
    asked(project(tmp_path, "SELECT * FROM visits"), database.address())
    before = contents(tmp_path)
    (tmp_path / "q.sql").unlink()
    with pytest.raises(DataError, match=says):
        asked(project(tmp_path, query), database.address())
    assert contents(tmp_path) == before


def test_a_column_of_two_types_is_named(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE t (seen_at TEXT, x)")
        connection.executemany("INSERT INTO t VALUES ('2024-01-01', ?)", [(1,), ("one",)])
        connection.commit()
    with pytest.raises(DataError, match=r"column 'x' of q\.sql holds integer and text in different rows"):
        asked(project(tmp_path / "p", "SELECT * FROM t"), f"sqlite:///{tmp_path / 'shop.db'}")


def test_a_connection_that_is_lost_in_the_middle_changes_nothing(database: Postgres, tmp_path: Path) -> None:
    asked(project(tmp_path, "SELECT * FROM visits"), database.address())
    before = contents(tmp_path)
    database.run(
        "CREATE OR REPLACE FUNCTION fall(n int) RETURNS int SECURITY DEFINER AS "
        "$$ BEGIN IF n = 60000 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN n; END $$ LANGUAGE plpgsql"
    )
    spec = project(tmp_path, "SELECT now() + n * interval '1 min' AS seen_at, fall(n) AS x FROM generate_series(1, 90000) AS n")
    with pytest.raises(StoreError, match=r"the warehouse that WAREHOUSE_URL names broke off after [1-9]\d* rows") as lost:
        asked(spec, database.address())
    assert "nothing was changed" in lost.value.hint
    assert contents(tmp_path) == before
    assert not list((tmp_path / ".flyball").glob("warehouse-*"))


@pytest.mark.parametrize(
    ("address", "kind", "says"),
    [
        ("postgresql://reader:hunter%40secret@127.0.0.1:1/db", StoreError, "does not let us in"),
        ("hunter@secret", SpecError, "is no address of a database"),
        ("nosuch://u:hunter%40secret@h/db", SpecError, "a kind of database that SQLAlchemy does not know here: nosuch"),
        ("postgresql://u:hunter%40secret@h:port/db", SpecError, "is no address of a database"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_it(tmp_path: Path, address: str, kind: type[FlyballError], says: str) -> None:
    with pytest.raises(kind, match=says) as refused:
        asked(project(tmp_path, "SELECT 1"), address)
    assert "secret" not in f"{refused.value} {refused.value.__cause__}"


def test_a_wrong_password_is_told_without_it(database: Postgres, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match='password authentication failed for user "reader"') as refused:
        asked(project(tmp_path, "SELECT 1"), database.address("wr0ng!pass"))
    assert "wr0ng" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    def unset(text: str) -> str:
        raise SpecError(f"the variable {text.removeprefix('env:')} is not set, which flyball.toml names")

    with pytest.raises(SpecError, match=r"data\.source\.connection: the variable WAREHOUSE_URL is not set"):
        fetch(project(tmp_path, "SELECT 1"), secret=unset, say=list[str]().append)
