"""The shape of the code: sizes, cycles, and what the fast entry points must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flyball

SOURCE = Path(__file__).parents[1] / "src" / "flyball"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "examples" not in path.parts)
HEAVY = {"mlflow", "pandas", "sklearn", "skl2onnx", "dvc", "sqlalchemy", "pyarrow", "scipy.stats"}


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_has_at_most_400_lines_and_says_what_lives_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert not text or ast.get_docstring(ast.parse(text)), "the first line says what lives there"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_function_has_at_most_60_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno < 60, node.name


def imports(path: Path) -> set[str]:
    """The flyball modules a file imports when it is imported (not those inside functions or for the type checker)."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("flyball"):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("flyball")}
    return found


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {".".join(("flyball", *path.relative_to(SOURCE).with_suffix("").parts)): imports(path) for path in FILES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module in done:
            return
        for other in graph.get(module, ()):
            visit(other, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def loaded_by(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded after running some code."""
    run = subprocess.run(
        [sys.executable, "-c", code + "\nimport sys; print('\\n'.join(sys.modules), file=sys.__stdout__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_importing_flyball_loads_next_to_nothing() -> None:
    loaded = loaded_by("import flyball")
    assert not loaded & (HEAVY | {"numpy", "click", "rich", "flyball.api"})


def test_help_loads_no_verb() -> None:
    code = """
import contextlib, io
from flyball.cli.main import cli
with contextlib.redirect_stdout(io.StringIO()):
    cli.main(["--help"], standalone_mode=False)
"""
    loaded = loaded_by(code)
    assert not loaded & (HEAVY | {"numpy", "rich", "flyball.cli.train"})


def test_what_a_server_opens_loads_no_training() -> None:
    loaded = loaded_by("import flyball.wiring, flyball.server.worker, flyball.server.app")
    assert not loaded & (HEAVY | {"scipy"}), sorted(loaded & (HEAVY | {"scipy"}))


def test_what_the_admin_routes_of_a_server_open_loads_no_training(tmp_path: Path) -> None:
    code = f"""
import flyball.server.app
from pathlib import Path
from importlib import import_module
from flyball.server.admin.routes import ROUTES
from flyball.wiring import server_ports
opened = server_ports(Path({str(tmp_path)!r})).admin()
[import_module(route.run.partition(":")[0]) for route in ROUTES]
"""
    loaded = loaded_by(code)
    assert not loaded & (HEAVY | {"scipy"}), sorted(loaded & (HEAVY | {"scipy"}))


def test_only_the_store_that_is_chosen_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "flyball.toml").write_text('[stores]\ndatabase = "postgresql://flyball@127.0.0.1:1/team"\n')
    code = "from pathlib import Path; from flyball.wiring import server_ports; server_ports(Path({folder!r}))"
    shared = loaded_by(code.format(folder=str(tmp_path)))
    assert "psycopg" in shared
    assert not [name for name in shared if name.startswith("flyball.adapters.sqlite") or name in {"sqlite3", *HEAVY}]
    (tmp_path / "flyball.toml").write_text("")
    own = loaded_by(code.format(folder=str(tmp_path)))
    assert not [name for name in own if name.startswith("flyball.adapters.postgres") or name in {"psycopg", *HEAVY}]


def test_what_the_admin_routes_reckon_with_loads_no_training() -> None:
    loaded = loaded_by("import flyball.loop.experiment, flyball.loop.memory")
    assert not loaded & HEAVY, sorted(loaded & HEAVY)


def test_a_server_that_nobody_asks_for_admin_routes_loads_none() -> None:
    loaded = loaded_by("import flyball.wiring, flyball.server.worker, flyball.server.app")
    assert not loaded & {"flyball.loop.steer", "flyball.server.admin.verbs", "flyball.server.admin.jobs"}


def test_every_public_name_is_where_the_table_says() -> None:
    for name in flyball.__all__:
        assert getattr(flyball, name).__name__ == name
    assert set(flyball.__all__) <= set(dir(flyball))
    with pytest.raises(AttributeError, match="has no attribute"):
        flyball.nothing_of_that_name  # noqa: B018 - the access is the test


def test_a_reader_finds_no_room_without_a_name() -> None:
    nameless = {"utils", "helpers", "common", "base", "manager", "service", "misc"}
    assert not [name_of(path) for path in FILES if path.stem in nameless or nameless & set(path.relative_to(SOURCE).parts)]


def test_every_test_file_has_a_name_of_its_own() -> None:
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "two files of one name are one module to pytest"
