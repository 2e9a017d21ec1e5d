"""Addresses that name a file of the project, `file:PATH`: what is told to other systems can be written there, and nowhere else."""

from pathlib import Path, PurePosixPath

from flyball.core.errors import SpecError

_SCHEME = "file:"


def is_file_address(address: str) -> bool:
    """Whether it names a file."""
    return address.startswith(_SCHEME)


def stays_inside(address: str) -> bool:
    """Whether it names something in the folder it is relative to, by its words alone; links are seen by `file_in`."""
    path = PurePosixPath(_path(address))
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in str(path)


def file_in(folder: Path, address: str) -> Path:
    """The file, with every link followed; SpecError if it is not in the folder."""
    found = (folder / _path(address)).resolve() if stays_inside(address) else None
    if found is None or found == folder.resolve() or not found.is_relative_to(folder.resolve()):
        raise SpecError("what [track] names is no file in the project's folder", hint='write for example "file:events.jsonl"')
    return found


def _path(address: str) -> str:
    return address.removeprefix(_SCHEME).removeprefix("//")
