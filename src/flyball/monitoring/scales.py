"""How long the windows are that monitoring looks at together, and how finely counts are kept for them."""

from datetime import timedelta

from flyball.core.record import record

# Every look judges the newest rows of each of these lengths: a large change shows in minutes, a small one takes weeks to be certain.
SCALES = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 240, 720, 1440, 4 * 1440, 7 * 1440, 14 * 1440, 28 * 1440))


@record
class Grain:
    """Rows younger than `age` are counted in slots of `slot`."""

    age: timedelta
    slot: timedelta


# A window starts where a slot starts: the older its start, the less a part of a slot matters. Each slot is whole in the next.
GRAINS = (
    Grain(age=timedelta(hours=3), slot=timedelta(minutes=1)),
    Grain(age=timedelta(days=2), slot=timedelta(minutes=15)),
    Grain(age=timedelta(days=8), slot=timedelta(hours=1)),
    Grain(age=timedelta.max, slot=timedelta(days=1)),
)
