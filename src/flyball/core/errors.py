"""What can go wrong, told apart by what the reader should do about it.

FlyballError
├── UsageError        correct the command line (exit 2)
├── SpecError         correct flyball.toml
├── DataError         correct the data
├── UserCodeError     correct the project's own prepare or train function
├── RequestError      correct the request (HTTP 4xx)
├── NotFoundError     name something that exists
├── ConflictError     look at the present state, then try again
├── StaleLeaderError  stand by: another machine acts now
├── RefusedError      the rules forbid it now; the message says which
├── IntegrityError    do not trust these bytes
├── StoreError        get a database, registry, disk or port to answer
└── UnsupportedError  install an extra or wait for a later version
"""


class FlyballError(Exception):
    """Says what is wrong and where (`message`) and what to do next (`hint`)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(FlyballError):
    """The command line does not say what is needed."""


class SpecError(FlyballError):
    """flyball.toml asks for something that cannot be."""


class DataError(FlyballError):
    """The data is not what the spec says."""


class UserCodeError(FlyballError):
    """The project's own function failed or returned something else than promised."""


class RequestError(FlyballError):
    """A request that cannot be answered as it stands; `field` names the part at fault, if one part is."""

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class NotFoundError(FlyballError):
    """Nothing of that name is here."""


class ConflictError(FlyballError):
    """Somebody else was first."""


class StaleLeaderError(FlyballError):
    """The right to act for a model is another's by now: what is written in its name is refused."""


class RefusedError(FlyballError):
    """The present state forbids it."""


class IntegrityError(FlyballError):
    """Bytes differ from what was recorded or signed."""


class StoreError(FlyballError):
    """A database, registry, disk or port does not answer."""


class UnsupportedError(FlyballError):
    """Known, but not available in this installation or version."""
