"""When the loop looked, in memory, through the suite of the port."""

import pytest

from flyball.adapters.memory.looks import MemoryLooks
from flyball.testing.looks import LooksSuite


class TestMemoryLooks(LooksSuite):
    @pytest.fixture
    def looks(self) -> MemoryLooks:
        return MemoryLooks()
