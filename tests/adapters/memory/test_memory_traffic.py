"""How many requests were answered and refused, in memory, through the suite of the port."""

import pytest

from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.testing.traffic import TrafficSuite


class TestMemoryTraffic(TrafficSuite):
    @pytest.fixture
    def traffic(self) -> MemoryTraffic:
        return MemoryTraffic()
