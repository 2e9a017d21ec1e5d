"""Lines of one column over looks: its distance with bounds, and shares of its rows."""

from dataclasses import replace
from xml.etree import ElementTree

from flyball.render.report.bins import Pairs
from flyball.render.report.over_time import distance_line, share_line
from flyball.render.report.shapes import distribution
from flyball.render.report.text import Words
from reports import picture

HISTORY = picture().history
WORDS = Words("en")


def test_a_line_of_distances_has_bounds_and_the_threshold() -> None:
    found = distance_line(HISTORY, "price", WORDS, "d", width=720, height=200)
    assert found is not None
    svg = ElementTree.fromstring(found)
    assert svg.attrib["viewBox"] == "0 0 720 200"
    assert {"band now", "line now", "line limit"} <= {one.attrib.get("class", "") for one in svg.iter()}


def test_of_one_look_no_line_is_drawn() -> None:
    assert distance_line(HISTORY[-1:], "price", WORDS, "d") is None
    assert share_line(HISTORY[-1:], "price", "out_of_range", "outside", "s") is None


def test_a_share_that_never_was_is_not_drawn() -> None:
    assert share_line(HISTORY, "price", "missing", "missing", "s") is None
    assert share_line(HISTORY, "nothing", "missing", "missing", "s") is None


def test_a_share_over_time_says_where_it_began_and_ended() -> None:
    looks = [replace(one, columns={"price": replace(one.columns["price"], missing=0.1 * at)}) for at, one in enumerate(HISTORY[:5])]
    found = share_line(looks, "price", "missing", "price: missing", "s")
    assert found is not None
    svg = ElementTree.fromstring(found)
    assert svg.findtext("title") == "price: missing"
    assert svg.findtext("desc") == "0 % → 40 %; ≤ 40 %"


def test_a_distribution_can_be_of_something_else_than_training() -> None:
    pairs = Pairs(names=("a", "b"), before=(0.5, 0.5), now=(0.4, 0.6), rest=0)
    assert '<title id="k-t">a year before</title>' in distribution(pairs, "plan", WORDS, "k", title="a year before")
    assert "plan: training data and this window" in distribution(pairs, "plan", WORDS, "k")
