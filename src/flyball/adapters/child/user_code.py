"""The project's own functions: found by name, called, and their failures told in the project's own lines."""

import importlib
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from flyball.adapters.child.limits import allowed
from flyball.core.errors import UserCodeError
from flyball.core.schema import did_you_mean

Function = Callable[..., Any]


def imported(name: str, project: Path) -> ModuleType:
    """The project's module before the colon of `module:name`."""
    module_name = name.partition(":")[0]
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (error.name == module_name or module_name.startswith(f"{error.name}.")):
            there = ", ".join(sorted(path.stem for path in project.glob("*.py"))) or "none"
            raise UserCodeError(f"there is no module {module_name!r} in {project}", hint=f"modules there: {there}") from error
        raise UserCodeError(f"{name} cannot be imported: {error}", hint=explain(error, project)) from error
    except BaseException as error:
        raise UserCodeError(f"{name} cannot be imported: {_last(error)}", hint=explain(error, project)) from error


def load(name: str, project: Path) -> Function:
    """The function behind `module:function`."""
    module_name, _, function_name = name.partition(":")
    module = imported(name, project)
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserCodeError(
            f"{module_name} has no function {function_name!r}{did_you_mean(function_name, names)}",
            hint=f"it has: {', '.join(sorted(names))}",
        )
    return function  # type: ignore[no-any-return]  # callable() is all that can be known


def call(name: str, project: Path, /, *args: object, **kwargs: object) -> Any:
    """What the function gives; UserCodeError with the project's part of the traceback if it raises."""
    function = load(name, project)
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        hint = explain(error, project)
        if isinstance(error, MemoryError) and allowed():
            hint += f"\n  [train] resources lets each process of it have {allowed()} of memory: ask for more there, or read less"
        raise UserCodeError(f"{name} raised {_last(error)}", hint=hint) from error


def takes_weights(name: str, project: Path) -> bool:
    """Whether the function names a parameter `sample_weight`; one that takes anything (`**params`) may not know what to do with it."""
    parameter = inspect.signature(load(name, project)).parameters.get("sample_weight")
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def no_weights(what: str) -> UserCodeError:
    """The error for a function that would count every row alike where rows stand for different numbers of others."""
    return UserCodeError(
        f"{what} takes no sample_weight, and rows of the holdback must weigh more than others",
        hint="add sample_weight=None to its parameters and pass it on: model.fit(frame, target, sample_weight=sample_weight), "
        "in a pipeline fit(frame, target, STEP__sample_weight=sample_weight)",
    )


def explain(error: BaseException, project: Path) -> str:
    """The traceback, cut to the project's files; where none of them takes part, its last lines."""
    frames = traceback.extract_tb(error.__traceback__)
    root = project.resolve()
    own = [frame for frame in frames if _belongs(Path(frame.filename), root)] or list(frames[-3:])
    lines = [f"{_shown(Path(frame.filename), root)}, line {frame.lineno}, in {frame.name}\n    {frame.line or ''}" for frame in own]
    return "\n  ".join([*lines, _last(error)])


def _belongs(path: Path, root: Path) -> bool:
    if path.name.startswith("<"):  # frozen modules and code from strings have no file
        return False
    try:
        relative = path.resolve().relative_to(root)
    except (ValueError, OSError):
        return False
    return not {"site-packages", ".venv", "venv", "node_modules"} & set(relative.parts)


def _shown(path: Path, root: Path) -> str:
    return path.resolve().relative_to(root).as_posix() if _belongs(path, root) else path.name


def _last(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
