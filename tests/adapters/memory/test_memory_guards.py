"""What guardrails did, in memory, through the suite of the port."""

import pytest

from flyball.adapters.memory.guards import MemoryGuards
from flyball.testing.guards import GuardsSuite


class TestMemoryGuards(GuardsSuite):
    @pytest.fixture
    def guards(self) -> MemoryGuards:
        return MemoryGuards()
