"""Reads `[quality]`: what the data must be like."""

from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.spec.reader import Section, a_function, is_plain, shown
from flyball.spec.records import DataSpec, Expectation, QualitySpec


def read_quality(section: Section, data: DataSpec) -> QualitySpec:
    """The section as a record."""
    expect = {}
    if section.has("expect"):
        given = section.raw("expect")
        if not isinstance(given, dict):
            raise section.refuse("expect", given, "{ age = { min = 0, max = 120 } }")
        expect = {column: _expectation(Section(section.file, f"quality.expect.{column}", rule)) for column, rule in given.items()}
    record = QualitySpec(
        expect=expect,
        schema=a_function(section, "schema", section.text("schema")) if section.has("schema") else None,
        fresh=section.duration("fresh", timedelta(0), least=timedelta(minutes=1)) if section.has("fresh") else None,
    )
    section.done()
    if record.fresh is not None and data.time is None:
        raise SpecError(f"{section.file}: quality.fresh needs data.time", hint='add time = "the column of the event time" under [data]')
    return record


def _expectation(rule: Section) -> Expectation:
    values = None
    if rule.has("values"):
        given = rule.raw("values")
        if not isinstance(given, list) or not given or not all(is_plain(one) for one in given):
            raise rule.refuse("values", given, 'a list such as ["monthly", "yearly"]')
        values = tuple(given)
    record = Expectation(
        min=rule.number("min") if rule.has("min") else None,
        max=rule.number("max") if rule.has("max") else None,
        missing=rule.number("missing", least=0.0, most=1.0) if rule.has("missing") else None,
        values=values,
        unique=rule.flag("unique", default=False),
    )
    rule.done()
    if record.min is not None and record.max is not None and record.min > record.max:
        raise SpecError(
            f"{rule.file}: {rule.path} has min = {shown(record.min)} above max = {shown(record.max)}", hint="no value could be right"
        )
    if record == Expectation():
        raise SpecError(f"{rule.file}: {rule.path} expects nothing", hint="write min, max, missing, values or unique, or leave it out")
    return record
