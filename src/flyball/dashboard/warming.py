"""What the first page would otherwise wait for: imports, journals, newest reports."""

import logging

from flyball.dashboard.paper import whole_page
from flyball.dashboard.records import Ask, DashboardPorts
from flyball.dashboard.table import PAGES, maker

_log = logging.getLogger("flyball.dashboard")


def warm(ports: DashboardPorts) -> None:
    """Import every page, and make the first one of each project as if somebody had asked: what it reads is kept. What fails is told to
    whoever asks.
    """
    first, *_ = [make for row in PAGES if (make := maker(row.name)) is not None]
    for project in ports.projects:
        ask = Ask(project=project, page=PAGES[0].name, query={}, language=ports.language, now=ports.clock())
        try:
            whole_page(ask, first(ask), models=[(project.slug, project.name)])
        except Exception:  # noqa: BLE001 - nobody asked yet
            _log.debug("%s was not read beforehand", project.name, exc_info=True)
