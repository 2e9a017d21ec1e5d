"""What is known of a model beyond the server's own counts, as gauges: the newest report, the journal's state, the loop's looks."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise

from flyball.core.errors import FlyballError
from flyball.journal.events import EVENTS, KINDS
from flyball.journal.known import State
from flyball.journal.state import apply, empty
from flyball.monitoring.gauges import Sample, label_value, report_samples
from flyball.monitoring.series import MOST, OTHERS
from flyball.server.settings import ServerPorts

_MOST_KINDS = 20


class Known:
    """Reads what others wrote about one model. Cheap to ask again: of the journal only what is new is read.

    What cannot be read just now keeps its last known samples: a database that is away must not make a drift or an alert go away.
    """

    def __init__(self, model: str, ports: ServerPorts) -> None:
        self._model = model
        self._ports = ports
        self._lock = threading.Lock()
        self._state = empty(model)
        self._events: Counter[str] = Counter(dict.fromkeys(EVENTS, 0))
        self._last: dict[str, Sequence[Sample]] = {}

    def samples(self, now: datetime, features: frozenset[str] | None) -> list[Sample]:
        """Every sample there is, from a thread. `features`: what the champion reads, if that is known here."""
        with self._lock:
            self._keep("report", lambda: self._report(now, features))
            self._keep("journal", lambda: self._journal(now))
            self._keep("looks", lambda: looks_samples(self._ports.looks.looks(self._model)))
            return [sample for part in self._last.values() for sample in part]

    def _keep(self, part: str, read: Callable[[], Sequence[Sample]]) -> None:
        try:
            self._last[part] = read()
        except FlyballError:
            return

    def _report(self, now: datetime, features: frozenset[str] | None) -> Sequence[Sample]:
        # A loop whose clock ran ahead leaves reports of the future, which would hide those of today.
        report = self._ports.reports.latest(self._model, by=now) or self._ports.reports.latest(self._model)
        return () if report is None else report_samples(report, features=features)

    def _journal(self, now: datetime) -> Sequence[Sample]:
        try:
            entries = self._ports.journal.read(self._model, after=self._state.seq)
        except FlyballError:
            self._state, self._events = empty(self._model), Counter(dict.fromkeys(EVENTS, 0))  # perhaps it was restored: begin anew
            raise
        for entry in entries:
            self._state = apply(self._state, entry)
            self._events[KINDS[type(entry.event)]] += 1
        decisions = [Sample("flyball_decisions_total", (("event", kind),), number) for kind, number in self._events.items()]
        return [*state_samples(self._state, now), *decisions]


def state_samples(state: State, now: datetime, *, most: int = MOST) -> list[Sample]:
    """The state of a model as samples. Alerts beyond `most` are only counted."""
    keys = sorted(state.firing)
    kinds = Counter({"drift": 0, "performance": 0, "quality": 0, "deployment": 0})
    for key in keys:
        kind = label_value(key.partition(":")[0])
        kinds[kind if kind in kinds or len(kinds) < _MOST_KINDS else OTHERS] += 1
    aliases = {"champion": state.champion, "challenger": state.challenger, "previous": state.previous}
    found = [
        *(Sample("flyball_alerts_firing", (("kind", kind),), number) for kind, number in kinds.items()),
        *(Sample("flyball_alert_firing", (("key", label_value(key)),), 1) for key in keys[:most]),
        *(Sample("flyball_alias_version", (("alias", alias),), version) for alias, version in aliases.items() if version is not None),
        Sample("flyball_versions", (), len(state.versions)),
        Sample("flyball_frozen", (), state.frozen(now) is not None),
        Sample("flyball_training_running", (), state.running is not None),
        Sample("flyball_rollout_running", (), state.rollout is not None),
        Sample("flyball_watch_running", (), state.watch is not None),
    ]
    if state.champion_since is not None:
        found.append(Sample("flyball_champion_since_timestamp_seconds", (), state.champion_since.timestamp()))
    return found


def looks_samples(looks: Sequence[datetime]) -> list[Sample]:
    """When the loop looked last, and the longest it usually takes between two looks."""
    found = [Sample("flyball_loop_last_tick_timestamp_seconds", (), looks[-1].timestamp())] if looks else []
    if len(looks) > 1:
        longest = max((after - before).total_seconds() for before, after in pairwise(looks))
        found.append(Sample("flyball_loop_tick_interval_seconds", (), longest))
    return found
