"""Makes the modules beside it importable from every test, and trains one project for all tests that need a trained one."""

import os
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lived import live
from postgresql import Postgres, running_postgres
from recorded import copied, make_recorded
from trained import Shop, make_shop, running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is rendered to tests/render/golden instead of comparing")


@pytest.fixture(autouse=True)
def surroundings_stay_as_they_are() -> Iterator[None]:
    """A verb that a test calls in this process may choose an environment for the process; the next test is in none."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A trained churn project; tests only read it, and a test that looks with the loop or `monitor` takes `own`."""
    made = make_shop(tmp_path_factory.mktemp("shop"))
    before = _written(made)
    yield made
    assert _written(made) == before, "a test wrote into the project that others read"


def _written(made: Shop) -> list[int]:
    """How much stands in the tables that looking writes to."""
    with closing(sqlite3.connect(made.folder / "flyball.db")) as connection:
        tables = ("journal", "looks", "reports", "deployments", "slots")
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


@pytest.fixture
def own(shop: Shop, tmp_path: Path) -> Shop:
    """A copy of the trained project that a test may change."""
    return replace(shop, folder=Path(shutil.copytree(shop.folder, tmp_path / "own")))


@pytest.fixture
def served(own: Shop) -> Iterator[str]:
    """The URL of a server over that copy."""
    with running(own.folder, "serve") as (url, _):
        yield url


@pytest.fixture(scope="session")
def recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in git with two versions and some answers; tests take `recorded`."""
    return make_recorded(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def recorded(recorded_once: Path, tmp_path: Path) -> Path:
    """A copy of that project, its repository included, that a test may change."""
    return copied(recorded_once, tmp_path)


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of flights with trainings, an experiment and a promotion; tests only read it, and copy what they change."""
    folder = tmp_path_factory.mktemp("lived") / "flights"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what MLflow imports
        live(folder)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, begun by the first test that asks for one."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[str]:
    """The address of a new database with Flyball's tables, on that server."""
    address = postgres.fresh()
    yield address
    postgres.drop(address)
