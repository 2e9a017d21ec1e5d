"""The outbox in memory."""

import pytest

from flyball.adapters.memory.outbox import MemoryOutbox
from flyball.testing.outbox import OutboxSuite


class TestMemoryOutbox(OutboxSuite):
    @pytest.fixture
    def outbox(self) -> MemoryOutbox:
        return MemoryOutbox()
