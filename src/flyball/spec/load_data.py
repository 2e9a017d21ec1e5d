"""Reads `[data]`: files, or a query and where it is asked."""

from datetime import timedelta

from flyball.core.codec import to_plain
from flyball.core.errors import SpecError
from flyball.spec.load_delivery import FILE, VARIABLE
from flyball.spec.reader import Section, a_function, shown
from flyball.spec.records import DataSpec, Task


def read_data(section: Section, task: Task) -> DataSpec:
    """`[data]`."""
    source, connection = _source(section)
    features = section.names("features", example="age") if section.has("features") else None
    record = DataSpec(
        source=source,
        target=section.text("target", example="churned"),
        prepare=tuple(a_function(section, "prepare", name) for name in section.names("prepare", example="pipeline:prepare")),
        features=features,
        id=section.maybe_text("id"),
        unit=section.maybe_text("unit"),
        time=section.maybe_text("time"),
        outcome_time=section.maybe_text("outcome_time"),
        matures=section.duration("matures", timedelta(0)),
        no_outcome=section.choice("no_outcome", ("exclude", "negative", "unknown"), "exclude"),
        connection=connection,
    )
    section.done()
    if features is not None:
        if not features:
            raise section.refuse("features", [], "at least one column, or leave the key out to use every column")
        for column in features:
            if column in record.roles:
                raise SpecError(f"{FILE}: data.features lists {column!r}, which is the target, id, unit or a time", hint="remove it there")
    if record.time is None and record.outcome_time is not None:
        raise SpecError(f"{FILE}: data.outcome_time needs data.time", hint='add time = "the column of the event time"')
    if record.no_outcome == "negative" and task != "binary":
        raise SpecError(
            f'{FILE}: data.no_outcome = "negative" belongs to task = "binary", this is {shown(task)}',
            hint='write no_outcome = "exclude": of several classes or a number, none means that nothing happened',
        )
    if record.no_outcome == "negative" and not record.matures:
        raise SpecError(
            f'{FILE}: data.no_outcome = "negative" needs data.matures',
            hint='add matures = "30d": the age from which a prediction without outcome means that it did not happen',
        )
    return record


def plain_data(data: DataSpec) -> dict[str, object]:
    """`[data]` as it stands in digests: what the rows mean, without where a query for them is asked."""
    plain = to_plain(data)
    assert isinstance(plain, dict)
    return {name: value for name, value in plain.items() if name != "connection"}


def _source(section: Section) -> tuple[str, str]:
    """The file of rows, or the file of a query and its connection."""
    source = section.raw("source")
    if not isinstance(source, dict):
        return section.text("source", example="data/customers.csv"), ""
    table = Section(section.file, f"{section.path}.source", source)
    query, connection = table.text("query", example="q.sql"), table.text("connection", example="env:WAREHOUSE_URL")
    table.done()
    if not query.lower().endswith(".sql"):
        raise table.refuse("query", query, '"q.sql": the file in the project\'s folder that holds the query')
    if not connection.startswith("env:") or not VARIABLE.fullmatch(connection.removeprefix("env:")):
        # not repeated: it may hold a password
        raise SpecError(
            f"{FILE}: data.source.connection must name a variable, so that no address with a password stands in this file",
            hint='write connection = "env:WAREHOUSE_URL" and put the address into that variable where the project runs',
        )
    return query, connection
