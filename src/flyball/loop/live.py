"""The versions of a deployment, opened where there is no server: for batch scoring."""

from flyball.core.errors import DataError, FlyballError, IntegrityError
from flyball.ports import BundleStore
from flyball.registry.bundle import read_manifest
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import load_engine
from flyball.serving.records import Deployment

_DEADLINE = 600.0  # seconds that a model which runs its own code may take over the thousands of rows of one part


def open_live(bundles: BundleStore, deployment: Deployment, *, trusted: bool) -> LiveModel:
    """Champion, challenger and shadows, verified and tried as a server does; one of the latter two that cannot be loaded is left out."""
    if deployment.champion is None:
        raise DataError(f"the deployment of {deployment.model!r} names no champion", hint="`flyball train` makes the first")
    others = set(deployment.shadow) - {deployment.champion}
    if deployment.challenger is not None and deployment.challenger_share > 0.0:
        others |= {deployment.challenger} - {deployment.champion}
    versions = {deployment.champion: open_version(bundles, deployment, deployment.champion, trusted=trusted)}
    failed = {}
    for number in sorted(others):
        try:
            versions[number] = open_version(bundles, deployment, number, trusted=trusted)
        except FlyballError as error:
            failed[number] = error.message
    return LiveModel(deployment, versions, failed)


def open_version(bundles: BundleStore, deployment: Deployment, number: int, *, trusted: bool) -> LiveVersion:
    """One version, its bundle verified, its engine tried."""
    digest = deployment.bundles.get(number)
    if digest is None:
        raise IntegrityError(f"the deployment names version {number} and no bundle for it")
    folder = bundles.path(digest)
    manifest = read_manifest(folder, digest)
    if manifest.model != deployment.model:
        raise IntegrityError(f"the bundle of version {number} belongs to another model, {manifest.model!r}")
    version = LiveVersion(number, manifest, load_engine(folder, manifest, trusted=trusted, deadline=_DEADLINE))
    version.warm()
    return version
