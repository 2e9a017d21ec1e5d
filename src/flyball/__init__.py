"""Flyball keeps a model good: prepare, train, evaluate, deploy, monitor, retrain, from one file."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyball.api.ab import ABTestRouter, log_ab_result
    from flyball.api.ab_summary import ab_summary
    from flyball.api.async_client import AsyncClient
    from flyball.api.client import Client
    from flyball.api.drift import check_drift, detect_drift
    from flyball.api.project import Project
    from flyball.api.registry import ModelRegistry

__version__ = "0.6.0"

__all__ = [
    "ABTestRouter",
    "AsyncClient",
    "Client",
    "ModelRegistry",
    "Project",
    "ab_summary",
    "check_drift",
    "detect_drift",
    "log_ab_result",
]

# Where each public name lives; nothing is imported before it is asked for.
_HOME = {
    "ABTestRouter": "flyball.api.ab",
    "AsyncClient": "flyball.api.async_client",
    "Client": "flyball.api.client",
    "ModelRegistry": "flyball.api.registry",
    "Project": "flyball.api.project",
    "ab_summary": "flyball.api.ab_summary",
    "check_drift": "flyball.api.drift",
    "detect_drift": "flyball.api.drift",
    "log_ab_result": "flyball.api.ab",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'flyball' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
