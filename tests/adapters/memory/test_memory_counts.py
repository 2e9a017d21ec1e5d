"""Kept counts in memory."""

import pytest

from flyball.adapters.memory.counts import MemoryCounts
from flyball.testing.counts import CountStoreSuite


class TestMemoryCounts(CountStoreSuite):
    @pytest.fixture
    def store(self) -> MemoryCounts:
        return MemoryCounts()
