"""What a call from Python gives back: a record that prints as a table, and in a notebook as a page where there is one."""

import html
from datetime import datetime
from typing import Any

from flyball.core.record import record

_FRAME = 'sandbox="" style="width: 100%; height: 760px; border: 1px solid #999"'


@record
class View:
    """A result that prints as a table in a notebook, or as its `page` where it has one. `value` is the record or the records behind it."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[object, ...], ...]
    value: Any
    page: str = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __repr__(self) -> str:
        lines = [self.title, "  ".join(self.head), *("  ".join(_cell(cell) for cell in line) for line in self.lines)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if self.page:  # in a frame of its own: neither its style nor that of the notebook reaches the other
            return f'<iframe srcdoc="{html.escape(self.page)}" title="{html.escape(self.title)}" {_FRAME}></iframe>'
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.head)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in line) + "</tr>" for line in self.lines)
        return f"<table><caption>{html.escape(self.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
