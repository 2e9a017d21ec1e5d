"""A report of tests as JUnit XML, which every CI system reads: built as a tree, so that no name can break out of its place."""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from flyball.core.record import record
from flyball.core.verdict import Verdict

# What XML 1.0 has no way to write, not even escaped; a lone half of a pair cannot be written as UTF-8.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 20_000


@record
class Case:
    """One test: `group` is what it is listed under, `details` what is known beyond its one sentence."""

    group: str
    name: str
    verdict: Verdict
    sentence: str
    details: str
    seconds: float


def junit(suite: str, cases: Sequence[Case], *, properties: Sequence[tuple[str, str]] = (), lenient: bool = False) -> str:
    """The report as a text of XML. What failed is a `failure`, what is undecided an `error` (with `lenient` it is `skipped`), and what
    does not apply is `skipped`.
    """
    kinds = [_kind(case, lenient) for case in cases]
    counts = {
        "tests": str(len(cases)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "time": _seconds(sum(case.seconds for case in cases)),
    }
    skipped = str(kinds.count("skipped"))
    root = Element("testsuites", {"name": clean(suite), **counts})
    inside = SubElement(root, "testsuite", {"name": clean(suite), **counts, "skipped": skipped})
    if properties:
        listed = SubElement(inside, "properties")
        for name, value in properties:
            SubElement(listed, "property", {"name": clean(name), "value": clean(value)})
    for case, kind in zip(cases, kinds, strict=True):
        element = SubElement(inside, "testcase", {"classname": clean(case.group), "name": clean(case.name), "time": _seconds(case.seconds)})
        if kind == "skipped":
            SubElement(element, "skipped", {"message": clean(case.sentence)})
        elif kind:
            wrong = SubElement(element, kind, {"message": clean(case.sentence), "type": clean(case.verdict.value)})
            wrong.text = clean(case.details or case.sentence)
        if not kind or kind == "skipped":
            SubElement(element, "system-out").text = clean("\n".join(part for part in (case.sentence, case.details) if part))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def clean(text: str) -> str:
    r"""The text with everything that XML cannot hold written as an escape.

    >>> clean("a\x00b")
    'a\\x00b'
    """
    return _UNWRITABLE.sub(lambda found: ascii(found[0])[1:-1], text)[:_LONGEST]


def _kind(case: Case, lenient: bool) -> str:
    match case.verdict:
        case Verdict.PASS:
            return ""
        case Verdict.FAIL:
            return "failure"
        case Verdict.UNDECIDED:
            return "skipped" if lenient else "error"
        case Verdict.NOT_APPLICABLE:
            return "skipped"


def _seconds(value: float) -> str:
    return f"{value:.3f}"  # Jenkins takes no more digits
