"""The code and the spec of a version as they were recorded: from the commit and the kept difference, else from what its run kept."""

import shutil
from pathlib import Path
from typing import Literal

from flyball.core.digest import sha256_bytes
from flyball.core.errors import FlyballError, IntegrityError, NotFoundError, RefusedError
from flyball.core.record import record
from flyball.loop.making.workshop import Workshop
from flyball.ports.training import Sources
from flyball.registry.records import Lineage
from flyball.spec.load import FILE, load_spec
from flyball.spec.records import Spec
from flyball.training.code import code_digest, training_code
from flyball.training.identity import training_digest

_DIFF = "uncommitted.diff"


@record
class Source:
    """The project as it was, in a folder (`spec.folder`). `same_code`, `same_spec`: whether the digests are those recorded.

    `taken`: from the commit; from the commit with the difference that the run kept; or, with `missing` as the reason, from the files
    that the run kept of the project (those its functions reach by imports).
    """

    spec: Spec
    taken: Literal["commit", "commit and diff", "commit and run", "run"]
    commit: str
    same_code: bool
    same_spec: bool
    missing: str = ""


def source_of(lineage: Lineage, kept: Path, workshop: Workshop, sources: Sources, scratch: Path) -> Source:
    """The project as a version was trained from it. `kept`: what its run kept; whoever may write to the tracking store can change that.

    Runs nothing. NotFoundError if neither git nor the run has the code; IntegrityError for a kept difference with other bytes than the
    manifest names.
    """
    missing = "the version was trained outside git"
    if lineage.commit:
        diff = _difference(lineage, kept / _DIFF)
        try:
            folder = sources.checkout(lineage.commit, diff, scratch / "code")
        except FlyballError as error:
            missing = error.message
        else:
            return _from_git(lineage, folder, kept, "commit and diff" if diff else "commit")
    code = kept / "model" / "code"
    if not code.is_dir() or not (kept / FILE).is_file():
        lost = FILE if code.is_dir() else "code"
        raise NotFoundError(
            f"the code of run {lineage.run_id} is gone: {missing}, and the run kept no {lost}",
            hint="bring the commit back (git fetch), or name the repository it was pushed to",
        )
    folder = scratch / "code-of-run"
    folder.mkdir(parents=True)
    _lay_over(kept, folder, scratch / "kept-code")
    shutil.copyfile(kept / FILE, folder / FILE)
    return _source(lineage, folder, "run", missing)


def refuse_other(source: Source, lineage: Lineage, name: str) -> None:
    """RefusedError unless code and spec are what the manifest of the version `name` names: nothing else is run unasked."""
    other = [
        what for what, same in (("the code", source.same_code), ("what flyball.toml says of the training", source.same_spec)) if not same
    ]
    if not other:
        return
    where = {
        "commit": f"commit {source.commit[:12]}",
        "commit and diff": f"commit {source.commit[:12]} and the kept difference",
        "commit and run": f"commit {source.commit[:12]} and what the run kept",
        "run": f"what run {lineage.run_id} kept",
    }[source.taken]
    raise RefusedError(
        f"{' and '.join(other)} of {name} cannot be had as recorded: {where} has another digest than the manifest, so it is not run",
        hint=f"look at what differs first; `flyball reproduce {name} --other-code` runs it all the same, and says so in the journal",
    )


def _difference(lineage: Lineage, path: Path) -> bytes:
    """The kept difference; nothing where none was recorded, or it is gone (the digest of the code tells)."""
    if not lineage.dirty_diff_sha256 or not path.is_file():
        return b""
    found = path.read_bytes()
    if sha256_bytes(found) != lineage.dirty_diff_sha256:
        raise IntegrityError(
            f"{_DIFF} of run {lineage.run_id} is not what was recorded: somebody changed it, so it is not applied",
            hint=f"found {sha256_bytes(found)[:12]}, recorded {lineage.dirty_diff_sha256[:12]}; bring it back from a backup",
        )
    return found


def _lay_over(kept: Path, folder: Path, aside: Path) -> None:
    """Copy the files of the run that its functions reach, and no other that was put beside them, into a folder."""
    shutil.copytree(kept / "model" / "code", aside, dirs_exist_ok=True)
    shutil.copyfile(kept / FILE if (kept / FILE).is_file() else folder / FILE, aside / FILE)
    for file in training_code(load_spec(aside)):
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(aside / file.path, folder / file.path)


def _from_git(lineage: Lineage, folder: Path, kept: Path, taken: Literal["commit", "commit and diff"]) -> Source:
    """What git has; where files were never added to it, those that the run kept are put beside."""
    if not (folder / FILE).is_file() and (kept / FILE).is_file():
        shutil.copyfile(kept / FILE, folder / FILE)
    found = _source(lineage, folder, taken, "")
    if (found.same_code and found.same_spec) or not (kept / "model" / "code").is_dir():
        return found
    _lay_over(kept, folder, folder.with_name(f"{folder.name}-kept"))
    if not found.same_spec and (kept / FILE).is_file():
        shutil.copyfile(kept / FILE, folder / FILE)
    return _source(lineage, folder, "commit and run", "files that git did not have")


def _source(lineage: Lineage, folder: Path, taken: Literal["commit", "commit and diff", "commit and run", "run"], missing: str) -> Source:
    spec = load_spec(folder)
    code = code_digest(training_code(spec))
    return Source(
        spec=spec,
        taken=taken,
        commit=lineage.commit,
        same_code=code == lineage.code_digest,
        same_spec=training_digest(spec) == lineage.spec_digest,
        missing=missing,
    )
