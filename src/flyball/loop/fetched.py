"""The bundle of a version on a machine that has none: brought from the registry, and held against the journal.

The journal names the bundle a version has and those it had before it was given another reference. All of them hold the same engine. So
where only the engine is needed, the one a version was registered with is as good; the store is only ever given the one it has.
"""

import shutil
from pathlib import Path

from flyball.core.errors import FlyballError, IntegrityError, NotFoundError
from flyball.journal.known import State
from flyball.ports.serving import BundleStore, Registry
from flyball.registry.bundle import bundle_digest, verify_bundle
from flyball.registry.signing import SigningKey


def engine_of(state: State, version: int, *, bundles: BundleStore, registry: Registry, key: SigningKey, folder: Path) -> tuple[Path, str]:
    """A verified bundle with the engine of a version, and its digest; what has to be fetched goes into `folder`."""
    known = state.versions[version]
    digest = known.registered.bundle
    try:
        return bundles.path(digest), digest
    except NotFoundError:  # a fresh checkout: the registry has it
        pass
    kept = folder / f"version-{version}"
    if known.replaced:
        try:
            return _kept(registry, bundles, state.model, version, digest, kept), digest
        except NotFoundError:  # given its reference where the registry could not be reached
            pass
    shutil.rmtree(kept, ignore_errors=True)
    try:
        registry.fetch_bundle(state.model, version, kept)
    except NotFoundError as error:
        raise NotFoundError(
            f"the bundle {digest[:12]} of {state.model}@{version} is not on this machine, and not in the registry", hint=error.message
        ) from error
    found = bundle_digest(kept)
    if found == digest:
        return bundles.path(bundles.put(kept)), digest
    if found not in known.replaced:
        raise IntegrityError(
            f"the registry's bundle of {state.model}@{version} is not one that the journal names",
            hint=f"found {found[:12]}, expected {digest[:12]}",
        )
    verify_bundle(kept, key)
    return kept, found


def _kept(registry: Registry, bundles: BundleStore, model: str, version: int, digest: str, into: Path) -> Path:
    shutil.rmtree(into, ignore_errors=True)
    registry.fetch_bundle(model, version, into, digest=digest)
    if bundle_digest(into) != digest:
        raise IntegrityError(f"what the registry keeps as the bundle {digest[:12]} of {model}@{version} is another")
    return bundles.path(bundles.put(into))


def keep_in_registry(registry: Registry | None, model: str, version: int, digest: str, bundle: Path) -> str:
    """Keep a bundle where another machine finds it; what kept that from being done, empty if nothing did."""
    if registry is None:
        return "no registry was given"
    try:
        registry.keep_bundle(model, version, digest, bundle)
    except FlyballError as error:
        return error.message
    return ""
