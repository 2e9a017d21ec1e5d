"""One team for all tests that run pipelines; each of them begins a model of its own in it."""

from collections.abc import Iterator

import pytest

from delivered import Team, team


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with team(tmp_path_factory.mktemp("team")) as made:
        yield made
