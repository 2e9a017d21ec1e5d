"""Which of the project's own files a function reaches: found by reading imports, without running anything."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from flyball.core.digest import sha256_file, sha256_json
from flyball.spec.records import Spec
from flyball.training.records import CodeFile


def project_code(folder: Path, functions: Iterable[str]) -> tuple[CodeFile, ...]:
    """The files behind `module:function` names: their modules and every module of the project these import, sorted by path.

    Installed packages are not followed: their versions belong to the environment. A module that is not a file of the project is
    left out; the child process says so when it cannot import it.
    """
    waiting = [name.partition(":")[0] for name in functions]
    seen: set[str] = set()
    files: dict[str, CodeFile] = {}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for path in _files(folder, module):
            relative = path.relative_to(folder).as_posix()
            if relative not in files:
                files[relative] = CodeFile(path=relative, sha256=sha256_file(path))
                waiting += _imports(path, module, package=path.name == "__init__.py")
    return tuple(files[path] for path in sorted(files))


def training_code(spec: Spec) -> tuple[CodeFile, ...]:
    """Every file of the project that makes its model: behind the prepare steps and the train function, or named by `[train] command`.

    A Python file that the command names brings along what it imports from beside it or from the project's folder.
    """
    found = {file.path: file for file in project_code(spec.folder, [*spec.data.prepare, *([spec.train.run] if spec.train.run else [])])}
    root = spec.folder.resolve()
    for word in spec.train.command:
        path = (root / word).resolve()
        if not path.is_file() or not path.is_relative_to(root):
            continue
        relative = path.relative_to(root).as_posix()
        found[relative] = CodeFile(path=relative, sha256=sha256_file(path))
        if path.suffix == ".py":
            for folder in dict.fromkeys((path.parent, root)):
                for file in project_code(folder, _imports(path, path.stem, package=False)):
                    within = (folder / file.path).relative_to(root).as_posix()
                    found[within] = CodeFile(path=within, sha256=file.sha256)
    return tuple(found[path] for path in sorted(found))


def takes(folder: Path, name: str, parameter: str) -> bool | None:
    """Whether a `module:function` of the project names a parameter, read without running anything; None where that cannot be seen.

    It cannot where the module is no file of the project, or the function is imported, made by an assignment, or decorated.
    """
    module, _, function = name.partition(":")
    found: bool | None = None
    for path in list(_files(folder, module))[-1:]:
        try:
            body = ast.parse(path.read_bytes()).body
        except (SyntaxError, ValueError):
            return None
        for node in body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                names = {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
                found = None if node.decorator_list else parameter in names
    return found


def code_digest(code: Iterable[CodeFile]) -> str:
    """One digest over the names and bytes of some files."""
    return sha256_json([[file.path, file.sha256] for file in code])


def _files(folder: Path, module: str) -> Iterator[Path]:
    """The file of a module and the `__init__.py` of every package around it."""
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return
    for depth in range(1, len(parts)):
        package = folder.joinpath(*parts[:depth], "__init__.py")
        if package.is_file():
            yield package
    for path in (folder.joinpath(*parts).with_suffix(".py"), folder.joinpath(*parts, "__init__.py")):
        if path.is_file():
            yield path
            return


def _imports(path: Path, module: str, *, package: bool) -> list[str]:
    """Every module name a file mentions in an import, anywhere in it; nothing from a file that is not Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            anchor = parts if package else parts[:-1]
            start = anchor[: len(anchor) - node.level + 1] if node.level else []
            origin = ".".join([*start, *([node.module] if node.module else [])])
            found += [origin] if origin else []
            found += [f"{origin}.{alias.name}" if origin else alias.name for alias in node.names]
    return found
