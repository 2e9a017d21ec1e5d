"""A model registry in a folder: versions, their metrics, and which one is in production. For trusted local code.

Models are kept with cloudpickle, so loading one runs code: keep the folder where only you can write. What the digests protect against
is damage, not an attacker with write access. For anything shared, use `flyball train` and its signed bundles.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from flyball.core.codec import from_json, to_json
from flyball.core.digest import sha256_bytes
from flyball.core.errors import ConflictError, DataError, IntegrityError, NotFoundError, StoreError
from flyball.core.record import record
from flyball.core.schema import did_you_mean

Stage = Literal["production", "staging"]
STAGES: tuple[Stage, ...] = ("production", "staging")
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_MODEL, _METRICS, _ENTRY = "model.pkl", "metrics.json", "version.json"


@record
class _Entry:
    """What stands in version.json."""

    schema_version: int
    version: str
    created_at: datetime
    size: int
    sha256: str
    metrics_sha256: str


@record
class RegisteredModel:
    """A version as `list` tells it. `stages` is empty, or what it is promoted to."""

    version: str
    metrics: Mapping[str, float]
    created_at: datetime
    stages: tuple[str, ...]


class ModelRegistry:
    """Versions of one model under a folder, which is made when the first version is registered.

    Every change is atomic, and several processes may use one folder at once. Versions never change once registered.
    """

    def __init__(self, storage_path: str | Path) -> None:
        self.storage = Path(storage_path)

    def register(self, model: Any, version: str | int, metrics: Mapping[str, float] | None = None) -> RegisteredModel:
        """Keep a model under a version of its own. ConflictError if there is one already; nothing is ever overwritten."""
        import cloudpickle

        name = _version(version)
        numbers = json.dumps(_numbers(metrics or {}), indent=2, sort_keys=True).encode() + b"\n"
        if self._folder(name).exists():
            raise ConflictError(f"version {name} is registered already in {self.storage}", hint=f"newest: {self._latest() or 'none'}")
        try:
            content: bytes = cloudpickle.dumps(model)
        except Exception as error:
            raise DataError(f"the model ({type(model).__name__}) cannot be pickled: {error}") from error
        # A call is made where things happen, by people who give no time: the one look at a clock here.
        entry = _Entry(
            schema_version=_FORMAT,
            version=name,
            created_at=datetime.now(UTC),
            size=len(content),
            sha256=sha256_bytes(content),
            metrics_sha256=sha256_bytes(numbers),
        )
        self._write(name, {_MODEL: content, _METRICS: numbers, _ENTRY: to_json(entry, indent=2).encode() + b"\n"})
        return self._described(name)

    def get(self, version: str | int = "latest", *, stage: str | None = None) -> Any:
        """The model of a version, of the highest one (`latest`; 1.10 is higher than 1.9), or of a stage. Runs the model's code."""
        import cloudpickle

        name = self._named(version, stage)
        content = self._read(name, _MODEL)
        entry = self._entry(name)
        if len(content) != entry.size or sha256_bytes(content) != entry.sha256:
            raise IntegrityError(f"the model of version {name} in {self.storage} differs from what was registered")
        try:
            return cloudpickle.loads(content)
        except Exception as error:
            raise DataError(
                f"the model of version {name} cannot be loaded: {type(error).__name__}: {error}",
                hint="are the packages it needs installed?",
            ) from error

    def metrics(self, version: str | int = "latest", *, stage: str | None = None) -> dict[str, float]:
        """The metrics a version was registered with."""
        name = self._named(version, stage)
        content = self._read(name, _METRICS)
        if sha256_bytes(content) != self._entry(name).metrics_sha256:
            raise IntegrityError(f"the metrics of version {name} in {self.storage} differ from what was registered")
        return dict(from_json(content, dict[str, float]))

    def promote(self, version: str | int, stage: str) -> RegisteredModel:
        """Make a version the one in production or in staging, instead of the one that was. Doing it twice changes nothing."""
        name, target = self._named(version, None), _stage(stage)
        self._write_stage(target, name)
        if target == "production" and self._held("staging") == name:
            # Hidden already (`_staged`); it goes so that promoting another to production does not bring it back.
            (self.storage / "stages" / "staging").unlink(missing_ok=True)
        return self._described(name)

    def list(self) -> Sequence[RegisteredModel]:
        """Every version, lowest first."""
        return [self._described(name) for name in self._versions()]

    def _named(self, version: str | int, stage: str | None) -> str:
        if stage is not None:
            target = _stage(stage)
            found = self._staged().get(target)
            if found is None:
                raise NotFoundError(
                    f"no version is in {target} in {self.storage}", hint='promote one: registry.promote(version, "production")'
                )
            return found
        if version == "latest":
            latest = self._latest()
            if latest is None:
                raise NotFoundError(
                    f"there is no version in {self.storage}", hint="register one first: registry.register(model, version, metrics)"
                )
            return latest
        name = _version(version)
        if not (self._folder(name) / _ENTRY).is_file():
            known = self._versions()
            raise NotFoundError(
                f"there is no version {name!r} in {self.storage}{did_you_mean(name, known)}", hint=f"versions: {', '.join(known) or 'none'}"
            )
        return name

    def _described(self, name: str) -> RegisteredModel:
        stages = tuple(stage for stage, held in self._staged().items() if held == name)
        return RegisteredModel(version=name, metrics=self.metrics(name), created_at=self._entry(name).created_at, stages=stages)

    def _entry(self, name: str) -> _Entry:
        entry = from_json(self._read(name, _ENTRY), _Entry)
        if entry.schema_version > _FORMAT:
            raise StoreError(f"version {name} was written by a newer Flyball", hint="upgrade with: pip install --upgrade flyball")
        if entry.version != name:
            raise IntegrityError(f"the folder of version {name} in {self.storage} holds version {entry.version}")
        return entry

    def _versions(self) -> tuple[str, ...]:
        if not self.storage.is_dir():
            return ()
        names = [path.name[1:] for path in self.storage.iterdir() if path.name.startswith("v") and (path / _ENTRY).is_file()]
        return tuple(sorted((name for name in names if _NAME.fullmatch(name)), key=_natural))

    def _latest(self) -> str | None:
        names = self._versions()
        return names[-1] if names else None

    def _folder(self, name: str) -> Path:
        return self.storage / f"v{name}"

    def _read(self, name: str, file: str) -> bytes:
        try:
            return (self._folder(name) / file).read_bytes()
        except FileNotFoundError as error:
            raise IntegrityError(f"version {name} in {self.storage} lacks its {file}") from error

    def _write(self, name: str, files: Mapping[str, bytes]) -> None:
        """All files under a name nobody reads, then one rename: a version is there completely or not at all."""
        fresh = self.storage / f".{name}.{secrets.token_hex(8)}"
        try:
            fresh.mkdir(parents=True)
            for file, content in files.items():
                with (fresh / file).open("wb") as target:
                    target.write(content)
                    target.flush()
                    os.fsync(target.fileno())
            fresh.rename(self._folder(name))
        except OSError as error:
            if self._folder(name).exists():
                raise ConflictError(f"version {name} is registered already in {self.storage}") from error
            raise StoreError(f"cannot write to {self.storage}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _staged(self) -> dict[Stage, str]:
        """What each stage holds; a version promoted on to production is no longer in staging."""
        found: dict[Stage, str] = {}
        for stage in STAGES:
            held = self._held(stage)
            if held is not None:
                found[stage] = held
        if found.get("staging") == found.get("production"):
            found.pop("staging", None)
        return found

    def _held(self, stage: Stage) -> str | None:
        try:
            return (self.storage / "stages" / stage).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _write_stage(self, stage: Stage, name: str) -> None:
        folder = self.storage / "stages"
        folder.mkdir(exist_ok=True)
        fresh = folder / f".{stage}.{secrets.token_hex(8)}"
        with fresh.open("w", encoding="utf-8") as target:
            target.write(name + "\n")
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(folder / stage)


def _version(version: object) -> str:
    name = str(version)
    if isinstance(version, bool) or not isinstance(version, str | int) or _NAME.fullmatch(name) is None or name == "latest":
        raise DataError(
            f"{name[:80]!r} cannot be the name of a version",
            hint="a number, or up to 128 letters, digits, dots, dashes; `latest` is taken",
        )
    return name


def _stage(stage: str) -> Stage:
    for known in STAGES:
        if stage == known:
            return known
    raise NotFoundError(f"there is no stage {stage!r}{did_you_mean(str(stage), STAGES)}", hint=f"stages: {', '.join(STAGES)}")


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name, value in metrics.items():
        number = value.item() if isinstance(value, np.generic) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not np.isfinite(number):
            raise DataError(f"metric {name!r} is {value!r}, which is not a finite number")
        found[str(name)] = number
    return found


def _natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Numbers compare as numbers (1.9 < 1.10), and text after a number is what came before the release (2.0-rc1 < 2.0)."""
    parts = [(2, int(part), "") if part.isdigit() else (0, 0, part) for part in re.findall(r"[0-9]+|[A-Za-z]+", name)]
    return (*parts, (1, 0, "")), name
