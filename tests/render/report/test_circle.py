"""A circle shows each station's state by a sign of its own, and says everything to who does not see it."""

from datetime import UTC, datetime
from typing import get_args

from dashboarded import well_formed
from flyball.render.report.circle import Standing, Station, circle

STATES: tuple[Standing, ...] = get_args(Standing)
SIX = [Station(name=f"stage <{state}>", state=state, said=state, at=datetime(2026, 3, 1, tzinfo=UTC)) for state in STATES]


def test_every_state_has_a_sign_of_its_own() -> None:
    drawn = str(circle(SIX, ["m", "version 1"], title="t", about="a", key="k"))
    well_formed(drawn)
    assert all(f'class="station s-{state}"' in drawn for state in STATES)
    signs = [part.partition('"')[0] for part in drawn.split('<path d="M')[1:] if 'class="sign"' in part.partition("/>")[0]]
    assert len(set(signs)) == len(STATES)


def test_only_what_is_at_work_moves() -> None:
    drawn = str(circle(SIX, [], title="t", about="a", key="k"))
    assert drawn.count('class="turning"') == 1 and drawn.count("arc moves") == 1
    calm = str(circle([Station(name="a", state="done", said="done")] * 6, [], title="t", about="a", key="k"))
    assert "turning" not in calm and "moves" not in calm


def test_it_is_an_image_with_a_title_and_a_description_and_escapes_what_it_is_told() -> None:
    drawn = str(circle(SIX, ["<script>"], title="the loop", about="all is well", key="k"))
    assert 'role="img" aria-labelledby="k-t k-d"' in drawn
    assert '<title id="k-t">the loop</title><desc id="k-d">all is well</desc>' in drawn
    assert "<script>" not in drawn and "stage &lt;done&gt;" in drawn


def test_times_are_in_utc_and_ready_for_the_readers_zone() -> None:
    drawn = str(circle(SIX, [], title="t", about="a", key="k"))
    assert 'data-at="2026-03-01T00:00:00Z">2026-03-01 00:00 UTC<' in drawn
