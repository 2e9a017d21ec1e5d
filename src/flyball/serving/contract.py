"""What a request must hold: the columns of all live versions together, and the check of every value against them.

Nothing is coerced: a value is of the column's kind or the request is refused, naming the field.
"""

from collections.abc import Mapping, Sequence

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import DataError, RequestError
from flyball.core.schema import Column, Schema, did_you_mean
from flyball.serving.shape import LARGEST_INTEGER, LARGEST_NUMBER, LONGEST_TEXT, Row, Shape, Value

__all__ = ["LARGEST_INTEGER", "LARGEST_NUMBER", "LONGEST_TEXT", "Contract", "Row", "Value", "example", "kind_of", "shown"]


class Contract:
    """The columns a request may hold, in order: the champion's, then what an answering challenger adds, then what shadows add.

    The first `required` must be given. A column may be null if every answering version saw missing values in it. Columns of one name
    must be of one family (numbers or categories) in all versions.
    """

    def __init__(self, answering: Sequence[Schema], shadows: Sequence[Schema] = ()) -> None:
        columns: dict[str, Column] = {}
        for schema in answering:
            for column in schema.columns:
                known = columns.setdefault(column.name, column)
                _same_family(known, column)
                if known.nullable and not column.nullable:
                    columns[column.name] = Column(name=known.name, kind=known.kind, nullable=False, categories=known.categories)
        self.required = len(columns)
        for schema in shadows:
            for column in schema.columns:
                _same_family(columns.setdefault(column.name, column), column)
        self.columns = tuple(columns.values())
        self.names = tuple(columns)
        self.positions = {name: position for position, name in enumerate(self.names)}
        self.schema_id = sha256_json(to_plain([[column.name, column.kind] for column in self.columns]))
        self.shape = Shape(self.columns, self.required)
        self._categories = tuple(
            (position, frozenset(column.categories))
            for position, column in enumerate(self.columns)
            if column.kind == "category" and column.categories
        )
        self.categorical = bool(self._categories)  # whether any row can hold a category that training did not

    def row(self, given: object, where: str = "features") -> Row:
        """The values of one row in the order of `columns`, from a list in that order or a dict by name; RequestError if they do not fit."""
        found = self.shape.rows((given,))
        return self._looked_at(given, where) if found is None else found[0]

    def rows(self, given: Sequence[object]) -> list[Row]:
        """The same for all rows of a request that holds several."""
        found = self.shape.rows(given)
        return [self._looked_at(row, f"features[{number}]") for number, row in enumerate(given)] if found is None else found

    def _looked_at(self, given: object, where: str) -> Row:
        """A row that is unusual or wrong, value by value."""
        if isinstance(given, dict):
            row = self._from_dict(given, where)
        elif isinstance(given, list):
            row = self._from_list(given, where)
        else:
            raise RequestError(f"{where} must be a list of values or an object from column to value, not {kind_of(given)}", field=where)
        return tuple([self._value(value, position, where) for position, value in enumerate(row)])

    def unseen(self, row: Row) -> list[str]:
        """The columns whose category did not occur in training."""
        found = []
        for position, known in self._categories:
            value = row[position]
            if value not in known and value is not None:
                found.append(self.names[position])
        return found

    def _from_dict(self, given: Mapping[str, Value], where: str) -> Row:
        for name in given:
            if name not in self.positions:
                raise RequestError(
                    f"{shown(name)} is not a feature of this model{did_you_mean(name, self.names)}",
                    field=name[:60] if where == "features" else f"{where}.{name[:60]}",
                )
        for name in self.names[: self.required]:
            if name not in given:
                raise RequestError(f"the feature {name!r} is missing", field=self._field(self.positions[name], where))
        return [given.get(name) for name in self.names]

    def _from_list(self, given: list[Value], where: str) -> Row:
        if not self.required <= len(given) <= len(self.columns):
            raise RequestError(
                f"{where} holds {len(given)} values, the model reads {self.required}: {', '.join(self.names[: self.required])}", field=where
            )
        return given if len(given) == len(self.columns) else given + [None] * (len(self.columns) - len(given))

    def _value(self, value: object, position: int, where: str) -> Value:
        column = self.columns[position]
        if value is None:
            if column.nullable or position >= self.required:
                return None
            raise RequestError(f"{column.name!r} is null, but it was never missing in training", field=self._field(position, where))
        kind = type(value)
        if column.kind == "category":
            if kind is str and len(value) <= LONGEST_TEXT:  # type: ignore[arg-type]  # a str, as the line says
                return value  # type: ignore[return-value]  # likewise
            wanted = f"a text of at most {LONGEST_TEXT} characters"
        elif column.kind == "boolean":
            if kind is bool:
                return value  # type: ignore[return-value]  # a bool
            wanted = "true or false"
        else:
            wanted = "an integer" if column.kind == "integer" else "a number"
            if isinstance(value, int | float) and kind is not bool:
                return self._number(value, position, where)
        raise RequestError(f"{column.name!r} must be {wanted}, not {kind_of(value)}", field=self._field(position, where))

    def _number(self, value: int | float, position: int, where: str) -> int | float:
        column = self.columns[position]
        if not abs(value) <= LARGEST_NUMBER:
            raise RequestError(f"{column.name!r} is too large: {shown(value)}", field=self._field(position, where))
        if column.kind == "number":
            return float(value)
        if isinstance(value, float) and not value.is_integer():
            raise RequestError(f"{column.name!r} must be an integer, not {shown(value)}", field=self._field(position, where))
        if abs(value) > LARGEST_INTEGER:
            raise RequestError(f"{column.name!r} is too large for an integer: {shown(value)}", field=self._field(position, where))
        return int(value)

    def _field(self, position: int, where: str) -> str:
        name = self.names[position]
        return name if where == "features" else f"{where}.{name}"


def example(columns: Sequence[Column]) -> Row:
    """Values a request may hold, made from the columns alone."""
    stand_in: Mapping[str, Value] = {"number": 0.5, "integer": 1, "boolean": True}
    return [
        (column.categories[0] if column.categories else "") if column.kind == "category" else stand_in[column.kind] for column in columns
    ]


def _same_family(known: Column, other: Column) -> None:
    if (known.kind == "category") != (other.kind == "category"):
        raise DataError(
            f"the column {known.name!r} is a {known.kind} in one live version and a {other.kind} in another",
            hint="versions that serve together must read a column in the same way: rename it in one of them",
        )


def kind_of(value: object) -> str:
    """What a JSON reader calls the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text {shown(value)}"
        case list():
            return "a list"
        case _:
            return "an object"


def shown(value: object) -> str:
    """A value as text for an error message, never longer than 60 characters."""
    text = value if isinstance(value, str) else "a number of very many digits" if _huge(value) else repr(value)
    return repr(text) if isinstance(value, str) and len(text) <= 60 else text[:57] + ("..." if len(text) > 57 else "")


def _huge(value: object) -> bool:
    return isinstance(value, int) and value.bit_length() > 4096
