"""What a process that runs other people's code is given of the environment of the one that starts it."""

from collections.abc import Mapping

FOR_ADMINS = "FLYBALL_ADMIN_TOKEN"
ADMINS_BEFORE = "FLYBALL_ADMIN_TOKEN_OLD"
_NOT_THEIRS = (FOR_ADMINS, ADMINS_BEFORE)


def for_others(environment: Mapping[str, str], **more: str) -> dict[str, str]:
    """The environment for models, trainings, commands and jobs: everything but what opens the admin routes of a server, and `more`.

    What a project's code needs of it, such as the keys to its data, is not known here, and stays.
    """
    return {**{name: value for name, value in environment.items() if name not in _NOT_THEIRS}, **more}
