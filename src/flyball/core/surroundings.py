"""What a process that runs other people's code is given of the environment of the one that starts it."""

from collections.abc import Mapping

FOR_ADMINS = "FLYBALL_ADMIN_TOKEN"
ADMINS_BEFORE = "FLYBALL_ADMIN_TOKEN_OLD"
FOR_SIGNING = "FLYBALL_SIGNING_KEY"


def for_jobs(environment: Mapping[str, str], **more: str) -> dict[str, str]:
    """The environment for a verb of Flyball's own that runs as a job: everything but what opens the admin routes, and `more`.

    A training signs what it makes; the project's code, which it starts in a process of its own, is given `for_others`.
    """
    return _without(environment, (FOR_ADMINS, ADMINS_BEFORE), more)


def for_others(environment: Mapping[str, str], **more: str) -> dict[str, str]:
    """The environment for models, trainings and commands: all but what opens the admin routes of a server and what signs, and `more`.

    What a project's code needs of it, such as the keys to its data, is not known here, and stays.
    """
    return _without(environment, (FOR_ADMINS, ADMINS_BEFORE, FOR_SIGNING), more)


def _without(environment: Mapping[str, str], names: tuple[str, ...], more: Mapping[str, str]) -> dict[str, str]:
    return {**{name: value for name, value in environment.items() if name not in names}, **more}
