"""Who leads: the right of one loop among several to act for a model."""

from datetime import datetime

from flyball.core.record import record

ALONE = "this machine"
"""The holder where no other machine shares the store."""


@record
class Lease:
    """The right to act for a model until a time. `epoch` grows each time the lease changes hands; a journal refuses lower ones."""

    model: str
    holder: str
    epoch: int
    until: datetime
