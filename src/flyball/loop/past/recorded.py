"""The code and the spec of a version as they were recorded: from the commit and the kept difference, else from what its run kept."""

import shutil
from pathlib import Path
from typing import Literal

from flyball.core.errors import FlyballError, NotFoundError
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
    """The project as a version was trained from it. `kept`: what its run kept. NotFoundError if neither git nor the run has the code."""
    missing = "the version was trained outside git"
    if lineage.commit:
        diff = (kept / _DIFF).read_bytes() if (kept / _DIFF).is_file() else b""
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
    shutil.copytree(code, folder, dirs_exist_ok=True)
    shutil.copyfile(kept / FILE, folder / FILE)
    return _source(lineage, folder, "run", missing)


def _from_git(lineage: Lineage, folder: Path, kept: Path, taken: Literal["commit", "commit and diff"]) -> Source:
    """What git has; where files were never added to it, those that the run kept are put beside."""
    if not (folder / FILE).is_file() and (kept / FILE).is_file():
        shutil.copyfile(kept / FILE, folder / FILE)
    found = _source(lineage, folder, taken, "")
    code = kept / "model" / "code"
    if (found.same_code and found.same_spec) or not code.is_dir():
        return found
    shutil.copytree(code, folder, dirs_exist_ok=True)
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
