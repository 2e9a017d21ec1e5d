"""The versions of a deployment, opened: for the server's workers, and for batch scoring, which has no server."""

from collections.abc import Callable, Collection

from flyball.core.errors import DataError, FlyballError, IntegrityError, StoreError
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_manifest
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.engine import load_engine
from flyball.serving.records import Deployment

_DEADLINE = 600.0  # seconds that a model which runs its own code may take over the thousands of rows of one part


def open_live(bundles: BundleStore, deployment: Deployment, *, trusted: bool) -> LiveModel:
    """A deployment for batch scoring."""
    return live_of(deployment, lambda number: open_version(bundles, deployment, number, trusted=trusted, deadline=_DEADLINE))


def live_of(deployment: Deployment, one: Callable[[int], LiveVersion], *, kept: Collection[int] = ()) -> LiveModel:
    """Every version a deployment needs, given by `one`. The champion strictly; any other that fails is left out.

    While the champion is watched, the version before it is needed too: it answers at once should the champion fail. `kept` are needed
    besides.
    """
    if deployment.champion is None:
        raise DataError(f"the deployment of {deployment.model!r} names no champion", hint="`flyball train` makes the first")
    others = {*deployment.shadow, *kept} - {deployment.champion}
    if deployment.challenger is not None and deployment.challenger_share > 0.0:
        others |= {deployment.challenger} - {deployment.champion}
    if deployment.watched and deployment.previous is not None:
        others |= {deployment.previous} - {deployment.champion}
    versions = {deployment.champion: one(deployment.champion)}
    failed = {}
    for number in sorted(others):
        try:
            versions[number] = one(number)
        except FlyballError as error:
            failed[number] = error.message
    return LiveModel(deployment, versions, failed)


def open_version(bundles: BundleStore, deployment: Deployment, number: int, *, trusted: bool, deadline: float) -> LiveVersion:
    """One version, its bundle verified, its engine loaded and tried. `deadline`: seconds that a model's own code may take for one call."""
    digest = deployment.bundles.get(number)
    if digest is None:
        raise IntegrityError(f"the deployment names version {number} and no bundle for it")
    try:
        folder = bundles.path(digest)
        manifest = read_manifest(folder, digest)
        if manifest.model != deployment.model:
            raise IntegrityError(f"the bundle of version {number} belongs to another model, {manifest.model!r}")
        version = LiveVersion(number, manifest, load_engine(folder, manifest, trusted=trusted, deadline=deadline))
        version.warm()
    except FlyballError:
        raise
    except OSError as error:
        raise StoreError(
            f"version {number} cannot be read: {error.strerror or error}", hint="see to the permissions and the space of this machine"
        ) from error
    except Exception as error:
        raise IntegrityError(f"version {number} cannot be loaded: {type(error).__name__}") from error
    return version
