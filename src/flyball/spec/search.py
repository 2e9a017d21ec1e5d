"""`[train.search]`: among which values of its parameters a training is looked for. Nothing of it changes what a training is."""

from collections.abc import Mapping

from flyball.core.errors import SpecError
from flyball.spec.reader import Section, is_plain, shown
from flyball.spec.records import Param, Range, Searched

FILE = "flyball.toml"


def read_search(section: Section, params: Mapping[str, Param]) -> dict[str, Searched]:
    """Each key a parameter of the training function: a list of values, or `{ low = 1, high = 9 }`."""
    found: dict[str, Searched] = {}
    for name in section.given():
        value = section.raw(name)
        if isinstance(value, list):
            if len(value) < 2 or not all(is_plain(one) for one in value) or len({(type(one), one) for one in value}) < len(value):
                raise section.refuse(name, value, "a list of two or more different values, such as [3, 5, 10]")
            found[name] = tuple(value)
        elif isinstance(value, dict):
            found[name] = _range(Section(FILE, f"train.search.{name}", value))
        else:
            raise section.refuse(name, value, "[3, 5, 10], or { low = 0.01, high = 0.3 }")
        if name in params and not _same_kind(params[name], found[name]):
            raise SpecError(
                f"{FILE}: train.search.{name} holds values of another kind than train.params.{name} = {shown(params[name])}",
                hint="write whole numbers beside a whole number, texts beside a text",
            )
    section.done()
    return found


def _range(section: Section) -> Range:
    ends = [section.raw(end) for end in ("low", "high")]
    for end, value in zip(("low", "high"), ends, strict=True):
        if not is_plain(value) or isinstance(value, bool | str):
            raise section.refuse(end, value, "a number")
    low, high = float(str(ends[0])), float(str(ends[1]))
    whole = all(isinstance(value, int) for value in ends)
    step = None
    if section.has("step"):
        step = section.number("step", least=1 if whole else 1e-12)
        if whole and not step.is_integer():
            raise section.refuse("step", step, "a whole number: low and high are whole")
    made = Range(low=low, high=high, step=step, log=section.flag("log", False), whole=whole)
    section.done()
    if low >= high:
        raise section.refuse("high", ends[1], f"more than low, which is {shown(ends[0])}")
    if made.log and (low <= 0 or step is not None):
        raise section.refuse("log", True, "log only for a range above 0 and without step")
    if step is not None and step > high - low:
        raise section.refuse("step", step, f"a step within {high - low:g}")
    return made


def _same_kind(value: Param, searched: Searched) -> bool:
    """Whether a parameter of the spec could be one of what is searched, as far as kinds go. A whole number may stand for any number."""
    if isinstance(searched, Range):
        return isinstance(value, int | float) and not isinstance(value, bool) and (not searched.whole or isinstance(value, int))
    kinds = {type(one) for one in searched}
    return type(value) in kinds or (isinstance(value, int) and not isinstance(value, bool) and float in kinds)
