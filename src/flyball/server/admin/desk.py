"""What the function of an admin route is handed: the model's ports, who asks, and what time it is."""

from datetime import datetime
from typing import TYPE_CHECKING

from flyball.core.errors import RequestError, SpecError
from flyball.core.record import record
from flyball.core.window import parse_duration, parse_time
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.server.settings import AdminPorts

if TYPE_CHECKING:
    from datetime import timedelta

    from flyball.server.admin.jobs import Jobs
    from flyball.spec.records import Spec


@record
class Desk:
    """One request's surroundings. Whatever is done here happens in a thread, never in the event loop."""

    model: str
    ports: AdminPorts
    jobs: "Jobs"
    actor: str
    now: datetime

    def spec(self) -> "Spec":
        """flyball.toml as it is now; SpecError if it cannot be read, or names another model than the one that is served."""
        spec = self.ports.spec()
        if spec.model.name != self.model:
            raise SpecError(
                f"flyball.toml names the model {spec.model.name!r} by now, and this server answers for {self.model!r}",
                hint="start the server again",
            )
        return spec

    def state(self) -> State:
        """What is known of the model now."""
        return fold(self.model, self.ports.world.journal.read(self.model))


def span(text: str | None, field: str) -> "timedelta | None":
    """A duration that a request names."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise RequestError(f"{field!r}: {error}", field=field) from None


def moment(text: str | None, field: str) -> datetime | None:
    """A time that a request names."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise RequestError(f"{field!r}: {error}; write for example 2026-01-31T00:00:00Z", field=field) from None
