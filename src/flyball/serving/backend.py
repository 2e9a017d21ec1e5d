"""A model that another server answers for: where it is and how it is spoken to, and what can be wrong with it.

Where it is stands in the signed bundle of a version and nowhere else: no request can name an address.
"""

from typing import Literal

from flyball.core.record import record
from flyball.serving.deployment import AwayError

FILE = "backend.json"

Protocol = Literal["tf", "v2"]


@record
class BackendInput:
    """A tensor that the other server reads: columns side by side (`width` of them), or one column (`width` 0, or 1 with a second axis)."""

    name: str
    datatype: str
    columns: tuple[str, ...]
    width: int


@record
class Backend:
    """Another server's model. `output`: the tensor with the scores; empty: there is one and it has no name.

    `width`: how many scores a row has there (1 with `binary` is the probability of the second class). `binary_tensors`: it reads tensors
    as bytes.
    """

    url: str
    protocol: Protocol
    inputs: tuple[BackendInput, ...]
    output: str
    width: int
    binary_tensors: bool = False


class BackendError(AwayError):
    """The other server could not be reached, or answered with something that is no answer to what it was asked."""


class BackendLateError(BackendError):
    """The other server did not answer in time."""


class BackendBusyError(BackendError):
    """The other server has too much to do."""
