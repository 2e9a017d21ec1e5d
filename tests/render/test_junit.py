"""The JUnit report is XML of the form CI systems read, whatever the tests and their messages are called."""

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from flyball.core.verdict import Verdict
from flyball.render.junit import Case, junit

# element → attributes it must have, attributes it may have, children it may have: the format as CI systems describe it
FORM: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package", "file"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name"}, {"time", "classname"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "skipped": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "failure": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
ANY = st.text(max_size=40) | st.sampled_from(
    ["]]>", "<!--", "a\x00b", "\ud800", "&lt;", '"><x/>', "${{ x }}", "名字", "\ufffe", "\x1b[31m"]
)
CASES = st.lists(
    st.builds(
        Case,
        group=ANY,
        name=ANY,
        verdict=st.sampled_from(Verdict),
        sentence=ANY,
        details=ANY,
        seconds=st.floats(0, 1e6, allow_nan=False),
    ),
    max_size=5,
)


def check(element: ElementTree.Element) -> None:
    needed, may, children = FORM[element.tag]
    assert needed <= set(element.attrib) <= needed | may, element.tag
    assert re.fullmatch(r"[0-9]+\.[0-9]{3}", element.attrib.get("time", "0.000"))
    for child in element:
        assert child.tag in children, (element.tag, child.tag)
        check(child)


@given(ANY, CASES, st.lists(st.tuples(ANY, ANY), max_size=3), st.booleans())
def test_hostile_names_stay_where_they_belong(suite: str, cases: list[Case], properties: list[tuple[str, str]], lenient: bool) -> None:
    text = junit(suite, cases, properties=properties, lenient=lenient)
    root = ElementTree.fromstring(text.encode())
    check(root)
    assert len(root.findall("testsuite/testcase")) == len(cases)
    assert root.attrib["tests"] == str(len(cases))
    verdicts = [case.verdict for case in cases]
    assert root.attrib["failures"] == str(verdicts.count(Verdict.FAIL))
    assert root.attrib["errors"] == str(0 if lenient else verdicts.count(Verdict.UNDECIDED))


def test_a_failure_says_why_and_shows_the_rows() -> None:
    case = Case(group="m.slice", name="a", verdict=Verdict.FAIL, sentence="too low", details="row 3", seconds=0.25)
    root = ElementTree.fromstring(junit("m", [case]))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert (failure.attrib["message"], failure.text) == ("too low", "row 3")


def test_what_xml_cannot_hold_is_written_as_an_escape() -> None:
    case = Case(group="g", name="a\x00\x1b", verdict=Verdict.PASS, sentence="", details="", seconds=0)
    found = ElementTree.fromstring(junit("m", [case])).find("testsuite/testcase")
    assert found is not None
    assert found.attrib["name"] == r"a\x00\x1b"
