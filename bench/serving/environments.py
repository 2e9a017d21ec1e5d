"""The peers' environments: pinned, one per peer, in a cache folder outside the repository, made once and found again."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# What a peer is installed with. Versions of what it brings along are written beside the environment (`installed.txt`).
_MODEL = ("scikit-learn==1.9.1", "numpy==2.4.6", "joblib==1.6.0")
_ONNX = ("onnxruntime==1.32.0", "numpy==2.4.6")
PINS: dict[str, tuple[str, ...]] = {
    "flask": ("flask==3.1.3", "gunicorn==27.0.1", *_MODEL),
    "fastapi": ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", *_MODEL),
    "mlflow": ("mlflow==3.17.2", "cloudpickle==3.1.2", *_MODEL),
    # MLServer's worker does not start with uvloop 0.23.
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0", *_MODEL, *_ONNX[:1]),
    "bentoml": ("bentoml==1.4.39", *_MODEL),
    "litserve": ("litserve==0.2.19", "uvloop==0.23.0", "httptools==0.9.0", *_MODEL),
    "ray": ("ray[serve]==2.60.0", "uvloop==0.23.0", *_MODEL),
    "rival": ("fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0", "msgspec==0.22.0", "orjson==3.13.0", *_ONNX),
    # Monitors, for bench.monitoring. Neither says that it does not work with pandas 3; NannyML does not name statsmodels, which it imports.
    "evidently": ("evidently==0.7.23", "pandas==2.3.3", "numpy==2.4.6"),
    "nannyml": ("nannyml==0.13.1", "statsmodels==0.15.0", "pandas==2.3.3", "numpy==2.4.6"),
}
SHOWN = {
    "flask": ("flask", "gunicorn", "scikit-learn"),
    "fastapi": ("fastapi", "uvicorn", "scikit-learn"),
    "mlflow": ("mlflow", "scikit-learn"),
    "mlserver": ("mlserver", "scikit-learn", "onnxruntime"),
    "bentoml": ("bentoml", "scikit-learn"),
    "litserve": ("litserve", "scikit-learn"),
    "ray": ("ray", "scikit-learn"),
    "rival": ("fastapi", "uvicorn", "uvloop", "onnxruntime", "msgspec"),
    "evidently": ("evidently", "pandas", "numpy", "scipy"),
    "nannyml": ("nannyml", "pandas", "numpy", "scipy"),
}


class UnavailableError(Exception):
    """A peer that cannot take part; the message says why, in words for the table."""


def cache_folder() -> Path:
    """Where environments stand: `FLYBALL_BENCH_CACHE`, or `flyball-bench` in the user's cache folder."""
    if given := os.environ.get("FLYBALL_BENCH_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "flyball-bench"


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, made if it is not there yet. UnavailableError says why it could not be made."""
    pins = PINS[peer]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256("\n".join((version, *pins)).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{peer}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "installed.txt").exists():
        print(f"installing {peer}: {' '.join(pins)}", file=sys.stderr, flush=True)
        try:
            _make(folder, python, pins)
        except OSError as error:
            raise UnavailableError(f"its environment could not be made: {error.strerror}") from error
    return python


def versions_of(peer: str) -> dict[str, str]:
    """The versions of what matters in a peer's environment."""
    listed = (python_of(peer).parent.parent / "installed.txt").read_text().splitlines()
    found = dict(line.split("==", 1) for line in listed if "==" in line)
    return {name: found[name] for name in SHOWN[peer] if name in found}


def nginx() -> Path:
    """An nginx: the system's, or Debian's package unpacked into the cache folder. UnavailableError if neither can be had."""
    if system := shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return Path(system)
    folder = cache_folder() / "nginx"
    program = folder / "usr" / "sbin" / "nginx"
    if not program.exists():
        print("unpacking Debian's package of nginx", file=sys.stderr, flush=True)
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise UnavailableError("nginx is not installed, and this is no Debian to take it from")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"nginx is not installed, and has no place to be unpacked: {error.strerror}") from error
        _run(["apt-get", "download", "-q", "nginx"], cwd=folder)
        package = next(folder.glob("nginx_*.deb"), None)
        if package is None:
            raise UnavailableError("nginx is not installed, and its package could not be downloaded")
        _run(["dpkg-deb", "-x", str(package), str(folder)], cwd=folder)
    _run([str(program), "-v"], cwd=folder)  # says whether its libraries are there
    return program


def _make(folder: Path, python: Path, pins: tuple[str, ...]) -> None:
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        raise UnavailableError("uv is missing in the project's environment: run `make`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([str(uv), "venv", "-q", "--python", sys.executable, str(folder)])
    _run([str(uv), "pip", "install", "-q", "--python", str(python), "--compile-bytecode", *pins])
    frozen = _run([str(uv), "pip", "freeze", "-q", "--python", str(python)])
    (folder / "installed.txt").write_text(frozen)  # last: an environment without it is made anew


def _run(words: list[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnavailableError(f"`{Path(words[0]).name}` cannot be run: {error.strerror}") from error
    if done.returncode:
        last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-3:]
        said = re.sub(r"\w+://\S+", "the package registry", " ".join(" ".join(last).split()))  # whose, is nobody's business
        raise UnavailableError(f"`{Path(words[0]).name} {words[1]}` failed: {said[:200]}")
    return done.stdout
