"""The page of `/metrics` for those who ask for OpenMetrics 1.0: the same series, in that format's spelling."""

from flyball.server.answers import Scope

KIND = b"application/openmetrics-text; version=1.0.0; charset=utf-8"


def asked_for(scope: Scope) -> bool:
    """True if the request's Accept header prefers OpenMetrics, as a Prometheus server's does, to plain text."""
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").lower()
    for one in accepted.split(b","):
        kind, _, rest = one.strip().partition(b";")
        if kind == b"application/openmetrics-text" and b"q=0" not in rest.replace(b" ", b"").replace(b"q=0.", b""):
            return True
    return False


def openmetrics(text: str) -> str:
    """The Prometheus text format in OpenMetrics: a counter's family has no `_total`, which its samples keep; the page ends with `# EOF`."""
    lines, counters = [], {line.split(" ")[2] for line in text.split("\n") if line.startswith("# TYPE ") and line.endswith(" counter")}
    for line in text.removesuffix("\n").split("\n"):  # nothing else ends a line: a name may hold other separators
        if line.startswith("# "):
            _, what, name, rest = line.split(" ", 3)
            family = name.removesuffix("_total") if name in counters else name
            lines.append(f"# {what} {family} {rest}")
        else:
            lines.append(line)
    return "\n".join([*lines, "# EOF", ""])
