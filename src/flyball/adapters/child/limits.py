"""What `[train] resources` means on this machine: how many threads a training's libraries start, and how much memory a process may take."""

import math
import os
from collections.abc import Mapping

from flyball.spec.delivery import Resources

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",  # what n_jobs = -1 means to scikit-learn
)
"""What libraries ask when they choose how many threads to start."""


def threads(resources: Resources, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that keep libraries to so many cores; none without a limit. What the user set stays as it is.

    >>> threads(Resources(cpu=1.5), {})["OMP_NUM_THREADS"]
    '2'
    """
    if resources.cpu is None:
        return {}
    env = os.environ if environment is None else environment
    return {name: str(max(1, math.ceil(resources.cpu))) for name in _THREADS if name not in env}


def limit_memory(most: int) -> bool:
    """Let this process and each that it starts take so many bytes of memory of their own (0: no limit); say whether the system can do that.

    Whoever asks for more gets a MemoryError instead of taking it from everybody else on the machine.
    """
    if not most:
        return True
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    except (ImportError, OSError, ValueError):  # Windows, or a system without this limit
        return False
    return True


def allowed() -> str:
    """How much memory of its own this process may have, in words; empty without a limit."""
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    except (ImportError, OSError):
        return ""
    if most == resource.RLIM_INFINITY:
        return ""
    unit, size = ("Gi", 2**30) if most >= 2**30 else ("Mi", 2**20)
    return f"{most / size:.4g}{unit}"
