"""What a process remembers is bounded, however many versions come and go."""

import shutil

import pytest

from flyball.core.errors import NotFoundError
from flyball.loop.memory import Memory
from watched import Watched, reference


def test_of_many_bundles_those_used_last_are_remembered(tmp_path_factory: pytest.TempPathFactory) -> None:
    watched, memory = Watched(tmp_path_factory.mktemp("watched")), Memory()
    bundles = watched.world.bundles
    digests = [watched.bundle(reference(seed=number, rows=200), f"v{number}") for number in range(30)]
    for digest in digests:
        memory.bundle(bundles, digests[0])
        memory.bundle(bundles, digest)
        memory.extras.estimation(bundles, digests[0])
        memory.extras.estimation(bundles, digest)
    shutil.rmtree(watched.folder / "bundles")
    for known in (digests[0], digests[-1], digests[-10]):
        memory.bundle(bundles, known)
        memory.extras.estimation(bundles, known)
    for read in (memory.bundle, memory.extras.estimation):
        with pytest.raises(NotFoundError):
            read(bundles, digests[1])
