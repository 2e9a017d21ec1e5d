"""Monitor reports in memory."""

import pytest

from flyball.adapters.memory.reports import MemoryReports
from flyball.testing.reports import ReportsSuite


class TestMemoryReports(ReportsSuite):
    @pytest.fixture
    def reports(self) -> MemoryReports:
        return MemoryReports()
