"""Names and sentences in Prometheus' own languages: label matchers of PromQL, and the Go templates of annotations."""

import re
from collections.abc import Mapping
from string import Formatter

_VALUES = {
    "": '{{ printf "%.3g" $value }}',
    "percent": "{{ $value | humanizePercentage }}",
    "duration": "{{ $value | humanizeDuration }}",
}
_PLAIN = re.compile(r"[^\x20-\x7e]")


def quoted(text: str) -> str:
    """A text as a string of PromQL: double quotes, Go's escapes."""
    plain = text.encode(errors="backslashreplace").decode().replace("\\", r"\\").replace('"', r"\"")
    return f'"{_PLAIN.sub(lambda found: _escape(ord(found[0])), plain)}"'


def series(name: str, labels: Mapping[str, str]) -> str:
    """A series with these labels; as a selector, those with at least these."""
    return name + ("{" + ", ".join(f"{label}={quoted(value)}" for label, value in labels.items()) + "}" if labels else "")


def template(says: str) -> str:
    """A sentence with `{label}`, `{value}`, `{value:percent}` or `{value:duration}` as a Go template of Prometheus."""
    parts = []
    for literal, field, form, _ in Formatter().parse(says):
        parts.append(literally(literal))
        if field is not None:
            parts.append(_VALUES[form or ""] if field == "value" else f"{{{{ $labels.{field} }}}}")
    return "".join(parts)


def literally(text: str) -> str:
    """A text as a Go template that says just this text, whatever it looks like."""
    return text.replace("{", '{{ "{" }}')


def told(says: str, labels: Mapping[str, str], value: str) -> str:
    """What the template of a sentence comes to, with these labels and with this value as it is written."""
    parts = []
    for literal, field, _, _ in Formatter().parse(says):
        parts.append(literal)
        if field is not None:
            parts.append(value if field == "value" else labels.get(field, ""))
    return "".join(parts)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
