"""Snapshots as Parquet files in `snapshots/`, versioned by DVC: port Snapshots."""

import logging
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from flyball.adapters.pandas.arrow import read_parquet, write_parquet
from flyball.core.digest import sha256_file
from flyball.core.errors import FlyballError, IntegrityError, NotFoundError, StoreError, UnsupportedError
from flyball.core.slug import slug
from flyball.core.table import Table
from flyball.data.records import Snapshot

T = TypeVar("T")
_LOCKED = 60.0  # seconds to wait for another DVC command
_NAMED = "flyball"  # what DVC calls the remote that the spec names
_CREDENTIALS = (
    "is it there? Credentials come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL (if not Amazon's)"
)
_PACKAGES = {"gs": "dvc-gs", "azure": "dvc-azure", "ssh": "dvc-ssh"}
_OF_CLOUDS = ("botocore", "aiobotocore", "s3fs", "boto3", "gcsfs", "adlfs", "azure", "google", "aiohttp", "dvc_s3", "dvc_objects")


class DvcSnapshots:
    """Uses the DVC repository the project lies in; where there is none, makes one (without git if there is no git).

    `remote`: the address of the remote to push to and pull from; what is kept is pushed there at once, for other machines look for it.
    Empty: the repository's own default remote, when asked. `beside`: folders that are kept and pushed along, such as what a query gave.
    """

    def __init__(self, project: Path, *, remote: str = "", beside: Sequence[Path] = ()) -> None:
        self._project, self._remote, self._beside = project.resolve(), remote, tuple(path.absolute() for path in beside)

    def write(self, table: Table, booleans: frozenset[str], folder: Path) -> tuple[Path, str]:
        """The file is named by its digest."""
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".snapshot-", delete=False) as draft:
            path = Path(draft.name)
        try:
            digest = write_parquet(table, path, booleans)
            return path.replace(folder / f"snapshot-{digest}.parquet"), digest
        finally:
            path.unlink(missing_ok=True)

    def keep(self, path: Path, name: str) -> tuple[str, str]:
        """`dvc add snapshots/<slug>.parquet`; git sees the small `.dvc` file, the rows go to DVC's cache."""
        target = self._project / "snapshots" / f"{slug(name)}.parquet"
        target.parent.mkdir(exist_ok=True)
        wanted = sha256_file(path)

        def add(repo: Any) -> str:
            _replace(path, target)
            (stage,) = repo.add(str(target))
            for folder in self._there():
                repo.add(str(folder))
            return str(stage.outs[0].hash_info.value)

        for _ in range(3):
            md5 = self._with_repo(add)
            if sha256_file(target) == wanted:
                if self._remote:
                    self._push(md5)
                return target.relative_to(self._project).as_posix(), md5
        raise StoreError(f"{target} was changed by somebody else while it was being added to DVC", hint="train again when nobody else does")

    def restore(self, snapshot: Snapshot) -> Table:
        """Wherever the bytes are found they must have the recorded SHA-256."""
        return read_parquet(self._found(snapshot)).table

    def copy(self, snapshot: Snapshot, into: Path) -> None:
        """What is copied is looked at once more: the file in the project may be written meanwhile."""
        shutil.copyfile(self._found(snapshot), into)
        if sha256_file(into) != snapshot.digest:
            raise IntegrityError("the snapshot changed while it was copied", hint="try again when nobody trains")

    def push(self, snapshot: Snapshot) -> int:
        """To the remote that was named, else to DVC's default remote."""
        return self._push(snapshot.dvc_md5)

    def _push(self, md5: str) -> int:
        def send(repo: Any) -> int:
            from dvc_data.hashfile.hash_info import HashInfo

            done = repo.cloud.push([HashInfo("md5", md5)])
            sent, failed = len(done.transferred), bool(done.failed)
            for folder in self._there():
                sent += repo.push(targets=[str(folder)])
            if failed:
                if self._remote:
                    raise StoreError(f"DVC could not push the snapshot to {self._remote}", hint=_CREDENTIALS)
                raise StoreError("DVC could not push the snapshot to its remote", hint="`dvc push` shows what is wrong")
            return sent

        return int(self._with_repo(send))

    def pull(self) -> int:
        """`dvc pull` of what lies in the project; what was never pushed stays away, as the snapshots of another machine may."""
        from dvc.exceptions import NotDvcRepoError
        from dvc.repo import Repo

        try:
            Repo(str(self._project)).close()
        except NotDvcRepoError:
            return 0

        def bring(repo: Any) -> int:
            found = repo.pull(targets=[str(self._project)], recursive=True, allow_missing=True)
            return int(found["stats"]["fetched"])

        return int(self._with_repo(bring))

    def _there(self) -> list[Path]:
        return [folder for folder in self._beside if folder.is_dir()]

    def _found(self, snapshot: Snapshot) -> Path:
        """A file with the recorded bytes: the one in the project, else the one in DVC's cache, else from its remote."""
        present = self._project / snapshot.path
        if present.is_file() and sha256_file(present) == snapshot.digest:
            return present

        def fetch(repo: Any) -> Path:
            cached = Path(repo.cache.local.oid_to_path(snapshot.dvc_md5))
            if not cached.is_file():
                self._pull(repo, snapshot)
            return cached

        cached = self._with_repo(fetch)
        if not cached.is_file():
            raise NotFoundError(
                f"snapshot {snapshot.digest[:12]} is neither in DVC's cache nor in its remote",
                hint="`dvc remote list` shows where DVC looks",
            )
        if sha256_file(cached) != snapshot.digest:
            raise IntegrityError(
                f"{cached} is not the snapshot that was recorded", hint="its SHA-256 differs: do not train or judge with it"
            )
        return cached

    def _pull(self, repo: Any, snapshot: Snapshot) -> None:
        from dvc.config import NoRemoteError
        from dvc_data.hashfile.hash_info import HashInfo

        try:
            repo.cloud.pull([HashInfo("md5", snapshot.dvc_md5)])
        except NoRemoteError:
            return

    def _with_repo(self, act: Callable[[Any], T]) -> T:
        """Do something with the DVC repository, waiting while another command holds its lock."""
        from dvc.config import NoRemoteError
        from dvc.exceptions import DvcException
        from dvc.lock import LockError

        logging.getLogger("dvc").setLevel(logging.ERROR)
        until = time.monotonic() + _LOCKED
        while True:
            try:
                repo = self._open()
                try:
                    return act(repo)
                finally:
                    repo.close()
            except LockError as error:
                if time.monotonic() > until:
                    raise StoreError("DVC is busy: another command holds its lock", hint="train again when it is done") from error
                time.sleep(0.2)
            except NoRemoteError as error:
                raise StoreError("DVC has no remote to push to", hint="dvc remote add -d NAME URL") from error
            except FlyballError:
                raise
            except Exception as error:
                known = isinstance(error, DvcException | OSError | ImportError) or type(error).__module__.partition(".")[0] in _OF_CLOUDS
                if not known:
                    raise
                raise self._told(error) from error

    def _told(self, error: Exception) -> FlyballError:
        """What a remote or DVC itself says, in our words."""
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, ImportError) or type(error).__name__ == "RemoteMissingDepsError":
            scheme = self._remote.partition(":")[0] or "the remote"
            extra = "flyball[s3]" if scheme == "s3" else _PACKAGES.get(scheme, f"dvc[{scheme}]")
            return UnsupportedError(f"DVC lacks what it needs to reach {self._remote or 'its remote'}", hint=f"pip install '{extra}'")
        if (self._remote and type(error).__module__.partition(".")[0] in _OF_CLOUDS) or isinstance(error, PermissionError):
            return StoreError(
                f"the remote {self._remote or 'of DVC'} was not to be used: {said}",
                hint=_CREDENTIALS,
            )
        return StoreError(f"DVC: {said}", hint="`dvc status` and `dvc doctor` tell more")

    def _open(self) -> Any:
        from dvc.exceptions import NotDvcRepoError
        from dvc.repo import Repo

        named = {"core": {"remote": _NAMED}, "remote": {_NAMED: {"url": self._remote}}} if self._remote else None
        try:
            return Repo(str(self._project), config=named)
        except NotDvcRepoError:
            top = _git_top(self._project)
            if top is not None and _ignored(self._project):
                top = None  # git does not look into this folder, and DVC refuses to tell it anything there
            made = Repo.init(str(self._project), no_scm=top is None, subdir=top is not None and top != self._project)
            if named is None:
                return made
            made.close()
            return Repo(str(self._project), config=named)


def _git_top(folder: Path) -> Path | None:
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def _ignored(folder: Path) -> bool:
    """Whether git ignores what stands in a folder, as it does with a project made inside an ignored folder of a repository."""
    try:
        asked = subprocess.run(["git", "-C", str(folder), "check-ignore", "-q", ".dvc"], capture_output=True, check=False)
    except OSError:  # no git on this machine
        return False
    return asked.returncode == 0


def _replace(source: Path, target: Path) -> None:
    """Put a copy in place at once. DVC may have made the old file a link into its cache, which must not be written through."""
    draft = target.with_name(f".{target.name}.draft")
    shutil.copyfile(source, draft)
    draft.replace(target)
